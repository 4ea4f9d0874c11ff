"""Which scenarios people get to label, and how likely each one was to be among them.

Scenarios that the judge rejected are drawn too: without them its errors of rejection cannot be seen. Whatever the plan, every
scenario has a known probability above 0, so that estimates can be weighted back to the whole dataset.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from annotation.serving import serving_keys
from conflictscope.scenarios.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, Scenario, Verdict
from conflictscope.scenarios.verdicts import SETTLED_BY_VERDICTS, settle


class Plan(StrEnum):
    RANDOM = "random"
    STRATIFIED = "stratified"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scenario that could be drawn. `outcome` is what the judge alone made of it (a status)."""

    scenario_id: int
    pair: str
    template: str
    outcome: str

    @property
    def stratum(self) -> str:
        return " · ".join(part for part in (self.pair, self.template, self.outcome) if part)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scenario in the sample; `shuffle_key` puts it into the order in which items are served (`annotation.serving`)."""

    candidate: Candidate
    probability: float
    shuffle_key: float


def candidates(dataset: Dataset) -> list[Candidate]:
    """Every scenario with two actions, in the order of its making: kept, dropped, undecided or not judged yet."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    if dataset.primary_judge_id is not None:
        verdicts = Verdict.objects.filter(scenario__dataset=dataset, judge=dataset.primary_judge_id)
        for scenario_id, dimension, outcome in verdicts.values_list("scenario", "dimension", "outcome").iterator():
            found[scenario_id][dimension] = outcome
    asked = dimensions_of(dataset)
    rows = Scenario.objects.filter(dataset=dataset, status__in=SETTLED_BY_VERDICTS).order_by("pk")
    return [
        Candidate(
            scenario_id=pk,
            pair=f"{value_1}-{value_2}" if value_1 else "",
            template=template,
            outcome=settle(found[pk], dimensions=asked),
        )
        for pk, value_1, value_2, template in rows.values_list("pk", "value_1__key", "value_2__key", "template")
    ]


def draw(population: Sequence[Candidate], *, plan: Plan, size: int, seed: int) -> list[Drawn]:
    """A sample of `size` (or everything, if there is less), the same for the same seed.

    *Random*: every scenario is as likely as any other. *Stratified*: the judge's outcomes get equal parts of the sample, as
    far as there are enough of each; within an outcome a systematic walk through the list, sorted by pair and template, gives
    each of these its share to within one scenario.

    Raises:
        ValueError: nothing to draw from, or fewer to draw than `least` says.
    """
    if not population or size < least(population, plan=plan):
        raise ValueError(f"cannot draw {size} of {len(population)} scenarios by the plan {plan}")
    rng = np.random.default_rng(seed)
    size = min(size, len(population))
    if plan == Plan.RANDOM:
        chosen = rng.choice(len(population), size=size, replace=False)
        picked = [(population[index], size / len(population)) for index in sorted(chosen)]
    else:
        groups: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in population:
            groups[candidate.outcome].append(candidate)
        parts = equal_parts({outcome: len(group) for outcome, group in groups.items()}, size)
        picked = [
            (candidate, parts[outcome] / len(group))
            for outcome, group in sorted(groups.items())
            for candidate in _systematic(group, parts[outcome], rng)
        ]
    keys = serving_keys([(candidate.outcome, candidate.stratum) for candidate, _ in picked], rng)
    drawn = [Drawn(candidate, probability, key) for (candidate, probability), key in zip(picked, keys, strict=True)]
    # In the order of serving, so that not even the numbers of their rows tell which were drawn together.
    return sorted(drawn, key=lambda each: each.shuffle_key)


def least(population: Sequence[Candidate], *, plan: Plan) -> int:
    """The smallest sample in which every scenario has a chance: one, or one for each of the judge's outcomes."""
    return 1 if plan == Plan.RANDOM else len({candidate.outcome for candidate in population})


def equal_parts(available: Mapping[str, int], total: int) -> dict[str, int]:
    """Split `total` evenly over groups; what a small group cannot fill goes to the others."""
    total = min(total, sum(available.values()))
    parts = dict.fromkeys(available, 0)
    while total:
        unfilled = sorted((name for name in parts if parts[name] < available[name]), key=lambda name: -available[name])
        share = max(total // len(unfilled), 1)
        for name in unfilled:
            more = min(share, available[name] - parts[name], total)
            parts[name] += more
            total -= more
    return parts


def _systematic(group: Sequence[Candidate], wanted: int, rng: np.random.Generator) -> list[Candidate]:
    """`wanted` of the group at even steps from a random start: each is chosen with probability wanted / len(group)."""
    ties = rng.random(len(group))
    order = sorted(range(len(group)), key=lambda index: (group[index].pair, group[index].template, ties[index]))
    step = len(group) / wanted
    start = rng.uniform(0, step)
    return [group[order[min(int(start + turn * step), len(group) - 1)]] for turn in range(wanted)]
