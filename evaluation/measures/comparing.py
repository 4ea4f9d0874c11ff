"""The datasets of a study side by side: what became of their scenarios, how they differ, and how hard they are for targets."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from conflictscope.errors import NotFound
from conflictscope.files.csv_cells import escape
from conflictscope.scenarios.datasets import StatusCount, status_counts
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.diversity import DescriptionDiversity, diversity_of
from conflictscope.scenarios.filtering.pass_rates import dimension_rates, findings_of
from conflictscope.scenarios.models import Dataset, Dimension, Scenario
from conflictscope.stats.datasets import PassRate, PassRates
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Study
from evaluation.measures.datasets import DatasetMeasures, measure

UNJUDGED = "not filtered"
UNEVALUATED = "not evaluated by multiple choice"


@dataclass(frozen=True, slots=True)
class ComparedDataset:
    """One row. `rates` are the primary judge's; `measures` None: no target answered by multiple choice."""

    dataset: Dataset
    counts: list[StatusCount]
    rates: PassRates | None
    diversity: DescriptionDiversity
    measures: DatasetMeasures | None

    @property
    def total(self) -> int:
        return sum(each.count for each in self.counts)

    @property
    def in_order(self) -> list[int]:
        """How many scenarios of each status, in the order of a scenario's life."""
        counts = {each.status: each.count for each in self.counts}
        return [counts.get(status, 0) for status in Scenario.Status]

    @property
    def passed_all(self) -> Estimate:
        return self.rates.all.rate if self.rates else Estimate.undefined(UNJUDGED)

    @property
    def by_dimension(self) -> list[tuple[Dimension, PassRate | None]]:
        """In the order of the dimensions; None where it is not asked, or nobody has asked."""
        return [(dimension, self.rates.dimensions.get(dimension) if self.rates else None) for dimension in Dimension]

    @property
    def diverse(self) -> Estimate:
        return self._diverse(kept=False)

    @property
    def diverse_kept(self) -> Estimate:
        return self._diverse(kept=True)

    def _diverse(self, *, kept: bool) -> Estimate:
        diversity = self.diversity.kept if kept else self.diversity.all
        if diversity is not None:
            return diversity.mean
        if not self.diversity.described:
            return Estimate.undefined("no scenario has a description")
        return Estimate.undefined(f"{self.diversity.missing} texts not embedded")

    @property
    def agreement(self) -> Estimate:
        return self.measures.agreement.mean if self.measures else Estimate.undefined(UNEVALUATED)

    @property
    def divergence(self) -> Estimate:
        return self.measures.divergence.share if self.measures else Estimate.undefined(UNEVALUATED)


@dataclass(frozen=True, slots=True)
class VariantCount:
    """The datasets of one variant together."""

    variant: Dataset.Variant
    rows: list[ComparedDataset]

    @property
    def total(self) -> int:
        return sum(row.total for row in self.rows)

    @property
    def in_order(self) -> list[int]:
        """How many scenarios of each status, in the order of a scenario's life."""
        return [sum(counts) for counts in zip(*(row.in_order for row in self.rows), strict=True)]


def compared(study: Study) -> list[ComparedDataset]:
    """The study's datasets, by variant and name."""
    datasets = list(
        study.datasets.shown()
        .select_related("study", "value_set_version__value_set", "generator", "primary_judge__endpoint")
        .order_by("variant", "name", "pk")
    )
    counts = status_counts(datasets)
    return [
        ComparedDataset(
            dataset,
            counts=counts.get(dataset.pk, []),
            rates=dimension_rates(findings_of(dataset, dataset.primary_judge)) if dataset.primary_judge else None,
            diversity=diversity_of(dataset),
            measures=_measured(dataset),
        )
        for dataset in datasets
    ]


def by_variant(rows: Sequence[ComparedDataset]) -> list[VariantCount]:
    """Counts by variant and status, for the variants that there are."""
    groups = [
        VariantCount(variant, [row for row in rows if row.dataset.variant == variant]) for variant in Dataset.Variant
    ]
    return [group for group in groups if group.rows]


def _measured(dataset: Dataset) -> DatasetMeasures | None:
    try:
        return measure(dataset)
    except NotFound:
        return None


def as_csv(rows: Sequence[ComparedDataset]) -> Iterator[str]:
    """One line a dataset; each estimate with its limits, its count and, where it is undefined, why."""
    estimates = [
        "pass_all",
        *(f"pass_{dimension}" for dimension in Dimension),
        "diversity",
        "diversity_kept",
        "observed_agreement",
        "likert_divergence",
    ]
    parts = ("", "_low", "_high", "_n", "_note")
    statuses = [str(status) for status in Scenario.Status]
    heading = [
        "dataset",
        "name",
        "variant",
        "value_set",
        "simulated",
        "digest",
        "scenarios",
        *statuses,
        "judge",
        "targets",
    ]
    yield _line([*heading, *(f"{name}{part}" for name in estimates for part in parts)])
    for row in rows:
        dataset = row.dataset
        cells: list[object] = [
            dataset.slug,
            dataset.name,
            dataset.variant,
            str(dataset.value_set_version or ""),
            dataset.simulated,
        ]
        cells += [digest_of(dataset), row.total, *row.in_order]
        cells += [dataset.primary_judge or "", len(row.measures.runs) if row.measures else 0]
        for estimate in (row.passed_all, *(_rate(rate) for _, rate in row.by_dimension), row.diverse, row.diverse_kept):
            cells += _cells(estimate)
        cells += [*_cells(row.agreement), *_cells(row.divergence)]
        yield _line(cells)


def _rate(rate: PassRate | None) -> Estimate:
    return rate.rate if rate else Estimate.undefined("not asked")


def _cells(given: Estimate) -> list[object]:
    numbers: list[object] = [given.value, given.low, given.high]
    return ["" if number is None else number for number in numbers] + [given.n, given.reason or given.warning]


def _line(cells: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text).writerow([escape(cell) if isinstance(cell, str) else str(cell) for cell in cells])
    return text.getvalue()
