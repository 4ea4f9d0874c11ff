"""What a dataset has, and what was asked for it so far: what the next round is planned from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conflictscope.jobs.models import Job, WorkItem
from conflictscope.scenarios.generation.recipe import Recipe
from conflictscope.scenarios.generation.stock import ScenarioKind, number_of, spread, wanted
from conflictscope.scenarios.generation.yields import BatchYield, PairState
from conflictscope.scenarios.models import Dataset, Scenario

KIND = "scenarios.generate"
Numbers = tuple[int | None, int | None, str]


@dataclass(slots=True)
class Survey:
    """
    Attributes:
        wanted, short: how many of each kind the recipe wants, and lacks (kinds that lack none are left out).
        places: by kind, how many are still to be set in each deployment context; below none where it has more than its share.
        failed: kinds with a call that failed in this job; its error would most likely return at once.
        asked: batches ever asked for: the next sample number, so that no old reply comes back.
        rounds: rounds ever asked for of a pair. numbered: the last number given. seen: the last position compared.
    """

    wanted: dict[ScenarioKind, int]
    pairs: dict[tuple[int, int], PairState] = field(default_factory=dict)
    short: dict[ScenarioKind, int] = field(default_factory=dict)
    places: dict[ScenarioKind, Counter[str]] = field(default_factory=dict)
    failed: set[ScenarioKind] = field(default_factory=set)
    asked: Counter[ScenarioKind] = field(default_factory=Counter)
    rounds: Counter[tuple[int, int]] = field(default_factory=Counter)
    numbered: Counter[Numbers] = field(default_factory=Counter)
    seen: int = 0


def subject_of(dataset: Dataset) -> str:
    return f"dataset {dataset.pk}"


def items_about(dataset: Dataset) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Job, payload and state of every item that ever generated for the dataset."""
    items = WorkItem.objects.filter(job__kind=KIND, job__subject=subject_of(dataset))
    return items.order_by("pk").values_list("job_id", "payload", "state").iterator()


def survey(job: Job, dataset: Dataset, recipe: Recipe) -> Survey:
    stock = Survey(wanted=wanted(dataset, recipe))
    for cell, number in stock.wanted.items():
        stock.pairs.setdefault(cell.pair, PairState(wanted=0)).wanted += number
    there, have = _scenarios(dataset, stock)
    for job_id, payload, state in items_about(dataset):
        if "scenario" in payload:
            continue
        cell, here = ScenarioKind.of_payload(payload), job_id == job.pk
        first, count = payload["first"], payload["count"]
        stock.asked[cell] += 1
        stock.numbered[cell.numbers] = max(stock.numbered[cell.numbers], first + count - 1)
        stock.rounds[cell.pair] = max(stock.rounds[cell.pair], payload["round"])
        if state == WorkItem.State.FAILED and here:
            stock.failed.add(cell)
        if state == WorkItem.State.DONE and cell.pair in stock.pairs:
            numbers = there.get(cell.numbers, {})
            came = [numbers[n] for n in range(first, first + count) if n in numbers]
            stock.pairs[cell.pair].batches.append(BatchYield(payload["round"], count, len(came), sum(came), here=here))
    stock.places = spread(stock.wanted, recipe.deployment_contexts)
    for cell, number in stock.wanted.items():
        if (lacking := number - have[cell].total()) > 0:
            stock.short[cell] = lacking
        stock.places[cell].subtract({context: have[cell][context] for context in stock.places[cell]})
    for pair, state_of_pair in stock.pairs.items():
        missing = [cell for cell in stock.short if cell.pair == pair]
        state_of_pair.stuck = bool(missing) and stock.failed.issuperset(missing)
    return stock


def _scenarios(
    dataset: Dataset, found: Survey
) -> tuple[dict[Numbers, dict[int, bool]], dict[ScenarioKind, Counter[str]]]:
    """By sequence, whether the scenario of each number is usable; and how many usable ones there are of each kind, by context."""
    there: dict[Numbers, dict[int, bool]] = {}
    have: dict[ScenarioKind, Counter[str]] = defaultdict(Counter)
    columns = ("uid", "value_1", "value_2", "template", "acting_action", "deployment_context", "status", "position")
    for uid, value_1, value_2, template, acting, context, status, position in dataset.scenarios.values_list(*columns):
        usable = status != Scenario.Status.DUPLICATE
        numbers = (value_1, value_2, template)
        there.setdefault(numbers, {})[number_of(uid)] = usable
        found.numbered[numbers] = max(found.numbered[numbers], number_of(uid))
        found.seen = max(found.seen, position or 0)
        if value_1 is None or value_2 is None or (value_1, value_2) not in found.pairs:
            continue
        pair = found.pairs[value_1, value_2]
        pair.usable += usable
        pair.duplicates += not usable
        have[ScenarioKind(value_1, value_2, template, acting)][context] += usable
    return there, have
