"""The pictures of a campaign's report: judges over dimensions, raters against raters, and how long people took."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from annotation.agreement.measures import RaterComparison
from annotation.agreement.passport import Passport
from annotation.agreement.tables import Subject
from annotation.models import Assignment, Campaign
from conflictscope.charts import (
    Chart,
    CountBin,
    IntervalRow,
    MatrixCell,
    histogram,
    interval_plot,
    matrix_plot,
)

BINS = 20
# Times beyond this many medians are put into the last bar: a lunch is no reading.
LONG = 4


def judges_chart(passports: Sequence[Passport], campaign: Campaign) -> Chart:
    """For each judge and dimension κ with a single person beside that of people, over the same items."""
    rows = [
        IntervalRow(
            label=row.subject.label,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=row.footing.n,
            group=group,
            panel=str(passport.judge),
            note=estimate.reason or estimate.warning,
        )
        for passport in passports
        for row in passport.rows
        for group, estimate in (
            ("Judge and a person", row.footing.kappa.judge),
            ("A person and another", row.footing.kappa.people),
        )
    ]
    return interval_plot(
        rows,
        title=f"Judges and people in {campaign.name}",
        description=(
            "For each judge and each dimension or question: Cohen's kappa of the judge with a single person and of a person with "
            "another, over the same items, with 95 % intervals."
        ),
        x_title="κ, agreement beyond chance",
        label_title="Dimension or question",
        group_title="Who",
        panel_title="Judge",
        reference=0.0,
        footnote=_footnote(any(passport.simulated for passport in passports)),
    )


def raters_chart(
    comparison: RaterComparison, subject: Subject, campaign: Campaign, *, judged: bool, simulated: bool
) -> Chart | None:
    """κ of each rater with each other on the items that both answered; None where there is one rater alone."""
    cells = [
        MatrixCell(
            rater,
            person,
            agreement.kappa.value,
            agreement.kappa.low,
            agreement.kappa.high,
            agreement.kappa.n,
            agreement.kappa.reason or agreement.kappa.warning,
        )
        for rater, row in comparison.rows()[0 if judged else 1 :]
        for person, agreement in zip(comparison.raters[1:], row, strict=True)
        if agreement is not None
    ]
    if not cells:
        return None
    return matrix_plot(
        cells,
        title=f"Rater against rater on {subject.label.lower()} in {campaign.name}",
        description="Cohen's kappa of each pair of raters, on the items that both answered.",
        row_title="Rater",
        column_title="Person",
        value_title="κ",
        limit=1.0,
        digits=2,
        footnote=_footnote(simulated),
    )


def times_chart(campaign: Campaign) -> Chart | None:
    """How long people were at work on an item; None where nobody's time is known."""
    seconds = sorted(
        Assignment.objects.counted()
        .filter(item__campaign=campaign, active_seconds__gt=0)
        .order_by()
        .values_list("active_seconds", flat=True)
    )
    if not seconds:
        return None
    middle = float(median(seconds))
    step = max(round(LONG * middle / BINS), 1)
    counts = [0] * BINS
    for each in seconds:
        counts[min(int(each // step), BINS - 1)] += 1
    return histogram(
        [CountBin(float(place * step), float((place + 1) * step), count) for place, count in enumerate(counts)],
        title=f"Time on an item in {campaign.name}",
        description=(
            f"How many of {len(seconds):,} sheets took so many seconds of work; half took less than {middle:g}. The last bar "
            f"holds all from {(BINS - 1) * step} on."
        ),
        x_title="Seconds at work",
        y_title="Sheets",
        threshold=middle,
        below="the faster half",
        above="the slower half",
    )


def _footnote(simulated: bool) -> str:
    return "Rests on simulated annotators or a simulated judge." if simulated else ""
