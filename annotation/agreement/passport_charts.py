"""A judge's passport as a picture: its agreement with a person beside that of people with each other."""

from __future__ import annotations

from annotation.agreement.passport import Passport
from annotation.models import Campaign
from conflictscope.charts import Chart, IntervalRow, interval_plot


def ceiling_chart(passport: Passport, campaign: Campaign) -> Chart:
    """For each subject kappa of the judge with a single person, and of a person with another, over the same items."""
    rows = []
    for row in passport.rows:
        for group, estimate in (
            ("Judge and a person", row.footing.kappa.judge),
            ("A person and another", row.footing.kappa.people),
        ):
            rows.append(
                IntervalRow(
                    label=row.subject.label,
                    value=estimate.value,
                    low=estimate.low,
                    high=estimate.high,
                    n=row.footing.n,
                    group=group,
                    note=estimate.reason or estimate.warning,
                )
            )
    return interval_plot(
        rows,
        title=f"{passport.judge} in {campaign.name}",
        description=(
            "For each dimension or question: Cohen's kappa of the judge with a single person and of a person with another, "
            "over the same items, with 95 % intervals."
        ),
        x_title="κ, agreement beyond chance",
        label_title="Dimension or question",
        group_title="Who",
        reference=0.0,
        footnote="Rests on simulated annotators or a simulated judge." if passport.simulated else "",
    )
