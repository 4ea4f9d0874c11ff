"""What the filter's page shows: pass rates as a figure, and the funnel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conflictscope.charts import Chart, FunnelStage, IntervalRow, funnel, interval_plot
from conflictscope.scenarios.filtering import pass_rates
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.pass_rates import FunnelStep, JudgeFindings
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.datasets import PassRate, PassRates

ALL = "All dimensions"
GROUPINGS: dict[str, str] = {"pair": "value pair", "template": "template", "acting": "side that acting serves"}


@dataclass(frozen=True, slots=True)
class RateRow:
    """One dimension, or (key empty) all of them together."""

    key: str
    label: str
    rate: PassRate

    @property
    def failed(self) -> int:
        return self.rate.of - self.rate.passed


def rate_rows(dataset: Dataset, rates: PassRates) -> list[RateRow]:
    rows = [RateRow(each.value, str(each.label), rates.dimensions[each]) for each in dimensions_of(dataset)]
    return [*rows, RateRow("", ALL, rates.all)]


def rates_chart(dataset: Dataset, judged: Sequence[JudgeFindings]) -> Chart | None:
    """Pass rates by dimension with their intervals, a colour for each judge; None where none has judged."""
    rows = [
        IntervalRow(
            label=row.label,
            value=row.rate.rate.value,
            low=row.rate.rate.low,
            high=row.rate.rate.high,
            n=row.rate.of,
            group=findings.judge.name if len(judged) > 1 else "",
        )
        for findings in judged
        for row in rate_rows(dataset, pass_rates.dimension_rates(findings))
    ]
    if not any(row.n for row in rows):
        return None
    shown = "; ".join(
        f"{row.label}{f' by {row.group}' if row.group else ''} {row.value:.0%}" for row in rows if row.value is not None
    )
    return interval_plot(
        rows,
        title="Share of scenarios that pass, with 95 % Wilson intervals",
        description=f"Pass rates in {dataset.name}: {shown}.",
        x_title="Share that passes",
        label_title="Dimension",
        group_title="Judge",
        domain=(0.0, 1.0),
    )


def funnel_chart(
    dataset: Dataset, whole: Sequence[FunnelStep], by_pair: Sequence[tuple[str, Sequence[FunnelStep]]]
) -> Chart | None:
    """What is left after each step, all together and by value pair; None for an empty dataset."""
    if not whole[0].count:
        return None
    groups = [("All", whole), *(by_pair if len(by_pair) > 1 else [])]
    counts_in_words = ", ".join(f"{stage.count} {stage.label.lower()}" for stage in whole)
    return funnel(
        [(name, [FunnelStage(stage.label, stage.count) for stage in stages]) for name, stages in groups],
        title="What is left after each step",
        description=f"Scenarios of {dataset.name}: {counts_in_words}.",
        group_title="Value pair",
        stage_title="Step",
        count_title="Scenarios",
    )
