"""Several judges on one dataset: how far they agree, dimension by dimension, and on which scenarios they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict
from conflictscope.stats.agreement import Agreement, judge_agreement
from conflictscope.stats.datasets import conjunction

if TYPE_CHECKING:
    from django.db.models import QuerySet

DECIDED = (Verdict.Outcome.PASS.value, Verdict.Outcome.FAIL.value)
SEED = 2_509


@dataclass(frozen=True, slots=True)
class JudgesAgreement:
    """Two judges on one dimension, or (`dimension` is None) on all together: would each keep the scenario or drop it?

    `agreement` is over scenarios to which both gave a pass or a fail; those that one left unparsable or unjudged are its
    `left_out`. Of its two raters the first is called the judge and the second people, whoever they are.
    """

    dimension: Dimension | None
    agreement: Agreement

    @property
    def label(self) -> str:
        return str(self.dimension.label) if self.dimension else "Kept or dropped"


@dataclass(frozen=True, slots=True)
class JudgePair:
    first: Judge
    second: Judge
    rows: list[JudgesAgreement]


def judges_of(dataset: Dataset) -> list[Judge]:
    """The judges that have judged scenarios of the dataset, the primary one first, then by name."""
    here = Verdict.objects.filter(judge=OuterRef("pk"), scenario__dataset=dataset)
    judges = Judge.objects.filter(Exists(here)).select_related("endpoint")
    return sorted(judges, key=lambda judge: (judge.pk != dataset.primary_judge_id, judge.name))


def compare(dataset: Dataset, first: Judge, second: Judge) -> list[JudgesAgreement]:
    """Raw agreement, kappa and the rest, with intervals, for each dimension and for the outcome of all together.

    Undefined where the two have judged no scenario in common; the estimates say so.
    """
    outcomes_of_first, outcomes_of_second = _outcomes(dataset, first), _outcomes(dataset, second)
    scenarios = sorted(outcomes_of_first.keys() | outcomes_of_second.keys())
    none = (None,) * len(dimensions_of(dataset))
    rng = np.random.default_rng(SEED)

    def agreement(left: list[str | None], right: list[str | None]) -> Agreement:
        return judge_agreement(
            _decided(left), _decided(right), categories=DECIDED, positive=Verdict.Outcome.PASS.value, rng=rng
        )

    rows = [
        JudgesAgreement(
            dimension,
            agreement(
                [outcomes_of_first.get(pk, none)[place] for pk in scenarios],
                [outcomes_of_second.get(pk, none)[place] for pk in scenarios],
            ),
        )
        for place, dimension in enumerate(dimensions_of(dataset))
    ]
    kept, kept_by_other = _together(outcomes_of_first), _together(outcomes_of_second)
    together = agreement([kept.get(pk) for pk in scenarios], [kept_by_other.get(pk) for pk in scenarios])
    return [*rows, JudgesAgreement(None, together)]


def compare_all(dataset: Dataset) -> list[JudgePair]:
    """Every two judges of the dataset; nothing where there is only one."""
    return [
        JudgePair(first, second, compare(dataset, first, second))
        for first, second in combinations(judges_of(dataset), 2)
    ]


def differing(
    dataset: Dataset, first: Judge, second: Judge, *, dimension: Dimension | str | None = None
) -> QuerySet[Scenario]:
    """The scenarios that one passes and the other fails, on the dimension, or on all together without one.

    Raises: ValueError: a dimension that this dataset is not asked.
    """
    asked = dimensions_of(dataset)
    dimensions = asked if dimension is None else (Dimension(dimension),)
    if not set(dimensions) <= set(asked):
        raise ValueError(f"{dimension} is not asked of dataset {dataset.slug!r}")
    settled = dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS)
    return settled.filter(
        Q(pk__in=_passed(first, dimensions)) & Q(pk__in=_failed(second, dimensions))
        | Q(pk__in=_failed(first, dimensions)) & Q(pk__in=_passed(second, dimensions))
    ).order_by("pk")


def _outcomes(dataset: Dataset, judge: Judge) -> dict[int, tuple[str | None, ...]]:
    """By scenario, the judge's outcome on each dimension that is asked, None where it has none. Duplicates are left out."""
    names = {str(name): place for place, name in enumerate(dimensions_of(dataset))}
    by_scenario: dict[int, list[str | None]] = {}
    verdicts = Verdict.objects.filter(
        judge=judge, scenario__dataset=dataset, scenario__status__in=SETTLED_BY_VERDICTS
    ).order_by("scenario", "pk")
    for scenario, dimension, outcome in verdicts.values_list("scenario", "dimension", "outcome").iterator():
        if dimension in names:
            by_scenario.setdefault(scenario, [None] * len(names))[names[dimension]] = outcome
    return {scenario: tuple(outcomes) for scenario, outcomes in by_scenario.items()}


def _together(outcomes: Mapping[int, tuple[str | None, ...]]) -> dict[int, str | None]:
    """All dimensions of a scenario together: what the judge alone would make of it."""
    return dict(zip(outcomes, conjunction(list(outcomes.values())), strict=True))


def _passed(judge: Judge, dimensions: Sequence[Dimension]) -> QuerySet[Verdict, Any]:
    """Scenarios that the judge has passed on every one of them."""
    passed = Verdict.objects.filter(judge=judge, dimension__in=dimensions, outcome=Verdict.Outcome.PASS)
    counted = passed.order_by().values("scenario").annotate(passed=Count("pk"))
    return counted.filter(passed=len(dimensions)).values("scenario")


def _failed(judge: Judge, dimensions: Sequence[Dimension]) -> QuerySet[Verdict, Any]:
    """Scenarios that the judge has failed on any one of them."""
    failed = Verdict.objects.filter(judge=judge, dimension__in=dimensions, outcome=Verdict.Outcome.FAIL)
    return failed.order_by().values("scenario")


def _decided(outcomes: list[str | None]) -> list[str | None]:
    return [outcome if outcome in DECIDED else None for outcome in outcomes]
