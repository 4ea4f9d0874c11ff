"""Which scenarios people get to label, and how likely each one was to be among them.

Scenarios that the judge rejected are drawn too: without them its errors of rejection cannot be seen. Whatever the plan, every
scenario has a known probability above 0, so that estimates can be weighted back to the whole dataset. A sample can be enlarged:
what is added is drawn so that the probabilities are those of a sample that had been that large from the start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from annotation.campaigns.populations import Candidate
from annotation.campaigns.serving import serving_keys
from conflictscope.stats.sampling import proportional, systematic

# A plan that leans to uncertainty leaves every scenario at least this part of the chance it would have at random.
FLOOR = 0.25


class Plan(StrEnum):
    RANDOM = "random"
    STRATIFIED = "stratified"
    UNCERTAINTY = "uncertainty"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scenario in the sample; `shuffle_key` puts it into the order in which items are served (`annotation.campaigns.serving`)."""

    candidate: Candidate
    probability: float
    shuffle_key: float


def chances(population: Sequence[Candidate], *, plan: Plan, size: int) -> list[float]:
    """How likely each scenario is to be in a sample of `size` (or of everything, if there is less).

    *Random*: all alike. *Stratified*: the judge's outcomes (the pairs of values, where there are none) have equal parts of
    the sample, as far as there are enough of each. *Uncertainty*: in proportion to the judge's doubt, at most 1, at least
    `FLOOR` of the chance at random.
    """
    size = min(size, len(population))
    if plan == Plan.UNCERTAINTY:
        return [float(each) for each in proportional([each.doubt for each in population], size, floor=FLOOR)]
    if plan == Plan.RANDOM:
        return [size / len(population)] * len(population)
    available = Counter(candidate.group for candidate in population)
    parts = equal_parts(available, size)
    return [parts[candidate.group] / available[candidate.group] for candidate in population]


def draw(
    population: Sequence[Candidate],
    *,
    plan: Plan,
    size: int,
    seed: int,
    before: Collection[int] = (),
    size_before: int = 0,
    turn: int = 0,
) -> list[Drawn]:
    """A sample of `size` scenarios (or everything, if there is less), the same for the same seed.

    A systematic walk through the list gives each scenario exactly its chance; except at random the list is sorted by the
    judge's outcome, pair and template, so that each of these gets its share to within one scenario.

    Args:
        before, size_before: the scenarios of earlier draws by the same plan from the same population, and the size asked for
            then. Only others are returned: each that was left out is drawn with the chance that brings its overall
            probability to that of the larger sample.
        turn: how many draws there were before; each has random numbers of its own.
    Returns: `probability` is the overall one, of this draw and those before.
    Raises:
        ValueError: nothing to draw from, or fewer to draw than `least` says.
    """
    if not population or size < least(population, plan=plan):
        raise ValueError(f"cannot draw {size} of {len(population)} scenarios by the plan {plan}")
    rng = np.random.default_rng([seed, turn] if turn else seed)
    wanted = chances(population, plan=plan, size=size)
    had = chances(population, plan=plan, size=size_before) if size_before else [0.0] * len(population)
    taken = set(before)
    left = [index for index, candidate in enumerate(population) if candidate.scenario_id not in taken]
    ties = rng.random(len(population))

    def place(index: int) -> tuple[object, ...]:
        each = population[index]
        return (ties[index],) if plan == Plan.RANDOM else (each.group, each.pair, each.template, ties[index])

    order = sorted(left, key=place)
    more = [(wanted[index] - had[index]) / (1 - had[index]) if had[index] < 1 else 0.0 for index in order]
    picked = sorted(order[position] for position in systematic(np.clip(more, 0, 1), rng=rng))
    keys = serving_keys([(population[index].group, population[index].stratum) for index in picked], rng)
    drawn = [Drawn(population[index], wanted[index], key) for index, key in zip(picked, keys, strict=True)]
    # In the order of serving, so that not even the numbers of their rows tell which were drawn together.
    return sorted(drawn, key=lambda each: each.shuffle_key)


def least(population: Sequence[Candidate], *, plan: Plan) -> int:
    """The smallest sample in which every scenario has a chance: one, or one for each part of a stratified sample."""
    return len({candidate.group for candidate in population}) if plan == Plan.STRATIFIED else 1


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
