"""A figure of what scenarios add together, with its interval: what is not simply one share or one kappa."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from conflictscope.stats.clusters import Floats, Integers, Kinds, Sample, Statistic, accelerated, variance_of, whole
from conflictscope.stats.types import Estimate

RESAMPLES = 2000
# From this many scenarios on the delta method is used; weighted samples are resampled up to the second number.
DELTA_SCENARIOS, MOST_RESAMPLED = 100, 1000
# Below this many scenarios of equal weight simulation shows that limits may cover less than they say.
FEW_SCENARIOS = 30


def figure(
    statistic: Statistic,
    kinds: Kinds,
    sample: Sample,
    *,
    rng: np.random.Generator,
    n: int,
    reason: str,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    bounds: tuple[float, float] = (-1.0, 1.0),
    smoothing: float = 0.0,
    possible: Floats | None = None,
    few: float = FEW_SCENARIOS,
) -> Estimate:
    """The statistic of the summed cells, BCa over scenarios where they are few or weighted, else by the delta method.

    Args:
        kinds, sample: of the same items. n: the count to show. reason: said where the statistic is undefined.
        bounds: what the figure cannot leave. smoothing, possible: as `clusters.accelerated`. few: below so
            many scenarios of equal weight the estimate warns.
    """
    point = float(statistic(kinds.total)) if len(kinds.cells) else math.nan
    if math.isnan(point):
        return Estimate.undefined(reason, n, level=level)
    effective = sample.effective
    worth = f"as much as {whole(effective)} scenarios only: the interval may miss the truth more often than it says"
    warning = worth if effective < few else ""
    if effective >= DELTA_SCENARIOS and not (sample.weighted and sample.scenarios <= MOST_RESAMPLED):
        half = float(ndtri((1 + level) / 2)) * math.sqrt(variance_of(statistic, kinds))
        limits: tuple[float, float] | None = (point - half, point + half)
        if half == 0:
            limits = None
    else:
        limits = accelerated(
            statistic, kinds, rng=rng, resamples=resamples, level=level, smoothing=smoothing, possible=possible
        )
    if limits is None:
        return Estimate(point, n=n, warning="all scenarios are alike, or there is one: no interval", level=level)
    low, high = max(min(limits[0], point), bounds[0]), min(max(limits[1], point), bounds[1])
    return Estimate(point, low, high, n, warning=warning, level=level)


def patterns(columns: Floats | Integers) -> tuple[Integers, Integers]:
    """The different rows of a table of whole numbers from 0, shape (m, k), and which of them each row is, shape (n,)."""
    table = np.asarray(columns, dtype=np.int64)
    if not len(table):
        return table, np.zeros(0, dtype=np.int64)
    base = table.max(axis=0) + 1
    if float(np.prod(base.astype(float))) > 2**62:
        rows, code = np.unique(table, axis=0, return_inverse=True)
        return rows, code.reshape(-1)
    key = table @ np.concatenate([[1], np.cumprod(base[:-1])])
    _, first, code = np.unique(key, return_index=True, return_inverse=True)
    return table[first], code.reshape(-1)
