"""Rankings of values: Bradley-Terry strengths with intervals whose unit is the scenario."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import chi2

from conflictscope.stats import comparisons
from conflictscope.stats.intervals import accelerated_percentiles, percentiles, ratio, wilson, z_of
from conflictscope.stats.rankings import Counts, GoodnessOfFit, PairResult, RankingResult
from conflictscope.stats.tallies import Tallies, tally_trials
from conflictscope.stats.types import Estimate

__all__ = ["Counts", "GoodnessOfFit", "PairResult", "RankingResult", "Tallies", "fit_ranking", "tally_trials"]

Floats = NDArray[np.float64]
Method = Literal["mle", "penalised", "authors"]

RESAMPLES = 2000
ALPHA = 0.01

# Strengths closer than this are one: rounding alone must not order them.
EQUAL = 1e-9

# Fewer decided scenarios of a pair than this were not simulated; more disconnected resamples than this reach the limits.
FEW_SCENARIOS = 5
MANY_DISCONNECTED = 0.01


def fit_ranking(
    tallies: Tallies,
    *,
    rng: np.random.Generator,
    method: Method = "mle",
    alpha: float = ALPHA,
    resamples: int = RESAMPLES,
    interval: Literal["bootstrap", "sandwich"] = "bootstrap",
    level: float = 0.95,
) -> RankingResult:
    """Rank the values by how often an llm supports them against each other.

    Fits sum_c N_c x_c (sigma(x_c . theta) - p_c) = 0 where p_c = sum y / sum d is the pair's win share and N_c its
    decided scenarios; with one trial a scenario that is the maximum likelihood fit. Undecided trials count for neither
    side. Scenarios are resampled within pairs, trials of a scenario together.

    Args:
        rng: made from a seed and used for nothing before, if the result is to be reproducible from `seed`.
        method: "mle"; "penalised", the same with choix' penalty `alpha`, finite always; "authors", compatible with the
            paper's script and to be labelled so: every trial that is not value_1 counts for value_2, alpha, and trials
            resampled one by one (the paper: alpha 0.01, 1000 resamples).
        interval: "bootstrap", bias-corrected and accelerated percentiles of the resamples, or "sandwich", theta +- z se
            with ranks from draws of that normal distribution. The authors' method has plain percentiles always.
            Simulated with 3 and 8 values, 5 to 40 scenarios a pair, 1 and 2 trials a scenario: both 0.94-0.97 (0.98
            where every tenth resample is disconnected), plain percentiles 0.90-0.95.
    Returns: where the MLE is not finite, strengths and ranks are undefined with the reason, pair shares stand, and the
        penalised fit can be had by name.
        A value without a decided scenario is undefined in every method.
    Raises: ValueError: unknown method or interval, alpha or resamples not above 0.
    Source: Bradley & Terry (1952), Biometrika 39(3/4):324-345; Cameron, Gelbach & Miller (2008), Rev. Econ. Stat. 90(3);
        Efron (1987), J. Am. Stat. Assoc. 82(397):171-185 (limits).
    """
    if method not in ("mle", "penalised", "authors") or interval not in ("bootstrap", "sandwich"):
        raise ValueError(f"unknown method {method!r} or interval {interval!r}")
    if alpha <= 0 or resamples < 1:
        raise ValueError(f"alpha and resamples must be above 0, got {alpha} and {resamples}")
    task = _Task(tallies, method, alpha, level)
    if task.reason:
        return _undefined(task, interval=interval, resamples=resamples, rng=rng)
    seed = _seed(rng)
    theta = task.strengths
    covariance, influence = _sandwich(task, theta)
    disconnected = 0
    if method == "authors":
        drawn = _resampled_trials(task, theta, rng, resamples)
        low, high = percentiles(drawn, level=level)
    elif interval == "sandwich":
        drawn = rng.multivariate_normal(theta, covariance, size=resamples, method="eigh")
        half = z_of(level) * np.sqrt(covariance.diagonal())
        low, high = theta - half, theta + half
    else:
        drawn, disconnected = _resampled_scenarios(task, theta, rng, resamples)
        low, high = accelerated_percentiles(theta, drawn, influence, level=level)
    warning = _strength_warning(task, disconnected / resamples)
    return RankingResult(
        values=tallies.values,
        strengths=_estimates(task, theta, low, high, warning),
        ranks=_estimates(task, *_ranks(theta, drawn, level), ""),
        above=_above(drawn),
        pairs=_pairs(task, theta),
        fit=_goodness_of_fit(task, theta),
        counts=task.counts(),
        covariance=tuple(tuple(float(cell) for cell in row) for row in covariance),
        method=method,
        alpha=alpha if method != "mle" or disconnected else 0.0,
        interval="rows" if method == "authors" else interval,
        level=level,
        resamples=resamples,
        seed=seed,
        disconnected=disconnected,
        cut_off=(),
        reason="",
        warnings=_warnings(task, warning, disconnected, resamples),
    )


class _Task:
    """The tallies as the chosen method sees them.

    `y` and `d` (S,) are what enters the shares, `weight` and `share` (C,) what enters the fit, `strengths` (K,) what it
    gives; where there is none, `reason` says why.
    """

    def __init__(self, tallies: Tallies, method: Method, alpha: float, level: float) -> None:
        self.tallies, self.method, self.level = tallies, method, level
        self.size = len(tallies.values)
        self.penalty = 0.0 if method == "mle" else alpha
        self.alpha = alpha
        if method == "authors":
            self.y, self.d = tallies.wins.astype(float), tallies.trials.astype(float)
            self.mass = self.d
        else:
            self.y, self.d = tallies.y, tallies.d
            self.mass = (self.d > 0).astype(float)
        pairs = len(tallies.pairs)
        self.weight = _sums(tallies.pair, self.mass, pairs)
        won, of = _sums(tallies.pair, self.y, pairs), _sums(tallies.pair, self.d, pairs)
        self.share = _shares(won, of)
        self.cut_off: tuple[str, ...] = ()
        self.reason = ""
        if not self.weight.any():
            self.cut_off, self.reason = tallies.values, "no scenario was decided"
        elif method == "mle":
            beats = comparisons.wins_of(self.weight[None], self.share[None], tallies.pairs, self.size)[0]
            self.cut_off, why = comparisons.cut_off(beats, tallies.values)
            if why:
                self.reason = f"no finite maximum likelihood fit: {why}; the penalised fit is finite"
        self.strengths = np.full(self.size, np.nan)
        if not self.reason:
            fits, converged = comparisons.fit(
                self.weight[None], self.share[None], tallies.pairs, self.size, alpha=self.penalty
            )
            self.strengths = fits[0]
            if not converged[0]:
                self.reason = f"the fit did not converge in {comparisons.MAX_ITERATIONS} steps"

    def scenarios_of_values(self) -> list[int]:
        """Scenarios with a trial that counts, for each value."""
        ends = self.tallies.pairs[self.tallies.pair[self.d > 0]].reshape(-1)
        return [int(count) for count in np.bincount(ends, minlength=self.size)]

    def counts(self) -> Counts:
        tallies = self.tallies
        trials, decided = int(tallies.trials.sum()), int(tallies.decided.sum())
        return Counts(
            scenarios=len(tallies.pair),
            decided_scenarios=int((tallies.decided > 0).sum()),
            trials=trials,
            decided_trials=decided,
            undecided=wilson(trials - decided, trials, level=self.level),
        )


def _sums(pair: NDArray[np.int64], x: Floats, pairs: int) -> Floats:
    """Sum of x over the scenarios of each pair, shape (pairs,)."""
    return np.bincount(pair, weights=x, minlength=pairs).astype(np.float64)


def _shares(won: Floats, of: Floats) -> Floats:
    """won / of, one half where nothing was decided; rounding must not turn a share of one into a first defeat."""
    known = of > 0
    share = np.where(known, won / np.where(known, of, 1.0), 0.5)
    return np.where(known & (won > of * (1 - 1e-12)), 1.0, share)


def _resampled_scenarios(task: _Task, theta: Floats, rng: np.random.Generator, resamples: int) -> tuple[Floats, int]:
    """Strengths of bootstrap replicates, shape (resamples, K), and how many needed the penalty.

    Of a pair's n scenarios n - 1 are drawn, so that the replicates vary as much as the estimate (Rao & Wu 1988); with n
    they would vary too little, by a tenth at 5 scenarios. Scenarios of a pair that look alike are interchangeable, so
    counts of kinds are drawn instead of scenarios: the cost does not grow with the trials, and order plays no part.
    """
    pairs = task.tallies.pairs
    weight, won, of = np.zeros((3, resamples, len(pairs)))
    for c in range(len(pairs)):
        here = task.tallies.pair == c
        kinds, counts = np.unique(np.column_stack([task.y, task.d])[here], axis=0, return_counts=True)
        n = int(counts.sum())
        draws = max(n - 1, 1)
        often = rng.multinomial(draws, counts / n, size=resamples).astype(float)
        won[:, c], of[:, c] = often @ kinds[:, 0], often @ kinds[:, 1]
        weight[:, c] = often @ (kinds[:, 1] > 0) * n / draws
    share = _shares(won, of)
    if task.penalty:
        return comparisons.fit(weight, share, pairs, task.size, alpha=task.penalty, start=theta)[0], 0
    whole = comparisons.strongly_connected(comparisons.wins_of(weight, share, pairs, task.size))
    strengths = np.empty((resamples, task.size))
    strengths[whole], whole[whole] = comparisons.fit(weight[whole], share[whole], pairs, task.size, start=theta)
    torn = ~whole
    strengths[torn] = comparisons.fit(weight[torn], share[torn], pairs, task.size, alpha=task.alpha, start=theta)[0]
    return strengths, int(torn.sum())


def _resampled_trials(task: _Task, theta: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Strengths of replicates that draw all trials anew, one by one, as the paper's script does."""
    pairs = task.tallies.pairs
    wins = _sums(task.tallies.pair, task.y, len(pairs))
    kinds = np.column_stack([wins, task.weight - wins]).reshape(-1)
    drawn = rng.multinomial(round(kinds.sum()), kinds / kinds.sum(), size=resamples).reshape(resamples, -1, 2)
    weight = drawn.sum(axis=2).astype(float)
    share = _shares(drawn[:, :, 0].astype(float), weight)
    return comparisons.fit(weight, share, pairs, task.size, alpha=task.penalty, start=theta)[0]


