"""What can be said of values without a finite strength: one-sided bounds against those that have one.

The likelihood counts a decided scenario as one observation, so that a bound does not shrink with the trials of a scenario.
"""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry.task import Flags, Floats, Task
from conflictscope.stats.types import Estimate

# Enough to keep what runs away finite, too little to be seen in a likelihood.
RIDGE = 1e-7
STEPS = 100
# A bound beyond this many log odds bounds nothing.
FAR = 15.0


def relative_strengths(task: Task, low: Floats, high: Floats) -> tuple[Estimate, ...]:
    """Where a group has no finite fit: the strengths of its largest part that has one, and bounds of the others.

    The part's strengths sum to zero over it. Every other value gets a one-sided limit of its distance to the mean of that
    part, by profile likelihood (by the exact binomial where one pair is all there is), and is without a point.

    Args: low, high: shape (K,), limits of the strengths within the blocks.
    Returns: one estimate per value; nothing at all where every group has a finite fit.
    Source: Venzon & Moolgavkar (1988), Appl. Stat. 37(1):87-94; Clopper & Pearson (1934), Biometrika 26(4):404-413.
    """
    if not task.groups.reason or task.no_preference:
        return ()
    reach = reachable(task)
    scenarios = task.scenarios_of_values()
    values = task.tallies.values
    strengths = [
        Estimate.undefined(f"{values[k]} was in no decided scenario", level=task.level) for k in range(task.size)
    ]
    for group, block in zip(task.groups.compared, task.groups.blocks, strict=True):
        core = ", ".join(values[k] for k in block)
        for k in group:
            if k in block and len(block) > 1 and task.fitted:
                bottom, top = (None if np.isnan(limit[k]) else float(limit[k]) for limit in (low, high))
                strengths[k] = Estimate(float(task.theta[k]), bottom, top, n=scenarios[k], level=task.level)
            elif k in block:
                strengths[k] = Estimate.undefined("the others are set against it", scenarios[k], level=task.level)
            else:
                strengths[k] = _bound(task, group, block, k, reach, core)
    return tuple(strengths)


def reachable(task: Task) -> Flags:
    """Whether value i leads to value j by a chain of wins, shape (K, K)."""
    reach = task.beats() | np.eye(task.size, dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(task.size)))):
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)).astype(bool)
    return np.asarray(reach)


def surely_below(task: Task, group: tuple[int, ...], i: int, j: int, alpha: float) -> bool:
    """Whether value i, which never leads to j by a chain of wins, lies below it at the one-sided level alpha.

    The largest likelihood against the largest with equal strengths; the exact binomial where the two are all there is.
    """
    if len(group) == 2:
        n = _scenarios(task, i, j)
        return 0.5**n <= alpha
    likelihood = _Likelihood(task, group)
    gain = likelihood.best() - likelihood.best(np.eye(task.size)[i] - np.eye(task.size)[j], 0.0)
    return bool(2 * gain >= norm.isf(alpha) ** 2)


def _bound(task: Task, group: tuple[int, ...], block: tuple[int, ...], k: int, reach: Flags, core: str) -> Estimate:
    name, n = task.tallies.values[k], task.scenarios_of_values()[k]
    below, above = bool(reach[block[0], k]), bool(reach[k, block[0]])
    if not below and not above:
        return Estimate.undefined(f"{name} was not compared with {core} by any chain of wins", n, level=task.level)
    side = -1.0 if below else 1.0
    if len(group) == 2:
        alone = (1 - task.level) ** (1 / _scenarios(task, *group))
        # The largest share of wins that still loses them all with probability 1 - level.
        limit: float | None = math.log((1 - alone) / alone)
    else:
        limit = _profile_limit(_Likelihood(task, group), _contrast(task, block, k, side), task.level)
    if limit is None or abs(limit) > FAR:
        return Estimate.undefined(f"too little is known of {name} against {core} for a bound", n, level=task.level)
    verb = "never won against" if below else "never lost to"
    return Estimate(
        None,
        low=None if below else side * -limit,
        high=limit if below else None,
        n=n,
        reason=f"{name} {verb} {core}, directly or by others: a one-sided bound of its distance to their mean",
        level=task.level,
        conservative=True,
    )


