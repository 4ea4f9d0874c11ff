"""Intervals for shares, means and ratios, where the independent unit is the scenario or the item."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm, t
from statsmodels.stats.proportion import proportion_confint

from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]

# Below this many independent units a normal interval of a mean is too narrow (0.925 instead of 0.95 at 12 units).
FEW_UNITS = 20

# With fewer successes or failures than this Wilson's interval misses too often: exact limits there.
FEW_ON_A_SIDE = 3

# Replicates this close to the estimate are ties with it.
EQUAL = 1e-9

# Further than this many standard deviations the bias of an estimate cannot be told from its replicates.
MOST_BIAS = 2.0


def z_of(level: float) -> float:
    """The two-sided normal quantile of an interval of this level (1.96 for 0.95)."""
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, got {level}")
    return float(norm.ppf((1 + level) / 2))


def wilson(successes: float, total: int, *, level: float = 0.95) -> Estimate:
    """A share of independent units with its Wilson score interval.

    Args: successes, total: 0 <= successes <= total.
    Returns: the share, n = total; undefined when total is 0.
    Raises: ValueError: successes outside 0..total.
    Source: Wilson (1927), J. Am. Stat. Assoc. 22(158):209-212.
    """
    if not 0 <= successes <= total:
        raise ValueError(f"{successes} successes of {total}")
    if total == 0:
        return Estimate.undefined("nothing was counted", level=level)
    low, high = proportion_confint(successes, total, alpha=1 - level, method="wilson")
    return Estimate(successes / total, float(low), float(high), n=int(total), level=level)


def mean_interval(x: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The mean of independent units with its normal interval, mean +- z sd / sqrt(n).

    Args: x: shape (n,), one figure per unit.
    Returns: the mean; undefined without units; without an interval for one unit; with a warning below 20 units.
    """
    values = np.asarray(x, dtype=float)
    n = len(values)
    if n == 0:
        return Estimate.undefined("nothing was counted", level=level)
    mean = float(values.mean())
    if n == 1:
        return Estimate(mean, n=1, warning="one unit only: no interval", level=level)
    half = z_of(level) * float(values.std(ddof=1)) / math.sqrt(n)
    warning = f"{n} units only: the interval is likely too narrow" if n < FEW_UNITS else ""
    return Estimate(mean, mean - half, mean + half, n=n, warning=warning, level=level)


def ratio_se(y: ArrayLike, d: ArrayLike) -> float | None:
    """Standard error of sum(y) / sum(d) over independent units, by linearisation.

    Args: y, d: shape (n,); units with d = 0 belong to the sample and count.
    Returns: sqrt(sum(u^2) / (n (n - 1))) with u = (y - p d) / mean(d); None when n < 2 or no d is above 0.
    Source: Cochran (1977), Sampling Techniques, 3rd ed., section 6.3.
    """
    top, bottom = np.asarray(y, dtype=float), np.asarray(d, dtype=float)
    n = len(top)
    if n < 2 or bottom.sum() <= 0:
        return None
    u = (top - top.sum() / bottom.sum() * bottom) / bottom.mean()
    return float(np.sqrt((u**2).sum() / (n * (n - 1))))


