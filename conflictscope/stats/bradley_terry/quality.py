"""How well one order describes the choices: the pairs with what the strengths say of them, and G2."""

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import chi2

from conflictscope.stats.bradley_terry.task import Floats, Task, sums
from conflictscope.stats.intervals import ratio
from conflictscope.stats.rankings import GoodnessOfFit, PairResult

# Below this nothing is left of a residual to judge by.
NOTHING_LEFT = 1e-9
# With fewer decided scenarios of a pair the test of fit rejects too often.
FEWEST_FOR_FIT = 12


def pair_results(task: Task) -> tuple[PairResult, ...]:
    """Every pair that occurs, with its share, and what the strengths say of it where they say anything."""
    tallies = task.tallies
    fitted, residuals = _against_fit(task)
    pairs = []
    for c, (first, second) in enumerate(tallies.pairs):
        here = tallies.pair == c
        # The cap on the effective sample size counts what the method counts as decided.
        decided = tallies.trials if task.method == "authors" else tallies.decided
        pairs.append(
            PairResult(
                value_1=tallies.values[first],
                value_2=tallies.values[second],
                share=ratio(task.y[here], task.d[here], decided=decided[here], level=task.level),
                fitted=None if np.isnan(fitted[c]) else float(fitted[c]),
                residual=None if np.isnan(residuals[c]) else float(residuals[c]),
                scenarios=int(here.sum()),
                decided=int((tallies.decided[here] > 0).sum()),
            )
        )
    return tuple(pairs)


def goodness_of_fit(task: Task) -> GoodnessOfFit:
    """G2 of the pairs' shares over the mean design effect, first order; order and action are taken out before, as in the fit.

    Cells of a pair are pooled: with a few scenarios in each, G2 by cell is far from its distribution. Simulated under one order
    (3 and 4 values, 1 and 4 trials a scenario, with and without both covariates) the test rejects 5-11 % at 0.05 with 12 decided
    scenarios a pair, 5-8 % with 25 and with 60; with fewer than 12, where it would be up to 14 %, there is G2 but no p-value.

    Source: Rao & Scott (1984), Ann. Stat. 12(1):46-60.
    """
    pairs = len(task.tallies.pairs)
    weight = sums(task.tallies.cell_pair, task.weight, pairs)
    played = weight > 0
    df = int(played.sum()) - (task.X.shape[1] - len(task.covariates))
    if not task.fitted or task.groups.reason:
        return GoodnessOfFit(None, df, None, None, task.reason)
    if task.method != "mle":
        return GoodnessOfFit(None, df, None, None, "goodness of fit is defined for the maximum likelihood fit")
    chance = sums(task.tallies.cell_pair, task.weight * task.chance, pairs)[played] / weight[played]
    share = task.pair_share[played]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = share * np.log(share / chance), (1 - share) * np.log((1 - share) / (1 - chance))
    g2 = float(2 * (weight[played] * sum(np.where(np.isnan(term), 0.0, term) for term in terms)).sum())
    if df <= 0:
        return GoodnessOfFit(None, df, None, None, "as many pairs as strengths: any shares fit")
    fewest = int(task.pair_weight[played].min())
    if fewest < FEWEST_FOR_FIT:
        some = "1 decided scenario" if fewest == 1 else f"{fewest} decided scenarios"
        why = f"a pair has {some} only, and below {FEWEST_FOR_FIT} the test rejects too often"
        return GoodnessOfFit(g2, df, None, None, why)
    variance = _residual_variance(task, _through(task))[played]
    design_effect = float((variance * weight[played] / (chance * (1 - chance))).sum() / df)
    if design_effect <= NOTHING_LEFT:
        return GoodnessOfFit(g2, df, None, None, "all scenarios of each pair were decided alike: no design effect")
    return GoodnessOfFit(g2, df, design_effect, float(chi2.sf(g2 / design_effect, df)))


def _through(task: Task) -> Floats:
    """How the cells' shares pull on what the fit leaves of each pair's share, shape (C, J)."""
    tallies = task.tallies
    pairs = len(tallies.pairs)
    weight = sums(tallies.cell_pair, task.weight, pairs)
    spread = task.weight * task.chance * (1 - task.chance)
    pull = np.eye(len(spread)) - (spread[:, None] * task.X) @ task.bread @ task.X.T
    gather = np.zeros((pairs, len(spread)))
    gather[tallies.cell_pair, np.arange(len(spread))] = 1 / np.where(weight > 0, weight, 1.0)[tallies.cell_pair]
    through: Floats = gather @ pull
    return through


def _residual_variance(task: Task, through: Floats) -> Floats:
    """Variance of share - fitted share of each pair, shape (C,): scenarios drawn within pairs.

    Scenarios are set against what the fit says of their cell, not against the cell's own share: a cell of a few scenarios
    follows these too closely.
    """
    tallies = task.tallies
    cell = tallies.row_cell
    rows = task.per_decided[tallies.cell_pair[cell]] * (task.row_y - task.chance[cell] * task.row_d)
    table = csr_array((rows, (tallies.row_scenario, cell)), shape=(len(tallies.pair), len(task.weight)))
    pulls = table @ through.T
    units = np.bincount(tallies.pair, minlength=len(tallies.pairs))
    means = (
        np.stack([sums(tallies.pair, column, len(units)) for column in pulls.T], axis=1) / np.maximum(units, 1)[:, None]
    )
    apart = (pulls - means[tallies.pair]) ** 2
    variance: Floats = (units / np.maximum(units - 1, 1))[tallies.pair] @ apart
    return variance


def _against_fit(task: Task) -> tuple[Floats, Floats]:
    """Per pair the fitted share, and (share - fitted) over its standard error by scenario, shape (C,); nan without one."""
    tallies = task.tallies
    pairs = len(tallies.pairs)
    none = np.full(pairs, np.nan)
    if not task.fitted:
        return none, none
    weight = sums(tallies.cell_pair, task.weight, pairs)
    known = weight > 0
    per = np.where(known, weight, 1.0)
    fitted = np.where(known, sums(tallies.cell_pair, task.weight * task.chance, pairs) / per, np.nan)
    ends = task.theta[tallies.pairs]
    fitted = np.where(known, fitted, 1 / (1 + np.exp(ends[:, 1] - ends[:, 0])))
    if task.method != "mle":
        return fitted, none
    spread = task.weight * task.chance * (1 - task.chance)
    through = _through(task)
    variance = _residual_variance(task, through)
    units = np.bincount(tallies.pair, minlength=pairs)
    # Where the fit follows a pair exactly, or its scenarios do not vary, nothing is left to judge by.
    free = np.einsum("cj,cj->c", through * np.where(spread > 0, spread, 0.0), through) * per > NOTHING_LEFT
    sound = known & (units > 1) & free & (variance > NOTHING_LEFT * NOTHING_LEFT)
    residual = np.where(sound, (task.pair_share - fitted) / np.sqrt(np.where(sound, variance, 1.0)), np.nan)
    return fitted, residual
