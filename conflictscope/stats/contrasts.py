"""How rankings differ in the mean over several llms: one judge against another, one dataset against another, two targets."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.bradley_terry.resampling import sandwich
from conflictscope.stats.bradley_terry.task import Task, sums
from conflictscope.stats.intervals import z_of
from conflictscope.stats.shifts import ALIKE, ALPHA, EQUAL, FEW_SCENARIOS, kendall_tau_b, ranks_of
from conflictscope.stats.tallies import Tallies, matched
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contrast(Result):
    """Second minus first, in the mean over llms that have both.

    Attributes:
        values: keys; first, second: mean strengths, None without a comparison; first_ranks, second_ranks: of these means.
        strengths: second - first with intervals by scenario; n = scenarios behind it.
        groups: the mean difference of each group of values, likewise; empty without groups.
        tau: Kendall's tau-b of the two orders of means; None where one of them has no order.
        llms: how many were compared; left_out: reasons why others were not, in their order.
        paired: whether both sides were asked the same scenarios, which are then one unit.
        scenarios: behind all of it. reason: why there is no comparison.
    """

    values: tuple[str, ...]
    first: tuple[float, ...] | None
    second: tuple[float, ...] | None
    first_ranks: tuple[int, ...] | None
    second_ranks: tuple[int, ...] | None
    strengths: tuple[Estimate, ...]
    groups: tuple[tuple[str, Estimate], ...]
    tau: float | None
    llms: int
    left_out: tuple[str, ...]
    paired: bool
    scenarios: int
    reason: str


@dataclass(frozen=True)
class _Side:
    """The strengths of one ranking, and how each scenario pulls on them, shape (S, K)."""

    theta: Floats
    pull: Floats
    scenarios: tuple[Hashable, ...]
    pair: Sequence[tuple[int, int]]


def mean_contrast(
    twos: Sequence[tuple[Tallies, Tallies]],
    *,
    paired: bool,
    groups: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> Contrast:
    """The mean over llms of (second - first), each ranking fitted on its own, with an interval that takes scenarios as units.

    A scenario's pull on the difference is the sum of its pulls on all the rankings that it is part of, whichever side; the
    variance is that of these sums within pairs of values. So a scenario that all llms answered is one unit, and scenarios of
    only one side are independent of those of the other.

    Args:
        twos: of each llm its two tables, over the same values. paired: the same scenarios are asked on both sides: a ranking is
            then fitted to those that both decided. groups: the group of each value, for mean differences.
    Returns: llms of which one side has no finite strengths are left out, with the reason.
    Raises: ValueError: other values in one table than in another, no llm, a value without a group; as `matched`.
    Source: Liang & Zeger (1986), Biometrika 73(1):13-22 (clusters); benchmarks/coverage.py holds its coverage.
    """
    if not twos:
        raise ValueError("a comparison needs at least one llm that has both sides")
    values = twos[0][0].values
    if any(table.values != values for two in twos for table in two):
        raise ValueError("all tables must be about the same values, in the same order")
    if groups is not None and set(values) - set(groups):
        raise ValueError(f"every value needs a group, {sorted(set(values) - set(groups))} have none")
    sides: list[tuple[_Side, _Side]] = []
    left_out: list[str] = []
    for table_1, table_2 in twos:
        both = matched(table_1, table_2) if paired else (table_1, table_2)
        outcomes = [_side(tallies, level) for tallies in both]
        missing = [what for what in outcomes if isinstance(what, str)]
        if missing:
            left_out.append(missing[0])
        else:
            first, second = (what for what in outcomes if isinstance(what, _Side))
            sides.append((first, second))
    if not sides:
        reason = f"no llm has strengths on both sides: {left_out[0]}"
        none = (Estimate.undefined(reason, level=level),) * len(values)
        return Contrast(values, None, None, None, None, none, (), None, 0, tuple(left_out), paired, 0, reason)
    means = [np.mean([two[which].theta for two in sides], axis=0) for which in (0, 1)]
    means_of = (
        {
            name: np.array([groups[value] == name for value in values])
            for name in dict.fromkeys(groups[value] for value in values)
        }
        if groups
        else {}
    )
    looked_at = np.vstack([np.eye(len(values)), *(inside[None] / inside.sum() for inside in means_of.values())])
    variance, n, fewest = _variance(sides, paired, looked_at)
    warning = ""
    if fewest < FEW_SCENARIOS:
        warning = f"a pair has {fewest} scenarios only: intervals may miss the truth more often than they say"
    gap, half = looked_at @ (means[1] - means[0]), z_of(level) * np.sqrt(variance)
    estimates = [
        Estimate(float(x), float(x - h), float(x + h), n=n, warning=warning, level=level)
        if h > EQUAL
        else Estimate(float(x), n=n, warning=ALIKE, level=level)
        for x, h in zip(gap, half, strict=True)
    ]
    tau = float(kendall_tau_b(means[0], means[1]))
    return Contrast(
        values=values,
        first=tuple(map(float, means[0])),
        second=tuple(map(float, means[1])),
        first_ranks=tuple(map(int, ranks_of(means[0]))),
        second_ranks=tuple(map(int, ranks_of(means[1]))),
        strengths=tuple(estimates[: len(values)]),
        groups=tuple(zip(means_of, estimates[len(values) :], strict=True)),
        tau=None if np.isnan(tau) else tau,
        llms=len(sides),
        left_out=tuple(left_out),
        paired=paired,
        scenarios=n,
        reason="",
    )


def _side(tallies: Tallies, level: float) -> _Side | str:
    """The ranking, or why there is none."""
    if not len(tallies.pair) or not (tallies.decided > 0).any():
        return "no scenario was decided"
    task = Task(tallies, "mle", ALPHA, level)
    if task.reason or not task.fitted:
        return task.reason
    if len(task.groups.compared) > 1 or not task.whole.all():
        return "not all values were compared with each other"
    ends = [(int(a), int(b)) for a, b in task.tallies.pairs[task.tallies.pair]]
    return _Side(task.theta, sandwich(task)[1] @ task.plane.T, task.tallies.scenarios, ends)


def _variance(sides: Sequence[tuple[_Side, _Side]], paired: bool, looked_at: Floats) -> tuple[Floats, int, int]:
    """Variance of what is looked at of the mean difference, shape (L, K): one for each row; the scenarios behind it, and the fewest of a pair of values."""
    place: dict[tuple[int, Hashable], int] = {}
    pair: list[tuple[int, tuple[int, int]]] = []
    for two in sides:
        for which, side in enumerate(two):
            # Scenarios of one side are others than those of the other, whatever they are called.
            part = 0 if paired else which
            for name, ends in zip(side.scenarios, side.pair, strict=True):
                if (part, name) not in place:
                    place[part, name] = len(place)
                    pair.append((part, ends))
    pulls = np.zeros((len(place), len(sides[0][0].theta)))
    for two in sides:
        for which, side in enumerate(two):
            rows = [place[0 if paired else which, name] for name in side.scenarios]
            pulls[rows] += (side.pull if which else -side.pull) / len(sides)
    pulls = pulls @ looked_at.T
    codes = {ends: number for number, ends in enumerate(dict.fromkeys(pair))}
    code = np.array([codes[ends] for ends in pair], dtype=np.int64)
    units = np.bincount(code)
    mean = np.stack([sums(code, column, len(units)) for column in pulls.T], axis=1) / units[:, None]
    stretch = (units / np.maximum(units - 1, 1))[code]
    variance: Floats = stretch @ (pulls - mean[code]) ** 2
    return variance, len(place), int(units.min())
