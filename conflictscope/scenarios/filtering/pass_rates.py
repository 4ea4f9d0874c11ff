"""What the filter let pass: by dimension, value pair, template and side, which dimension drops most, and the funnel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from django.db.models import Count, FilteredRelation, Q

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict
from conflictscope.stats.datasets import PassRates
from conflictscope.stats.datasets import pass_rates as rates_of
from conflictscope.stats.intervals import wilson
from conflictscope.stats.types import Estimate

By = Literal["pair", "template", "acting"]
Outcomes = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class GroupRates:
    """The pass rates of the scenarios of one pair, template or acting side, of which there are `scenarios`."""

    key: str
    label: str
    scenarios: int
    rates: PassRates


@dataclass(frozen=True, slots=True)
class Drop:
    """What one dimension costs, of the scenarios that the judge dropped.

    Attributes:
        failed: scenarios that fail on it; share: of all dropped ones, with its Wilson interval.
        alone: those that fail on nothing else: a milder question here would have kept them, unless unparsable elsewhere.
    """

    dimension: Dimension
    failed: int
    alone: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step of the funnel: how many scenarios came so far."""

    name: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """Scenarios that are alike in everything that is counted: `scenarios` is how many.

    `outcomes` has one entry for each dimension that is asked, None where the judge has given none; one of them it has given.
    """

    pair: tuple[str, str]
    template: str
    acting: str
    outcomes: Outcomes
    scenarios: int


@dataclass(frozen=True, slots=True)
class JudgeFindings:
    """What one judge found in a dataset, as few patterns as there are instead of a row for each scenario."""

    dataset: Dataset
    judge: Judge
    dimensions: tuple[Dimension, ...]
    patterns: tuple[Pattern, ...]


def findings_of(dataset: Dataset, judge: Judge) -> JudgeFindings:
    """The scenarios that the judge has judged, counted by the database.

    Duplicates are left out: what was judged before it was found to be one counts nowhere.
    """
    dimensions = tuple(dimensions_of(dataset))
    verdicts = {
        f"on_{name}": FilteredRelation("verdicts", condition=Q(verdicts__judge=judge, verdicts__dimension=name))
        for name in dimensions
    }
    outcomes = [f"{alias}__outcome" for alias in verdicts]
    columns = ("value_1__key", "value_2__key", "template", "acting_action", *outcomes)
    scenarios = dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS).annotate(**verdicts).order_by()
    rows = scenarios.values_list(*columns).annotate(count=Count("pk"))
    patterns = [
        Pattern((first or "", second or ""), template, acting, tuple(row_outcomes), count)
        for first, second, template, acting, *row_outcomes, count in rows
        if any(row_outcomes)
    ]
    return JudgeFindings(dataset, judge, dimensions, tuple(patterns))


def dimension_rates(found: JudgeFindings) -> PassRates:
    """The judge's pass rate on each dimension and on all together, with Wilson intervals over scenarios."""
    return _rates(found, found.patterns)


def rates_by(found: JudgeFindings, *, by: By) -> list[GroupRates]:
    """The same for each value pair, template, or side that acting serves, in the set's, the template's or the side's order.

    Groups without a judged scenario are left out.

    Raises: ValueError: an unknown grouping.
    """
    if by not in get_args(By):
        raise ValueError(f"rates are grouped by one of {', '.join(get_args(By))}, not {by!r}")
    groups: dict[str, list[Pattern]] = {}
    for pattern in found.patterns:
        key = "~".join(pattern.pair).strip("~") if by == "pair" else getattr(pattern, by)
        groups.setdefault(key, []).append(pattern)
    labels = _labels(found.dataset, by)
    known = [key for key in labels if key in groups]
    return [
        GroupRates(key, labels.get(key, key), sum(each.scenarios for each in groups[key]), _rates(found, groups[key]))
        for key in [*known, *sorted(groups.keys() - labels.keys())]
    ]