def _contrast(task: Task, block: tuple[int, ...], k: int, side: float) -> Floats:
    """theta_k minus the mean of the block, turned so that it has run away downwards."""
    contrast = np.zeros(task.size)
    contrast[list(block)] = -1.0 / len(block)
    contrast[k] += 1.0
    return -side * contrast


def _profile_limit(likelihood: "_Likelihood", contrast: Floats, level: float) -> float | None:
    """The largest value of the contrast that is not refused, of one that runs away to minus infinity."""
    best, allowed = likelihood.best(), float(norm.ppf(level)) ** 2

    def beyond(limit: float) -> float:
        return 2 * (best - likelihood.best(contrast, limit)) - allowed

    if beyond(FAR) < 0:
        return None
    low = -FAR
    if beyond(low) > 0:
        return None
    return float(brentq(beyond, low, FAR, xtol=1e-6))


class _Likelihood:
    """The likelihood of a group's cells over all its strengths and the effects."""

    def __init__(self, task: Task, group: tuple[int, ...]) -> None:
        tallies = task.tallies
        self.plane = comparisons.block_basis([group], task.size)
        ends = tallies.pairs[tallies.cell_pair]
        inside = np.isin(ends, group).all(axis=1)
        effects = np.column_stack([np.zeros((len(ends), 0))] + [task.column(name) for name in task.covariates])[inside]
        first, second = ends[inside].T
        self.X = np.column_stack([self.plane[first] - self.plane[second], effects])
        of = np.bincount(tallies.row_cell, weights=task.row_d, minlength=len(ends))
        self.weight = (task.per_decided[tallies.cell_pair] * of)[inside]
        self.share = task.share[inside]

    def best(self, contrast: Floats | None = None, value: float = 0.0) -> float:
        """The largest log likelihood, where a contrast of strengths is given with that contrast held at a value."""
        size = self.X.shape[1]
        if contrast is None:
            return self._climb(np.zeros(len(self.X)), self.X)
        row = np.concatenate([contrast @ self.plane, np.zeros(size - self.plane.shape[1])])
        offset = self.X @ (row * value / (row @ row))
        free = np.linalg.svd(row[None])[2][1:].T
        return self._climb(offset, self.X @ free)

    def _climb(self, offset: Floats, X: Floats) -> float:
        beta = np.zeros(X.shape[1])
        reached = self._at(offset, X, beta)
        for _ in range(STEPS):
            chance = 1 / (1 + np.exp(-(offset + X @ beta)))
            slope = (self.weight * (self.share - chance)) @ X - RIDGE * beta
            curve = (X * (self.weight * chance * (1 - chance))[:, None]).T @ X + RIDGE * np.eye(X.shape[1])
            step = np.linalg.solve(curve, slope)
            step *= min(1.0, 3.0 / max(float(np.abs(step).max(initial=0.0)), 1e-300))
            now = self._at(offset, X, beta + step)
            while now < reached - 1e-12 and np.abs(step).max(initial=0.0) > 1e-12:
                step /= 2
                now = self._at(offset, X, beta + step)
            beta += step
            if now - reached < 1e-9:
                break
            reached = now
        return now

    def _at(self, offset: Floats, X: Floats, beta: Floats) -> float:
        eta = offset + X @ beta
        fit = -(self.weight * (self.share * np.logaddexp(0, -eta) + (1 - self.share) * np.logaddexp(0, eta))).sum()
        return float(fit - RIDGE / 2 * (beta @ beta))


def _scenarios(task: Task, i: int, j: int) -> int:
    """Decided scenarios of the pair of values i and j."""
    c = np.flatnonzero((task.tallies.pairs == sorted((i, j))).all(axis=1))
    return int(task.pair_weight[c].sum())
