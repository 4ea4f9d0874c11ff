"""How far the strengths would vary: the sandwich, and replicates that draw scenarios, or trials, anew."""

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry.task import Flags, Floats, Task, shares, sums


def sandwich(task: Task) -> tuple[Floats, Floats]:
    """Covariance of the coordinates, H^-1 (sum_s u_s u_s') H^-1 with the scenario's summed score u_s, shape (q, q).

    No small-sample factor, scores not centred by pair; the second result is each scenario's pull on the coordinates with
    the scores centred by pair, shape (S, q). Source: Liang & Zeger (1986), Biometrika 73(1):13-22.
    """
    scores = task.scenario_scores(centred=False)
    covariance: Floats = task.bread @ (scores.T @ scores) @ task.bread
    return covariance, task.scenario_scores(centred=True) @ task.bread


def resampled_scenarios(task: Task, rng: np.random.Generator, resamples: int) -> tuple[Floats, int]:
    """Coordinates of bootstrap replicates, shape (resamples, q), and how many needed the penalty.

    Of a pair's n scenarios n - 1 are drawn, so that the replicates vary as much as the estimate (Rao & Wu 1988); with n
    they would vary too little, by a tenth at 5 scenarios. Scenarios of a pair that look alike are interchangeable, so
    counts of kinds are drawn instead of scenarios: the cost does not grow with the trials, and order plays no part.
    """
    tallies = task.tallies
    weight, share = np.zeros((2, resamples, len(tallies.cell_pair)))
    for c in range(len(tallies.pairs)):
        cells = np.flatnonzero(tallies.cell_pair == c)
        kinds, decided, counts = _kinds(task, c, cells)
        n = int(counts.sum())
        draws = max(n - 1, 1)
        often = rng.multinomial(draws, counts / n, size=resamples).astype(float)
        won, of = often @ kinds[:, : len(cells)], often @ kinds[:, len(cells) :]
        total = of.sum(axis=1, keepdims=True)
        per_decided = (often @ decided * n / draws)[:, None] / np.where(total > 0, total, 1.0)
        weight[:, cells], share[:, cells] = per_decided * of, shares(won, of)
    weight *= task.used
    fit = comparisons.solve
    if task.penalty:
        return fit(weight, share, task.X, task.plane, alpha=task.penalty, start=task.beta)[0], 0
    beta = np.empty((resamples, len(task.beta)))
    whole = connected(task, weight, share)
    beta[whole], whole[whole] = fit(weight[whole], share[whole], task.X, task.plane, start=task.beta)
    torn = ~whole
    beta[torn] = fit(weight[torn], share[torn], task.X, task.plane, alpha=task.alpha, start=task.beta)[0]
    return beta, int(torn.sum())


def connected(task: Task, weight: Floats, share: Floats) -> Flags:
    """Whether, in each of B tables by cell, every block of values hangs together by chains of wins, shape (B,)."""
    tallies = task.tallies
    first, second = tallies.pairs[tallies.cell_pair].T
    apart = np.ones((task.size, task.size), dtype=bool)
    for block in task.groups.blocks:
        apart[np.ix_(block, block)] = False
    beats = np.repeat(apart[None], len(weight), axis=0)
    played = weight > 0
    for j in range(len(first)):
        beats[:, first[j], second[j]] |= played[:, j] & (share[:, j] > 0)
        beats[:, second[j], first[j]] |= played[:, j] & (share[:, j] < 1)
    return np.asarray(
        np.logical_and.reduce(
            [comparisons.strongly_connected(beats[:, block][:, :, block]) for block in map(list, task.groups.blocks)]
        )
    )


def resampled_trials(task: Task, rng: np.random.Generator, resamples: int) -> Floats:
    """Coordinates of replicates that draw all trials anew, one by one, as the paper's script does."""
    tallies = task.tallies
    cells = len(tallies.cell_pair)
    wins = sums(tallies.row_cell, task.row_y, cells)
    kinds = np.column_stack([wins, task.weight - wins]).reshape(-1)
    drawn = rng.multinomial(round(kinds.sum()), kinds / kinds.sum(), size=resamples).reshape(resamples, -1, 2)
    weight = drawn.sum(axis=2).astype(float)
    share = shares(drawn[:, :, 0].astype(float), weight)
    return comparisons.solve(weight, share, task.X, task.plane, alpha=task.penalty, start=task.beta)[0]


def _kinds(task: Task, c: int, cells: NDArray[np.int64]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """The kinds of scenario of a pair: y and d by cell, shape (kinds, 2 cells), decided at all (kinds,), how many (kinds,)."""
    tallies = task.tallies
    here = np.flatnonzero(tallies.pair == c)
    rows = np.flatnonzero(tallies.pair[tallies.row_scenario] == c)
    table = np.zeros((len(here), 2 * len(cells)))
    line = np.searchsorted(here, tallies.row_scenario[rows])
    column = np.searchsorted(cells, tallies.row_cell[rows])
    table[line, column], table[line, len(cells) + column] = task.row_y[rows], task.row_d[rows]
    table = np.column_stack([table, task.mass[here] if task.method != "authors" else task.d[here] > 0])
    kinds, counts = np.unique(table, axis=0, return_counts=True)
    return kinds[:, :-1], kinds[:, -1], counts
