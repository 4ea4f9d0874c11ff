"""A ranking: strengths, their intervals, ranks, and what should be said with them."""

from typing import Literal

import numpy as np

from conflictscope.stats.bias import alike_in_both_orders
from conflictscope.stats.bradley_terry.quality import goodness_of_fit, pair_results
from conflictscope.stats.bradley_terry.rank_sets import rank_sets
from conflictscope.stats.bradley_terry.resampling import resampled_scenarios, resampled_trials, sandwich
from conflictscope.stats.bradley_terry.separation import relative_strengths
from conflictscope.stats.bradley_terry.task import FEWEST_ALIKE, Floats, Method, Task
from conflictscope.stats.clusters import whole
from conflictscope.stats.intervals import accelerated_percentiles, percentiles, z_of
from conflictscope.stats.rankings import Covariate, RankingResult
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate

RESAMPLES = 2000
ALPHA = 0.01

# Strengths closer than this are one: rounding alone must not order them.
EQUAL = 1e-9

# Fewer decided scenarios of a pair than this were not simulated; more disconnected resamples than this reach the limits.
FEW_SCENARIOS = 5
MANY_DISCONNECTED = 0.01

EFFECTS = {"order": "the option shown first", "action": "the action that takes the opportunity"}


def fit_ranking(
    tallies: Tallies,
    *,
    rng: np.random.Generator,
    method: Method = "mle",
    alpha: float = ALPHA,
    resamples: int = RESAMPLES,
    interval: Literal["bootstrap", "sandwich"] = "bootstrap",
    level: float = 0.95,
    covariates: tuple[str, ...] | None = None,
) -> RankingResult:
    """Rank the values by how often an llm supports them against each other.

    Fits sum_c N_c x_c (sigma(x_c . theta) - p_c) = 0 where p_c = sum y / sum d is the pair's win share and N_c its
    decided scenarios; with one trial a scenario that is the maximum likelihood fit. Undecided trials count for neither
    side. Scenarios are resampled within pairs, trials of a scenario together. Where both option orders, or both kinds of
    acting action, occur, they are +-1/2 columns beside the strengths, like the home side: cells in place of pairs.

    Args:
        rng: made from a seed and used for nothing before, if the result is to be reproducible from `seed`.
        method: "mle"; "penalised", the same with choix' penalty `alpha`, finite always, a drawing aid without limits;
            "authors", compatible with the paper's script and to be labelled so: every trial that is not value_1 counts for
            value_2, alpha, and trials resampled one by one (the paper: alpha 0.01, 1000 resamples).
        interval: "bootstrap", bias-corrected and accelerated percentiles of the resamples, or "sandwich", theta +- z se
            with ranks from draws of that normal distribution. The authors' method has plain percentiles always.
        covariates: which of "order" and "action" to take out, where they occur both ways; all of them if not given.
    Returns: strengths of values that were never compared are ranked apart, each group summing to zero. Where a group's MLE
        is not finite, its strengths and ranks are undefined with the reason; `relative` holds what can be said, pair shares
        and rank sets stand, and the penalised fit can be had by name. A run whose answers follow positions has no
        strengths. A value without a decided scenario is undefined in every method.
    Raises: ValueError: unknown method, interval or covariate, alpha or resamples not above 0.
    Source: Bradley & Terry (1952), Biometrika 39(3/4):324-345; Cameron, Gelbach & Miller (2008), Rev. Econ. Stat. 90(3);
        Efron (1987), J. Am. Stat. Assoc. 82(397):171-185 (limits); Davidson & Beaver (1977), Biometrics 33(4):693-702
        (order of presentation).
    """
    if method not in ("mle", "penalised", "authors") or interval not in ("bootstrap", "sandwich"):
        raise ValueError(f"unknown method {method!r} or interval {interval!r}")
    if alpha <= 0 or resamples < 1:
        raise ValueError(f"alpha and resamples must be above 0, got {alpha} and {resamples}")
    if not set(covariates or ()) <= set(EFFECTS):
        raise ValueError(f"covariates are {' and '.join(EFFECTS)}, got {covariates}")
    task = Task(tallies, method, alpha, level, covariates)
    seed = _seed(rng)
    spread = _Spread(task, interval, resamples, rng)
    warning = _strength_warning(task, spread.disconnected / resamples)
    return RankingResult(
        values=tallies.values,
        strengths=_strengths(task, spread, warning),
        ranks=_ranks(task, spread, level),
        above=_above(task, spread),
        pairs=pair_results(task),
        fit=goodness_of_fit(task),
        counts=task.counts(),
        covariance=_as_rows(task.plane @ spread.covariance @ task.plane.T)
        if task.fitted and not task.groups.reason
        else None,
        method=method,
        alpha=alpha if method != "mle" or spread.disconnected else 0.0,
        interval="rows" if method == "authors" else interval,
        level=level,
        resamples=resamples,
        seed=seed,
        disconnected=spread.disconnected,
        cut_off=task.cut_off,
        reason=task.reason,
        warnings=_warnings(task, warning, spread.disconnected, resamples),
        covariates=_effects(task, spread, warning),
        groups=tuple(tuple(tallies.values[k] for k in group) for group in task.groups.compared),
        relative=relative_strengths(task, spread.theta_low, spread.theta_high) if method == "mle" else (),
        rank_sets=rank_sets(task, spread.theta_drawn),
        no_preference=task.no_preference,
    )


