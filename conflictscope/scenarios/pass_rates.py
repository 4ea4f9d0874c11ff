"""What the filter let pass: by dimension, value pair, template and side, which dimension drops most, and the funnel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from django.db.models import Count

from conflictscope.scenarios.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict
from conflictscope.scenarios.verdicts import SETTLED_BY_VERDICTS
from conflictscope.stats.datasets import PassRates, conjunction
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
class Stage:
    """One step of the funnel: how many scenarios came so far."""

    name: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class _Row:
    pair: tuple[str, str]
    template: str
    acting: str
    outcomes: Outcomes


def dimension_rates(dataset: Dataset, judge: Judge) -> PassRates:
    """The judge's pass rate on each dimension and on all together, with Wilson intervals over scenarios."""
    names = list(dimensions_of(dataset))
    return rates_of([row.outcomes for row in _rows(dataset, judge)], dimensions=names)


def rates_by(dataset: Dataset, judge: Judge, *, by: By) -> list[GroupRates]:
    """The same for each value pair, template, or side that acting serves, in the set's, the template's or the side's order.

    Groups without a judged scenario are left out.

    Raises: ValueError: an unknown grouping.
    """
    if by not in get_args(By):
        raise ValueError(f"rates are grouped by one of {', '.join(get_args(By))}, not {by!r}")
    names = list(dimensions_of(dataset))
    groups: dict[str, list[Outcomes]] = {}
    for row in _rows(dataset, judge):
        key = "~".join(row.pair).strip("~") if by == "pair" else getattr(row, by)
        groups.setdefault(key, []).append(row.outcomes)
    labels = _labels(dataset, by)
    known = [key for key in labels if key in groups]
    return [
        GroupRates(key, labels.get(key, key), len(groups[key]), rates_of(groups[key], dimensions=names))
        for key in [*known, *sorted(groups.keys() - labels.keys())]
    ]


def drops(dataset: Dataset, judge: Judge) -> list[Drop]:
    """The dimensions by how many scenarios fail on them, the one that drops most first."""
    names = dimensions_of(dataset)
    failing = [
        {name for name, outcome in zip(names, row.outcomes, strict=True) if outcome == Verdict.Outcome.FAIL}
        for row in _rows(dataset, judge)
    ]
    dropped = [each for each in failing if each]
    found = [
        Drop(
            dimension=name,
            failed=sum(name in each for each in dropped),
            alone=sum(each == {name} for each in dropped),
            share=wilson(sum(name in each for each in dropped), len(dropped)),
        )
        for name in names
    ]
    return sorted(found, key=lambda drop: -drop.failed)


def funnel(dataset: Dataset) -> list[Stage]:
    """How many scenarios there are at each step, each a part of the one before: all, no duplicates, drafted, judged on
    every dimension (or dropped), kept, passed by people. Statuses follow the primary judge and the people who overrule it."""
    counts = dict(dataset.scenarios.order_by().values_list("status").annotate(Count("pk")))
    return _stages(dataset, counts, dataset.scenarios.filter(status=Scenario.Status.KEPT).human_validated().count())


def funnels_by_pair(dataset: Dataset) -> list[tuple[str, list[Stage]]]:
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


def _stages(dataset: Dataset, counts: Mapping[str, int], validated: int) -> list[Stage]:
    status = Scenario.Status
    everything = sum(counts.values())
    drafted = sum(counts.get(each, 0) for each in SETTLED_BY_VERDICTS)
    return [
        Stage("written", "Outlined" if dataset.variant != Dataset.Variant.IMPORTED else "Imported", everything),
        Stage("different", "No duplicate", everything - counts.get(status.DUPLICATE, 0)),
        Stage("drafted", "Drafted", drafted),
        Stage("judged", "Judged", drafted - counts.get(status.DRAFTED, 0)),
        Stage("kept", "Kept", counts.get(status.KEPT, 0)),
        Stage("validated", "Human-validated", validated),
    ]


def outcomes_of(dataset: Dataset, judge: Judge) -> dict[int, Outcomes]:
    """By scenario, the judge's outcome on each dimension that is asked, None where it has none; in the order of the rows.

    Duplicates are left out: what was judged before it was found to be one counts nowhere.
    """
    names = {str(name): place for place, name in enumerate(dimensions_of(dataset))}
    found: dict[int, list[str | None]] = {}
    verdicts = Verdict.objects.filter(
        judge=judge, scenario__dataset=dataset, scenario__status__in=SETTLED_BY_VERDICTS
    ).order_by("scenario", "pk")
    for scenario, dimension, outcome in verdicts.values_list("scenario", "dimension", "outcome").iterator():
        if dimension in names:
            found.setdefault(scenario, [None] * len(names))[names[dimension]] = outcome
    return {scenario: tuple(outcomes) for scenario, outcomes in found.items()}


def joined(outcomes: Mapping[int, Outcomes]) -> dict[int, str | None]:
    """All dimensions of a scenario together: what the judge alone would make of it."""
    return dict(zip(outcomes, conjunction(list(outcomes.values())), strict=True))


def _rows(dataset: Dataset, judge: Judge) -> Iterator[_Row]:
    outcomes = outcomes_of(dataset, judge)
    scenarios = dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS).order_by("pk")
    columns = ("pk", "value_1__key", "value_2__key", "template", "acting_action")
    for pk, value_1, value_2, template, acting in scenarios.values_list(*columns):
        if pk in outcomes:
            yield _Row((value_1 or "", value_2 or ""), template, acting, outcomes[pk])


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
