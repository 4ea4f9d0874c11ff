"""How well one order describes the choices: the pairs with what the strengths say of them, and G2."""

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import chi2

from conflictscope.stats.bradley_terry.task import Floats, Task, sums
from conflictscope.stats.intervals import ratio
from conflictscope.stats.rankings import GoodnessOfFit, PairResult

# Below this nothing is left of a residual to judge by.
NOTHING_LEFT = 1e-9


def pair_results(task: Task) -> tuple[PairResult, ...]:
    """Every pair that occurs, with its share, and what the strengths say of it where they say anything."""
    tallies = task.tallies
    fitted, residuals = _against_fit(task)
    found = []
    for c, (first, second) in enumerate(tallies.pairs):
        here = tallies.pair == c
        # The cap on the effective sample size counts what the method counts as decided.
        decided = tallies.trials if task.method == "authors" else tallies.decided
        found.append(
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
    return tuple(found)


def goodness_of_fit(task: Task) -> GoodnessOfFit:
    """G2 over the mean design effect, first order.

    Source: Rao & Scott (1984), Ann. Stat. 12(1):46-60.
    """
    played = task.weight > 0
    df = int(played.sum()) - task.X.shape[1]
    if not task.fitted or task.groups.reason:
        return GoodnessOfFit(None, df, None, None, task.reason)
    if task.method != "mle":
        return GoodnessOfFit(None, df, None, None, "goodness of fit is defined for the maximum likelihood fit")
    weight, share, chance = task.weight[played], task.share[played], task.chance[played]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = share * np.log(share / chance), (1 - share) * np.log((1 - share) / (1 - chance))
    g2 = float(2 * (weight * sum(np.where(np.isnan(term), 0.0, term) for term in terms)).sum())
    if df <= 0:
        return GoodnessOfFit(None, df, None, None, "as many pairs as strengths: any shares fit")
    units = np.bincount(task.tallies.pair, minlength=len(task.tallies.pairs))
    single = int((units[np.unique(task.tallies.cell_pair[played])] == 1).sum())
    if single:
        return GoodnessOfFit(g2, df, None, None, f"{single} pairs have one scenario only: no design effect")
    spread = task.weight * task.chance * (1 - task.chance)
    scale = np.sqrt(spread[played])
    left = _left_of(scale[:, None] * task.X[played])
    actual = _covariance(task)[np.ix_(played, played)] / np.outer(scale, scale)
    design_effect = float((left * actual).sum() / df)
    if design_effect <= NOTHING_LEFT:
        return GoodnessOfFit(g2, df, None, None, "all scenarios of each pair were decided alike: no design effect")
    return GoodnessOfFit(g2, df, design_effect, float(chi2.sf(g2 / design_effect, df)))


def _left_of(scaled: Floats) -> Floats:
    """What the fit leaves: the projection off the columns of the scaled design, shape (J, J)."""
    left: Floats = np.eye(len(scaled)) - scaled @ np.linalg.pinv(scaled.T @ scaled) @ scaled.T
    return left


def _covariance(task: Task) -> Floats:
    """Covariance of weight x share of the cells, by scenario within pairs, shape (J, J)."""
    tallies = task.tallies
    left = task.row_y - task.share[tallies.row_cell] * task.row_d
    units = np.bincount(tallies.pair, minlength=len(tallies.pairs))
    per = task.per_decided * np.sqrt(units / np.maximum(units - 1, 1))
    rows = per[tallies.cell_pair[tallies.row_cell]] * left
    table = csr_array((rows, (tallies.row_scenario, tallies.row_cell)), shape=(len(tallies.pair), len(task.weight)))
    covariance: Floats = (table.T @ table).toarray()
    return covariance


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
    pull = np.eye(len(spread)) - (spread[:, None] * task.X) @ task.bread @ task.X.T
    gather = np.zeros((pairs, len(spread)))
    gather[tallies.cell_pair, np.arange(len(spread))] = 1 / per[tallies.cell_pair]
    through = gather @ pull
    variance = np.einsum("cj,jk,ck->c", through, _covariance(task), through)
    units = np.bincount(tallies.pair, minlength=pairs)
    # Where the fit follows a pair exactly, or its scenarios do not vary, nothing is left to judge by.
    free = np.einsum("cj,cj->c", through * np.where(spread > 0, spread, 0.0), through) * per > NOTHING_LEFT
    sound = known & (units > 1) & free & (variance > NOTHING_LEFT * NOTHING_LEFT)
    residual = np.where(sound, (task.pair_share - fitted) / np.sqrt(np.where(sound, variance, 1.0)), np.nan)
    return fitted, residual