def _sandwich(task: _Task, theta: Floats) -> tuple[Floats, Floats]:
    """Covariance of the strengths, H^-1 (sum_s u_s u_s') H^-1 with the scenario's summed score u_s, shape (K, K).

    No small-sample factor, scores not centred by pair; the second result is each scenario's pull on the strengths with
    the scores centred by pair, shape (S, K). Source: Liang & Zeger (1986), Biometrika 73(1):13-22.
    """
    pairs, pair = task.tallies.pairs, task.tallies.pair
    X, plane = comparisons.design(pairs, task.size), comparisons.basis(task.size)
    beta = (theta @ plane)[None]
    curve = comparisons.derivatives(beta, task.weight[None], task.share[None], X, plane, task.penalty)[1][0]
    chance = expit(X @ beta[0])
    of = _sums(pair, task.d, len(pairs))
    per_decided = np.where(of > 0, task.weight / np.where(of > 0, of, 1.0), 0.0)
    pull = per_decided[pair] * (task.y - chance[pair] * task.d)
    squared = _sums(pair, pull**2, len(pairs))
    bread = np.linalg.inv(curve)
    covariance: Floats = plane @ bread @ ((X * squared[:, None]).T @ X) @ bread @ plane.T
    centred = per_decided[pair] * (task.y - task.share[pair] * task.d)
    influence: Floats = centred[:, None] * (X @ bread @ plane.T)[pair]
    return covariance, influence