class _Spread:
    """Limits and replicates of the coordinates of a fit: of strengths, shape (K,) and (B, K), and of effects."""

    def __init__(self, task: Task, interval: str, resamples: int, rng: np.random.Generator) -> None:
        self.disconnected = 0
        size, effects = task.size, len(task.covariates)
        # Strengths and effects together, as functions of the coordinates.
        self.view = np.concatenate([task.plane, np.eye(task.X.shape[1])[task.X.shape[1] - effects :]])
        if not task.fitted:
            self.theta_drawn = np.full((0, size), np.nan)
            self.low = self.high = np.full(size + effects, np.nan)
            self.flat = np.zeros(size + effects, dtype=bool)
            self.covariance = np.zeros((task.X.shape[1], task.X.shape[1]))
            self.theta_low, self.theta_high = self.low[:size], self.high[:size]
            return
        point = self.view @ task.beta
        self.covariance, influence = sandwich(task)
        pull = influence @ self.view.T
        self.flat = (pull**2).sum(axis=0) < EQUAL**2
        if task.method == "authors":
            drawn = resampled_trials(task, rng, resamples) @ self.view.T
            low, high = percentiles(drawn, level=task.level)
        elif interval == "sandwich":
            drawn = rng.multivariate_normal(point, self.view @ self.covariance @ self.view.T, resamples, method="eigh")
            half = z_of(task.level) * np.sqrt((self.view @ self.covariance @ self.view.T).diagonal().clip(0))
            low, high = point - half, point + half
        else:
            beta, self.disconnected = resampled_scenarios(task, rng, resamples)
            drawn = beta @ self.view.T
            low, high = accelerated_percentiles(point, drawn, pull, level=task.level)
        self.low, self.high = np.minimum(low, point), np.maximum(high, point)
        self.theta_drawn = drawn[:, :size]
        # A penalised fit is a drawing aid, and where scenarios do not vary the resamples do not either: no limits.
        without = self.flat | (task.method == "penalised")
        self.low, self.high = (np.where(without, np.nan, limit) for limit in (self.low, self.high))
        self.theta_low, self.theta_high = self.low[:size], self.high[:size]


def _strengths(task: Task, spread: _Spread, warning: str) -> tuple[Estimate, ...]:
    """One estimate per value; undefined for a value that nothing was decided about, or whose group has no finite fit."""
    estimates = []
    for k, scenarios in enumerate(task.scenarios_of_values()):
        name = task.tallies.values[k]
        if not scenarios and not (task.method == "authors" and task.fitted):
            estimates.append(Estimate.undefined(task.no_preference or _nothing(task, name), level=task.level))
        elif not task.fitted or not task.whole[k]:
            estimates.append(Estimate.undefined(task.reason, scenarios, level=task.level))
        else:
            estimates.append(
                Estimate(
                    float(task.theta[k]),
                    _limit(spread.theta_low[k]),
                    _limit(spread.theta_high[k]),
                    n=scenarios,
                    warning=_without_limits(task, bool(spread.flat[k])) or warning,
                    level=task.level,
                )
            )
    return tuple(estimates)


def _nothing(task: Task, name: str) -> str:
    return task.reason if not task.groups.compared else f"{name} was in no decided scenario"


def _without_limits(task: Task, flat: bool) -> str:
    if task.method == "penalised":
        return "a penalised strength is a drawing aid: it has no limits"
    if flat and task.method == "mle":
        return "the scenarios of each pair were all decided alike: nothing varies that limits could be made of"
    return ""


def _effects(task: Task, spread: _Spread, warning: str) -> tuple[Covariate, ...]:
    """What order and action do, in log odds coded +-1/2."""
    covariates = []
    n = int((task.tallies.decided > 0).sum())
    for position, name in enumerate(task.covariates):
        k = task.size + position
        if not task.fitted:
            effect = Estimate.undefined(task.reason, n, level=task.level)
        else:
            effect = Estimate(
                float(task.beta[task.X.shape[1] - len(task.covariates) + position]),
                _limit(spread.low[k]),
                _limit(spread.high[k]),
                n=n,
                warning=_without_limits(task, bool(spread.flat[k])) or warning,
                level=task.level,
            )
        covariates.append(Covariate(name, EFFECTS[name], effect))
    return tuple(covariates)


def _limit(limit: float) -> float | None:
    return None if np.isnan(limit) else float(limit)