def drops(found: JudgeFindings) -> list[Drop]:
    """The dimensions by how many scenarios fail on them, the one that drops most first."""
    dropped = [
        (failing, pattern.scenarios)
        for pattern in found.patterns
        if (failing := {name for name, outcome in _by_dimension(found, pattern) if outcome == Verdict.Outcome.FAIL})
    ]
    everything = sum(count for _, count in dropped)
    costs = []
    for name in found.dimensions:
        failed = sum(count for failing, count in dropped if name in failing)
        alone = sum(count for failing, count in dropped if failing == {name})
        costs.append(Drop(dimension=name, failed=failed, alone=alone, share=wilson(failed, everything)))
    return sorted(costs, key=lambda drop: -drop.failed)


def funnel(dataset: Dataset) -> list[FunnelStep]:
    """How many scenarios there are at each step, each a part of the one before: all, no duplicates, drafted, judged on
    every dimension (or dropped), kept, passed by people. Statuses follow the primary judge and the people who overrule it."""
    counts = dict(dataset.scenarios.order_by().values_list("status").annotate(Count("pk")))
    return _stages(dataset, counts, dataset.scenarios.filter(status=Scenario.Status.KEPT).human_validated().count())


def funnels_by_pair(dataset: Dataset) -> list[tuple[str, list[FunnelStep]]]:
    """The same for each value pair that has scenarios, by its name, in the set's order; nothing without value pairs."""
    counts: dict[str, dict[str, int]] = {}
    pair = ("value_1__key", "value_2__key")
    drawn = dataset.scenarios.filter(value_1__isnull=False).order_by()
    for first, second, status, count in drawn.values_list(*pair, "status").annotate(Count("pk")):
        counts.setdefault(f"{first}~{second}", {})[status] = count
    kept = drawn.filter(status=Scenario.Status.KEPT).human_validated()
    validated = {f"{first}~{second}": n for first, second, n in kept.values_list(*pair).annotate(Count("pk"))}
    labels = _labels(dataset, "pair")
    order = [*(key for key in labels if key in counts), *sorted(counts.keys() - labels.keys())]
    return [(labels.get(key, key), _stages(dataset, counts[key], validated.get(key, 0))) for key in order]


def _stages(dataset: Dataset, counts: Mapping[str, int], validated: int) -> list[FunnelStep]:
    status = Scenario.Status
    everything = sum(counts.values())
    drafted = sum(counts.get(each, 0) for each in SETTLED_BY_VERDICTS)
    return [
        FunnelStep("written", "Outlined" if dataset.variant != Dataset.Variant.IMPORTED else "Imported", everything),
        FunnelStep("different", "No duplicate", everything - counts.get(status.DUPLICATE, 0)),
        FunnelStep("drafted", "Drafted", drafted),
        FunnelStep("judged", "Judged", drafted - counts.get(status.DRAFTED, 0)),
        FunnelStep("kept", "Kept", counts.get(status.KEPT, 0)),
        FunnelStep("validated", "Human-validated", validated),
    ]


def _rates(found: JudgeFindings, patterns: Sequence[Pattern]) -> PassRates:
    return rates_of(
        [each.outcomes for each in patterns],
        dimensions=list(found.dimensions),
        counts=[each.scenarios for each in patterns],
    )


def _by_dimension(found: JudgeFindings, pattern: Pattern) -> Iterator[tuple[Dimension, str | None]]:
    return zip(found.dimensions, pattern.outcomes, strict=True)


def _labels(dataset: Dataset, by: By) -> dict[str, str]:
    """The groups in the order they are shown, by key."""
    if by == "template":
        return {str(value): str(label) for value, label in Scenario.Template.choices} | {"": "No template"}
    if by == "acting":
        return {"1": "Acting serves value 1", "2": "Acting serves value 2", "unknown": "Unknown"}
    version = dataset.value_set_version
    pairs = version.pairs() if version else []
    return {f"{first.key}~{second.key}": f"{first.name} – {second.name}" for first, second in pairs} | {
        "": "No value pair"
    }
