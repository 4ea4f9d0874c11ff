"""Which ranks each value may have, for all values together."""

import numpy as np

from conflictscope.stats.bradley_terry.separation import reachable, surely_below
from conflictscope.stats.bradley_terry.task import Flags, Floats, Task
from conflictscope.stats.types import Estimate


def rank_sets(task: Task, drawn: Floats) -> tuple[Estimate, ...]:
    """The ranks that each value may have, jointly at the level: all true ranks lie in them together in 95 % of studies.

    Within a block of values with finite strengths a difference counts as sure where it exceeds c standard errors of its
    replicates, c being the quantile of the largest such distance over the replicates. Pairs with a value that has no finite
    strength are tested by profile likelihood; of K (K - 1) comparisons each takes its share of what may go wrong.

    Args: drawn: replicates of the strengths, shape (B, K), where there is a fit.
    Returns: per value its rank where it has one, low = 1 + values surely above, high = K - values surely below, K counting
        its group; no limits for a value in no decided scenario or where the answers follow positions. Nothing for the
        penalised and the authors' fit.
    Source: Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91(1):476-518.
    """
    if task.method != "mle":
        return ()
    scenarios = task.scenarios_of_values()
    sets = [
        Estimate.undefined(task.reason or f"{value} was in no decided scenario", level=task.level)
        for value in task.tallies.values
    ]
    if task.no_preference or not task.groups.compared:
        return tuple(sets)
    above = np.zeros((task.size, task.size), dtype=bool)
    reach = reachable(task) if task.groups.reason else np.ones((task.size, task.size), dtype=bool)
    separated = {group: _separated(task, group, reach) for group in task.groups.compared}
    if task.fitted:
        above |= surely_above(task.theta, drawn, task.groups.blocks, 1 - _left(task, separated))
    for group, pairs in separated.items():
        share = (1 - task.level) / (len(group) * (len(group) - 1))
        for i, j in pairs:
            above[j, i] = surely_below(task, group, i, j, share)
    for group in task.groups.compared:
        for k in group:
            rank = None
            if task.fitted and task.whole[k]:
                rank = float(1 + sum(task.theta[other] - task.theta[k] > 1e-9 for other in group))
            sets[k] = Estimate(
                rank,
                float(1 + above[:, k].sum()),
                float(len(group) - above[k].sum()),
                n=scenarios[k],
                reason="" if rank is not None else task.reason,
                level=task.level,
                conservative=True,
            )
    return tuple(sets)


def surely_above(theta: Floats, drawn: Floats, blocks: tuple[tuple[int, ...], ...], level: float) -> Flags:
    """Whether value i lies above value j, for all pairs within blocks together, shape (K, K).

    Differences whose replicates do not vary are never sure.
    """
    pairs = [(i, j) for block in blocks for i in block for j in block if i != j]
    sure = np.zeros((len(theta), len(theta)), dtype=bool)
    if not pairs:
        return sure
    first, second = np.array(pairs).T
    gap = theta[first] - theta[second]
    around = drawn[:, first] - drawn[:, second] - gap
    error = around.std(axis=0, ddof=1) if len(drawn) > 1 else np.zeros(len(gap))
    varies = error > 1e-9
    if not varies.any():
        return sure
    largest = (np.abs(around[:, varies]) / error[varies]).max(axis=1)
    sure[first, second] = varies & (gap > np.quantile(largest, level) * error)
    return sure


def _separated(task: Task, group: tuple[int, ...], reach: Flags) -> list[tuple[int, int]]:
    """Pairs (i, j) of a group of which j leads to i by a chain of wins and i never to j."""
    return [(i, j) for i in group for j in group if i != j and reach[j, i] and not reach[i, j]]


def _left(task: Task, separated: dict[tuple[int, ...], list[tuple[int, int]]]) -> float:
    """What may go wrong within the blocks, the comparisons of separated pairs having taken their shares."""
    alpha = 1 - task.level
    taken = sum(2 * len(pairs) / (len(group) * (len(group) - 1)) for group, pairs in separated.items() if pairs)
    return alpha * max(1 - taken / max(len(separated), 1), 0.1)