def _ranks(task: Task, spread: _Spread, level: float) -> tuple[Estimate, ...]:
    """Rank of each value within its group, with percentiles of the replicates' ranks.

    The best place of a tie counts for the rank and the lower limit, its worst place for the upper limit.
    """
    scenarios = task.scenarios_of_values()
    estimates = [
        Estimate.undefined(strength.reason or "no rank", n=strength.n, level=level)
        for strength in _strengths(task, spread, "")
    ]
    if not task.fitted:
        return tuple(estimates)
    tail = (1 - level) / 2
    for block in map(list, task.groups.blocks):
        drawn = spread.theta_drawn[:, block]
        gap = drawn[:, None, :] - drawn[:, :, None]
        best, worst = 1 + (gap > EQUAL).sum(axis=2), len(block) - (gap < -EQUAL).sum(axis=2)
        low = np.quantile(best, tail, axis=0, method="inverted_cdf")
        high = np.quantile(worst, 1 - tail, axis=0, method="inverted_cdf")
        theta = task.theta[block]
        rank = 1 + (theta[None, :] - theta[:, None] > EQUAL).sum(axis=1)
        for place, k in enumerate(block):
            if not task.whole[k] or (not scenarios[k] and task.method != "authors"):
                continue
            why = _without_limits(task, bool(spread.flat[k]))
            estimates[k] = Estimate(
                float(rank[place]),
                None if why else float(min(low[place], rank[place])),
                None if why else float(max(high[place], rank[place])),
                n=scenarios[k],
                warning=why,
                level=level,
            )
    return tuple(estimates)


def _above(task: Task, spread: _Spread) -> tuple[tuple[float | None, ...], ...]:
    """Share of replicates in which a value stands above another of its group, ties as half."""
    size = task.size
    shown = np.zeros((size, size), dtype=bool)
    if task.fitted and task.method != "penalised":
        for block in task.groups.blocks:
            whole = [k for k in block if task.whole[k]]
            shown[np.ix_(whole, whole)] = True
    np.fill_diagonal(shown, False)
    if not shown.any():
        return tuple((None,) * size for _ in range(size))
    gap = spread.theta_drawn[:, :, None] - spread.theta_drawn[:, None, :]
    shares = ((gap > EQUAL) + 0.5 * (np.abs(gap) <= EQUAL)).mean(axis=0)
    shown &= ~(spread.flat[:size, None] | spread.flat[None, :size])
    return tuple(tuple(float(shares[i, j]) if shown[i, j] else None for j in range(size)) for i in range(size))


def _as_rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(cell) for cell in row) for row in matrix)


def _seed(rng: np.random.Generator) -> int | None:
    """The number that the generator was made from, None where there is none."""
    entropy = getattr(rng.bit_generator.seed_seq, "entropy", None)
    return entropy if isinstance(entropy, int) else None


def _strength_warning(task: Task, disconnected: float) -> str:
    """Why the intervals of the strengths may not hold their level; empty where they do."""
    decided = task.tallies.decided > 0
    if not decided.any():
        return ""
    pairs = len(task.tallies.pairs)
    fewest = int(np.bincount(task.tallies.pair[decided], minlength=pairs).min())
    if fewest < FEW_SCENARIOS:
        decided_only = f"{fewest} decided scenario{'' if fewest == 1 else 's'} only"
        return f"a pair has {decided_only}: intervals may miss the truth more often than they say"
    if disconnected > MANY_DISCONNECTED:
        return f"{disconnected:.0%} of the resamples have no finite fit: the limits depend on the penalty used for them"
    asked, alike = alike_in_both_orders(task.asked)
    if task.method != "authors" and asked.any():
        alike_by_pair = np.bincount(task.asked.pair, weights=alike, minlength=pairs)[np.unique(task.asked.pair[asked])]
        if alike_by_pair.min() < FEWEST_ALIKE:
            return (
                f"a pair has {whole(float(alike_by_pair.min()))} scenarios answered alike in both orders only: intervals may miss the truth "
                "more often than they say"
            )
    return ""


def _apart(task: Task) -> str:
    """The sentence about groups that were never compared; empty where there is one group."""
    groups = task.groups.compared
    if len(groups) < 2:
        return ""
    names = [", ".join(task.tallies.values[k] for k in group) for group in groups]
    return f"never compared with each other, and so ranked apart: {'; '.join(names)}"


def _warnings(task: Task, warning: str, disconnected: int, resamples: int) -> tuple[str, ...]:
    sentences: list[str] = []
    if warning and task.fitted:
        sentences.append(warning)
    if apart := _apart(task):
        sentences.append(apart)
    if disconnected and disconnected / resamples <= MANY_DISCONNECTED:
        some = "one has" if disconnected == 1 else f"{disconnected} have"
        sentences.append(f"of {resamples} resamples {some} no finite fit: there the penalty was used")
    if task.fitted and task.method == "penalised":
        sentences.append(
            f"penalised fit (alpha {task.alpha:g}): strengths are drawn towards each other, and have no limits"
        )
    if task.fitted and task.method == "authors":
        sentences.append(
            "computed as the paper's script does: whatever is not value 1 counts for value 2, and trials count as independent"
        )
    return tuple(sentences)
