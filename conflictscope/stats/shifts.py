"""How two rankings of the same scenarios differ: said against done, or one llm against another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.bradley_terry.resampling import resampled_together, sandwich
from conflictscope.stats.bradley_terry.task import Task
from conflictscope.stats.intervals import accelerated_percentiles, percentiles
from conflictscope.stats.tallies import Tallies, matched
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]

RESAMPLES = 2000
ALPHA = 0.01
EQUAL = 1e-9
MANY_DISCONNECTED = 0.01
FEW_SCENARIOS = 5
# Instead of limits that fall together: what is the same on these scenarios need not be on others.
ALIKE = "both sides were decided alike wherever it matters here: no interval can be meant"


@dataclass(frozen=True)
class GroupShift(Result):
    """Mean shift of a group of values, in strengths and in ranks (positive ranks: supported less in the second)."""

    group: str
    values: tuple[str, ...]
    strength: Estimate
    rank: Estimate


@dataclass(frozen=True)
class Shift(Result):
    """Two rankings on the scenarios that were decided in both, and second minus first.

    Attributes:
        values: keys; first, second: strengths on the shared scenarios; first_ranks, second_ranks: 1 = supported most.
        strengths, ranks: second - first with paired intervals; n = shared scenarios.
        groups: mean shifts by group.
        tau: Kendall's tau-b between the two orders of strengths, with limits that may cover more than their level.
        scenarios: shared; disconnected: resamples in which one of the two had no finite fit.
        reason: why there is no comparison.
    """

    values: tuple[str, ...]
    first: tuple[float, ...] | None
    second: tuple[float, ...] | None
    first_ranks: tuple[int, ...] | None
    second_ranks: tuple[int, ...] | None
    strengths: tuple[Estimate, ...]
    ranks: tuple[Estimate, ...]
    groups: tuple[GroupShift, ...]
    tau: Estimate
    scenarios: int
    disconnected: int
    reason: str


def paired_shift(
    first: Tallies,
    second: Tallies,
    *,
    rng: np.random.Generator,
    groups: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    covariates: tuple[str, ...] | None = None,
) -> Shift:
    """Second minus first on the scenarios that both decided, scenarios drawn together for both.

    Args:
        first, second: for example what an llm said (multiple choice) and did (with the simulated user).
        groups: the group of each value, for mean shifts.
        covariates: as in `fit_ranking`, for each of the two where they occur both ways.
    Returns: intervals of strengths are BCa, of ranks and their means percentiles, of tau what all pairs of values together leave
        open; where one of the two has no finite fit
        there is none, with the reason.
    Raises: ValueError: other values, a scenario with other values in one than in the other, a value without a group.
    """
    common_first, common_second = matched(first, second)
    values = first.values
    if groups is not None and set(values) - set(groups):
        raise ValueError(f"every value needs a group, {sorted(set(values) - set(groups))} have none")
    tasks = tuple(Task(tallies, "mle", ALPHA, level, covariates) for tallies in (common_first, common_second))
    n = len(common_first.scenarios)
    reason = "no scenario was decided in both" if not n else _why_not(tasks)
    if reason:
        none = (Estimate.undefined(reason, n, level=level),) * len(values)
        return Shift(values, None, None, None, None, none, none, (), none[0], n, 0, reason)
    fits, torn = resampled_together(tasks, rng, resamples)
    drawn = [beta @ task.plane.T for beta, task in zip(fits, tasks, strict=True)]
    pulls = [sandwich(task)[1] @ task.plane.T for task in tasks]
    theta = [task.theta for task in tasks]
    gap = theta[1] - theta[0]
    low, high = accelerated_percentiles(gap, drawn[1] - drawn[0], pulls[1] - pulls[0], level=level)
    fewest = int(np.bincount(common_first.pair).min())
    warning = ""
    if fewest < FEW_SCENARIOS:
        warning = f"a pair has {fewest} shared scenarios only: intervals may miss the truth more often than they say"
    elif torn.mean() > MANY_DISCONNECTED:
        warning = (
            f"{torn.mean():.0%} of the resamples have no finite fit: the limits depend on the penalty used for them"
        )
    ranks = [ranks_of(x) for x in theta]
    rank_gap = (ranks[1] - ranks[0]).astype(float)
    rank_drawn = (ranks_of(drawn[1]) - ranks_of(drawn[0])).astype(float)
    about = _About(n, warning, level)
    tau = kendall_tau_b(theta[0], theta[1])
    return Shift(
        values=values,
        first=tuple(map(float, theta[0])),
        second=tuple(map(float, theta[1])),
        first_ranks=tuple(map(int, ranks[0])),
        second_ranks=tuple(map(int, ranks[1])),
        strengths=tuple(_limited(estimate) for estimate in about.each(gap, low, high)),
        ranks=about.each(rank_gap, *percentiles(rank_drawn, level=level), whole=True),
        groups=_groups(values, groups, (gap, drawn[1] - drawn[0]), (rank_gap, rank_drawn), about),
        tau=Estimate.undefined("all strengths are equal in one of the two", n, level=level)
        if np.isnan(tau)
        else _tau(float(tau), theta, drawn, about),
        scenarios=n,
        disconnected=int(torn.sum()),
        reason="",
    )


def _limited(estimate: Estimate) -> Estimate:
    """Without limits where they fall together."""
    if estimate.low is None or estimate.high is None or estimate.high - estimate.low > EQUAL:
        return estimate
    return Estimate(estimate.value, n=estimate.n, warning=ALIKE, level=estimate.level)


def ranks_of(theta: Floats) -> NDArray[np.int64]:
    """Ranks along the last axis, 1 = largest; equal strengths share the better rank."""
    return np.asarray(1 + (theta[..., None, :] - theta[..., :, None] > EQUAL).sum(axis=-1))


def kendall_tau_b(x: Floats, y: Floats) -> Floats:
    """Kendall's tau-b along the last axis; nan where either has one value only.

    Source: Kendall (1945), Biometrika 33(3):239-251.
    """
    first, second = (np.asarray(z, dtype=float) for z in (x, y))
    signs = [
        np.sign(np.where(np.abs(d) > EQUAL, d, 0.0))
        for d in (z[..., :, None] - z[..., None, :] for z in (first, second))
    ]
    top = (signs[0] * signs[1]).sum(axis=(-2, -1))
    bottom = np.sqrt((signs[0] ** 2).sum(axis=(-2, -1)) * (signs[1] ** 2).sum(axis=(-2, -1)))
    tau: Floats = np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), np.nan)
    return tau


def _tau(tau: float, theta: Sequence[Floats], drawn: Sequence[Floats], about: "_About") -> Estimate:
    """Tau-b with what is open about it: the pairs of values whose order is not sure in both rankings could go either way.

    Orders are sure at the level for all pairs of both rankings together (the largest |t| of the replicates' differences).
    Percentiles of the replicates' tau cover 0.79 where strengths lie close together.
    """
    first, second = np.triu_indices(len(theta[0]), 1)
    gaps = np.concatenate([each[first] - each[second] for each in theta])
    replicates = np.concatenate([each[:, first] - each[:, second] for each in drawn], axis=1)
    errors = replicates.std(axis=0)
    sound = np.where(errors > EQUAL, errors, np.inf)
    largest = np.quantile((np.abs(replicates - gaps) / sound).max(axis=1), about.level)
    # A difference that no resample moves has no error that could be meant: it is left open.
    signs = np.where((errors > EQUAL) & (np.abs(gaps) > largest * errors), np.sign(gaps), 0.0)
    pairs = len(first)
    both = signs[:pairs] * signs[pairs:]
    known, open_ones = float(both.sum()), int((both == 0).sum())
    low, high = (known - open_ones) / pairs, (known + open_ones) / pairs
    return Estimate(
        tau, min(low, tau), max(high, tau), n=about.n, warning=about.warning, level=about.level, conservative=True
    )


def _why_not(tasks: tuple[Task, ...]) -> str:
    for task, which in zip(tasks, ("first", "second"), strict=True):
        if task.reason or not task.fitted:
            return f"the {which} has no strengths to compare: {task.reason}"
        if len(task.groups.compared) > 1 or not task.whole.all():
            return f"in the {which} not all values were compared with each other"
    return ""


@dataclass(frozen=True)
class _About:
    """What all estimates of a comparison share."""

    n: int
    warning: str
    level: float

    def each(self, point: Floats, low: Floats, high: Floats, *, whole: bool = False) -> tuple[Estimate, ...]:
        """`whole`: of whole numbers, whose limits cover more than their level."""
        return tuple(
            Estimate(
                float(p),
                float(min(a, p)),
                float(max(b, p)),
                n=self.n,
                warning=self.warning,
                level=self.level,
                conservative=whole,
            )
            for p, a, b in zip(point, low, high, strict=True)
        )


def _groups(
    values: tuple[str, ...],
    groups: Mapping[str, str] | None,
    strengths: tuple[Floats, Floats],
    ranks: tuple[Floats, Floats],
    about: _About,
) -> tuple[GroupShift, ...]:
    shifts = []
    for group in dict.fromkeys(groups[value] for value in values) if groups else ():
        inside = [k for k, value in enumerate(values) if groups and groups[value] == group]
        means = []
        for point, drawn in (strengths, ranks):
            limits = percentiles(drawn[:, inside].mean(axis=1, keepdims=True), level=about.level)
            whole = point is ranks[0]
            estimate = about.each(point[inside].mean(keepdims=True), *limits, whole=whole)[0]
            means.append(estimate if whole else _limited(estimate))
        shifts.append(GroupShift(group, tuple(values[k] for k in inside), *means))
    return tuple(shifts)