def ratio(y: ArrayLike, d: ArrayLike, *, decided: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """A share over clusters, sum(y) / sum(d), with an interval that takes the cluster as the unit.

    The interval is Wilson's at the effective sample size 1 + p (1 - p) / se^2, which for one trial a cluster is the
    number of clusters, so the ordinary Wilson interval. With several trials a cluster it is multiplied by (z / t)^2, since
    se is estimated from few clusters, and capped at the number of decided trials. Near 0 and 1, where fewer than three
    successes or failures are seen (in effect, or in clusters), limits are the exact binomial's at that size, at most the
    number of clusters with d > 0, and marked conservative. Simulated with 1 and 4 trials a cluster, 8 to 80 clusters, shares
    of 0.5 to 0.99, clusters alike and very different: 0.94-0.99, above 0.97 only with fewer than 20 clusters or near 1.

    Args:
        y, d: shape (n,), per cluster the share (or number) of trials that count as successes, and that count at all.
        decided: shape (n,), number of trials that count, for the cap; without it each cluster with d > 0 counts once.
    Returns: the share, n = clusters with d > 0; undefined when there is none; no interval for a single cluster.
    Raises: ValueError: shapes differ, or y outside 0..d.
    Source: Korn & Graubard (1998), Survey Methodology 24(2):193-201 (effective sample size, exact limits); ratio_se.
    """
    top, bottom = np.asarray(y, dtype=float), np.asarray(d, dtype=float)
    if top.shape != bottom.shape or top.ndim != 1:
        raise ValueError(f"y and d must be of one shape (n,), got {top.shape} and {bottom.shape}")
    if np.any(top < -1e-9) or np.any(top > bottom + 1e-9):
        raise ValueError("y must lie between 0 and d in every cluster")
    clusters = int((bottom > 0).sum())
    if clusters == 0:
        return Estimate.undefined("no trial was decided", level=level)
    share = min(max(float(top.sum() / bottom.sum()), 0.0), 1.0)
    error = ratio_se(top, bottom)
    if error is None:
        return Estimate(share, n=clusters, warning="one scenario only: no interval", level=level)
    cap = float(clusters if decided is None else np.asarray(decided, dtype=float).sum())
    several = cap > clusters
    effective = min(1 + share * (1 - share) / error**2, cap) if error > 0 else cap
    if several:
        effective *= float(z_of(level) / t.ppf((1 + level) / 2, len(top) - 1)) ** 2
    rarer = min(int((top > EQUAL).sum()), int((bottom - top > EQUAL).sum()))
    exact = rarer == 0 or min(share, 1 - share) * effective < FEW_ON_A_SIDE or (several and rarer < FEW_ON_A_SIDE)
    if rarer == 0 or (several and rarer < FEW_ON_A_SIDE):
        effective = float(clusters) if rarer == 0 else min(effective, clusters)
    if exact:
        low, high = _exact(share * effective, effective, level)
    else:
        low, high = proportion_confint(share * effective, effective, alpha=1 - level, method="wilson")
    conservative = exact or (several and len(top) < FEW_UNITS)
    return Estimate(
        share, min(float(low), share), max(float(high), share), clusters, level=level, conservative=conservative
    )


def _exact(successes: float, total: float, level: float) -> tuple[float, float]:
    """Exact binomial limits, also for numbers that are not whole.

    Source: Clopper & Pearson (1934), Biometrika 26(4):404-413.
    """
    tail = (1 - level) / 2
    low = beta.ppf(tail, successes, total - successes + 1) if successes > EQUAL else 0.0
    high = beta.ppf(1 - tail, successes + 1, total - successes) if total - successes > EQUAL else 1.0
    return float(low), float(high)


def percentiles(samples: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Percentile limits of bootstrap replicates, undefined (nan) replicates left out.

    Args: samples: shape (B, ...).
    Returns: low and high, each of shape (...); nan where every replicate is undefined.
    """
    replicates = np.asarray(samples, dtype=float)
    tail = (1 - level) / 2
    known = ~np.isnan(replicates)
    filled = np.where(known.any(axis=0), replicates, 0.0)
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    blank = ~known.any(axis=0)
    return np.where(blank, np.nan, low), np.where(blank, np.nan, high)


def accelerated_percentiles(
    estimate: Floats, samples: Floats, influence: Floats, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Bias-corrected and accelerated percentile limits of bootstrap replicates.

    Args:
        estimate: shape (K,); samples: replicates, shape (B, K).
        influence: shape (n, K), how much each unit pulls the estimate, up to a common factor.
    Returns: low and high, each of shape (K,).
    Source: Efron (1987), J. Am. Stat. Assoc. 82(397):171-185.
    """
    z = z_of(level)
    below = ((samples < estimate - EQUAL).mean(axis=0) + (samples <= estimate + EQUAL).mean(axis=0)) / 2
    bias = np.clip(norm.ppf(below), -MOST_BIAS, MOST_BIAS)
    size = (influence**2).sum(axis=0)
    skew = np.where(size > 0, (influence**3).sum(axis=0) / (6 * np.where(size > 0, size, 1.0) ** 1.5), 0.0)
    limits = []
    for end in (-z, z):
        shifted = bias + end
        tail = norm.cdf(bias + shifted / (1 - skew * shifted))
        limits.append(np.array([np.quantile(samples[:, k], tail[k]) for k in range(len(estimate))]))
    return limits[0], limits[1]