def _estimates(task: _Task, point: Floats, low: Floats, high: Floats, warning: str) -> tuple[Estimate, ...]:
    """One estimate per value, its interval made to enclose it; undefined for a value that nothing was decided about."""
    return tuple(
        Estimate(
            float(point[k]),
            float(min(low[k], point[k])),
            float(max(high[k], point[k])),
            n=scenarios,
            warning=warning,
            level=task.level,
        )
        if scenarios
        else Estimate.undefined(f"{task.tallies.values[k]} was in no decided scenario", level=task.level)
        for k, scenarios in enumerate(task.scenarios_of_values())
    )


def _ranks(theta: Floats, drawn: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Rank of each value and its limits, each of shape (K,).

    The best place of a tie counts for the rank and the lower limit, its worst place for the upper limit.
    """
    gap = drawn[:, None, :] - drawn[:, :, None]
    best, worst = 1 + (gap > EQUAL).sum(axis=2), drawn.shape[1] - (gap < -EQUAL).sum(axis=2)
    tail = (1 - level) / 2
    low = np.quantile(best, tail, axis=0, method="inverted_cdf")
    high = np.quantile(worst, 1 - tail, axis=0, method="inverted_cdf")
    rank = 1 + (theta[None, :] - theta[:, None] > EQUAL).sum(axis=1)
    return rank.astype(float), low.astype(float), high.astype(float)


def _above(drawn: Floats) -> tuple[tuple[float | None, ...], ...]:
    gap = drawn[:, :, None] - drawn[:, None, :]
    shares = ((gap > EQUAL) + 0.5 * (np.abs(gap) <= EQUAL)).mean(axis=0)
    return tuple(tuple(None if i == j else float(share) for j, share in enumerate(row)) for i, row in enumerate(shares))


def _pairs(task: _Task, theta: Floats | None) -> tuple[PairResult, ...]:
    tallies = task.tallies
    residuals = _residuals(task, theta)
    found = []
    for c, (first, second) in enumerate(tallies.pairs):
        here = tallies.pair == c
        fitted = None if theta is None else float(expit(theta[first] - theta[second]))
        # The cap on the effective sample size counts what the method counts as decided.
        decided = tallies.trials if task.method == "authors" else tallies.decided
        found.append(
            PairResult(
                value_1=tallies.values[first],
                value_2=tallies.values[second],
                share=ratio(task.y[here], task.d[here], decided=decided[here], level=task.level),
                fitted=fitted,
                residual=None if residuals is None or np.isnan(residuals[c]) else float(residuals[c]),
                scenarios=int(here.sum()),
                decided=int((tallies.decided[here] > 0).sum()),
            )
        )
    return tuple(found)


def _leverage(task: _Task, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Per pair: Pearson residual, what the fit leaves of its variance (0 to 1), and its design effect, shape (C,).

    The design effect is the variance of p_c by scenario over that of N_c independent trials at the fitted share.
    """
    pairs, pair = task.tallies.pairs, task.tallies.pair
    chance = expit(theta[pairs[:, 0]] - theta[pairs[:, 1]])
    spread = chance * (1 - chance)
    scale = np.sqrt(task.weight * spread)[:, None] * comparisons.design(pairs, task.size)
    left = 1 - np.einsum("ci,ij,cj->c", scale, np.linalg.pinv(scale.T @ scale), scale)
    of = _sums(pair, task.d, len(pairs))
    units = np.bincount(pair, minlength=len(pairs))
    u = task.y - task.share[pair] * task.d
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = _sums(pair, u**2, len(pairs)) / of**2 * units / (units - 1)
        return (task.share - chance) * np.sqrt(task.weight / spread), left, variance * task.weight / spread


def _residuals(task: _Task, theta: Floats | None) -> Floats | None:
    """(share - fitted) over its standard error under the fit, by scenario; nan where nothing is left to judge by."""
    if theta is None or task.method != "mle":
        return None
    pearson, left, effect = _leverage(task, theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        standardised = pearson / np.sqrt(left * effect)
    residuals: Floats = np.where((left > 1e-9) & (effect > 0) & (task.weight > 0), standardised, np.nan)
    return residuals


def _goodness_of_fit(task: _Task, theta: Floats) -> GoodnessOfFit:
    """G2 over the mean design effect, first order.

    Source: Rao & Scott (1984), Ann. Stat. 12(1):46-60.
    """
    played = task.weight > 0
    df = int(played.sum()) - (task.size - 1)
    if task.method != "mle":
        return GoodnessOfFit(None, df, None, None, "goodness of fit is defined for the maximum likelihood fit")
    weight, share = task.weight[played], task.share[played]
    chance = expit(theta[task.tallies.pairs[played, 0]] - theta[task.tallies.pairs[played, 1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = share * np.log(share / chance), (1 - share) * np.log((1 - share) / (1 - chance))
    g2 = float(2 * (weight * sum(np.where(np.isnan(term), 0.0, term) for term in terms)).sum())
    if df <= 0:
        return GoodnessOfFit(None, df, None, None, "as many pairs as strengths: any shares fit")
    _, left, effect = _leverage(task, theta)
    single = np.isnan(effect[played]) | np.isinf(effect[played])
    if single.any():
        return GoodnessOfFit(g2, df, None, None, f"{int(single.sum())} pairs have one scenario only: no design effect")
    design_effect = float((left[played] * effect[played]).sum() / df)
    if design_effect <= 0:
        return GoodnessOfFit(g2, df, None, None, "all scenarios of each pair were decided alike: no design effect")
    return GoodnessOfFit(g2, df, design_effect, float(chi2.sf(g2 / design_effect, df)))


def _undefined(task: _Task, *, interval: str, resamples: int, rng: np.random.Generator) -> RankingResult:
    """A result that says why there is no ranking, with the pair shares that there are."""
    scenarios = task.scenarios_of_values()
    none = tuple(Estimate.undefined(task.reason, scenarios[k], level=task.level) for k in range(task.size))
    df = int((task.weight > 0).sum()) - (task.size - 1)
    return RankingResult(
        values=task.tallies.values,
        strengths=none,
        ranks=none,
        above=tuple((None,) * task.size for _ in range(task.size)),
        pairs=_pairs(task, None),
        fit=GoodnessOfFit(None, df, None, None, task.reason),
        counts=task.counts(),
        covariance=None,
        method=task.method,
        alpha=task.penalty,
        interval="rows" if task.method == "authors" else interval,
        level=task.level,
        resamples=resamples,
        seed=_seed(rng),
        disconnected=0,
        cut_off=task.cut_off,
        reason=task.reason,
        warnings=(),
    )


def _seed(rng: np.random.Generator) -> int | None:
    """The number that the generator was made from, None where there is none."""
    entropy = getattr(rng.bit_generator.seed_seq, "entropy", None)
    return entropy if isinstance(entropy, int) else None


def _strength_warning(task: _Task, disconnected: float) -> str:
    """Why the intervals of the strengths may not hold their level; empty where they do."""
    decided = task.tallies.decided > 0
    fewest = int(np.bincount(task.tallies.pair[decided], minlength=len(task.tallies.pairs)).min())
    if fewest < FEW_SCENARIOS:
        return f"a pair has {fewest} decided scenarios only: intervals may miss the truth more often than they say"
    if disconnected > MANY_DISCONNECTED:
        return f"{disconnected:.0%} of the resamples have no finite fit: the limits depend on the penalty used for them"
    return ""


def _warnings(task: _Task, warning: str, disconnected: int, resamples: int) -> tuple[str, ...]:
    said: list[str] = []
    if warning:
        said.append(warning)
    if disconnected and disconnected / resamples <= MANY_DISCONNECTED:
        some = "one has" if disconnected == 1 else f"{disconnected} have"
        said.append(f"of {resamples} resamples {some} no finite fit: there the penalty was used")
    if task.method == "penalised":
        said.append(f"penalised fit (alpha {task.alpha:g}): strengths are drawn towards each other")
    if task.method == "authors":
        said.append(
            "computed as the paper's script does: whatever is not value 1 counts for value 2, and trials count as independent"
        )
    return tuple(said)
