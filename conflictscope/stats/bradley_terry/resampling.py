"""How far the strengths would vary: the sandwich, and replicates that draw scenarios, or trials, anew."""

import numpy as np

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
    coordinates, torn = resampled_together((task,), rng, resamples)
    return coordinates[0], int(torn.sum())


def resampled_together(tasks: tuple[Task, ...], rng: np.random.Generator, resamples: int) -> tuple[list[Floats], Flags]:
    """The same for fits of the same scenarios in the same order, which are drawn together.

    Returns: for each fit the coordinates of the replicates, shape (resamples, q); which replicates needed the penalty in any,
        shape (resamples,).
    """
    tables = [np.zeros((2, resamples, len(task.tallies.cell_pair))) for task in tasks]
    for c in range(len(tasks[0].tallies.pairs)):
        parts = [_scenarios(task, c) for task in tasks]
        kinds, counts = np.unique(np.column_stack(parts), axis=0, return_counts=True)
        n = int(counts.sum())
        draws = max(n - 1, 1)
        often = rng.multinomial(draws, counts / n, size=resamples).astype(float)
        ends = np.cumsum([part.shape[1] for part in parts])
        for task, (weight, share), part in zip(tasks, tables, np.split(kinds, ends[:-1], axis=1), strict=True):
            cells = np.flatnonzero(task.tallies.cell_pair == c)
            won, of = often @ part[:, : len(cells)], often @ part[:, len(cells) : -1]
            total = of.sum(axis=1, keepdims=True)
            per_decided = (often @ part[:, -1] * n / draws)[:, None] / np.where(total > 0, total, 1.0)
            weight[:, cells], share[:, cells] = per_decided * of, shares(won, of)
    fits, torn = [], np.zeros(resamples, dtype=bool)
    for task, (weight, share) in zip(tasks, tables, strict=True):
        beta, apart = _fits(task, weight * task.used, share)
        fits.append(beta)
        torn |= apart
    return fits, torn


def _fits(task: Task, weight: Floats, share: Floats) -> tuple[Floats, Flags]:
    """Coordinates of each table, and which needed the penalty."""
    fit = comparisons.solve
    if task.penalty:
        beta = fit(weight, share, task.X, task.plane, alpha=task.penalty, start=task.beta)[0]
        return beta, np.zeros(len(weight), dtype=bool)
    beta = np.empty((len(weight), len(task.beta)))
    whole = connected(task, weight, share)
    beta[whole], whole[whole] = fit(weight[whole], share[whole], task.X, task.plane, start=task.beta)
    torn = ~whole
    beta[torn] = fit(weight[torn], share[torn], task.X, task.plane, alpha=task.alpha, start=task.beta)[0]
    return beta, torn


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


def _scenarios(task: Task, c: int) -> Floats:
    """The scenarios of a pair, in order: y and d by cell, and whether decided at all, shape (n, 2 cells + 1)."""
    tallies = task.tallies
    here, cells = np.flatnonzero(tallies.pair == c), np.flatnonzero(tallies.cell_pair == c)
    rows = np.flatnonzero(tallies.pair[tallies.row_scenario] == c)
    table = np.zeros((len(here), 2 * len(cells) + 1))
    line = np.searchsorted(here, tallies.row_scenario[rows])
    column = np.searchsorted(cells, tallies.row_cell[rows])
    table[line, column], table[line, len(cells) + column] = task.row_y[rows], task.row_d[rows]
    table[:, -1] = task.d[here] > 0
    return table
