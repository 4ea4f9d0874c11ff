"""How fast a person works, and how regularly: by the server's clock, and by how much there is to read."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, t

from conflictscope.stats.intervals import ratio
from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]

FEWEST = 5
# Skimming ends at about 700 words a minute (Rayner et al. 2016, Psychol. Sci. Public Interest 17(1):4-34); this is 900, and a
# quarter of a second for each answer.
FASTEST_WORDS = 15.0
FASTEST_ANSWER = 0.25
# Where logarithms of times have heavy tails, as people's have, the jackknife of their scatter is a little too narrow.
HEAVY_TAILS = 1.07


def pace(seconds: Floats, words: Floats, *, level: float = 0.95) -> Estimate:
    """The median time for a hundred words, in seconds, with limits from order statistics (conservative).

    Args: seconds: nan where unknown; words: above 0; both of shape (m,).
    """
    known = np.isfinite(seconds) & (words > 0)
    return median_interval(100 * seconds[known] / words[known], level=level)


def median_interval(x: Floats, *, level: float = 0.95) -> Estimate:
    """The median with the exact limits of order statistics; without limits where there are too few.

    Source: Conover (1999), Practical Nonparametric Statistics, 3rd ed., section 3.2.
    """
    n = len(x)
    if n < FEWEST:
        return Estimate.undefined(f"fewer than {FEWEST} times are known", n=n, level=level)
    ordered = np.sort(x)
    rank = int(binom.ppf((1 - level) / 2, n, 0.5))
    if rank < 1:
        return Estimate(float(np.median(x)), n=n, warning=f"{n} times only: no interval", level=level)
    low, high = float(ordered[rank - 1]), float(ordered[n - rank])
    return Estimate(float(np.median(x)), low, high, n=n, level=level, conservative=True)


def impossible(seconds: Floats, words: Floats, questions: int, *, level: float = 0.95) -> Estimate:
    """The share of items that were answered faster than anybody can skim them and press as many keys."""
    known = np.isfinite(seconds)
    if not known.any():
        return Estimate.undefined("no time is known", level=level)
    least = words[known] / FASTEST_WORDS + FASTEST_ANSWER * questions
    return ratio((seconds[known] < least).astype(float), np.ones(int(known.sum())), level=level)


def irregularity(seconds: Floats, words: Floats, *, level: float = 0.95) -> Estimate:
    """The standard deviation of the logarithm of the time, less what the length of the text explains; people have 0.3 to 1.

    Jackknife t limits of its logarithm. Undefined with fewer than ten known times.
    """
    known = np.isfinite(seconds) & (seconds > 0) & (words > 0)
    n = int(known.sum())
    if n < 2 * FEWEST:
        return Estimate.undefined(f"fewer than {2 * FEWEST} times are known", n=n, level=level)
    time = np.log(seconds[known])
    length = np.log(words[known])
    length = length - length.mean()
    spread = float(length @ length)
    slope = float(length @ time) / spread if spread > 1e-9 else 0.0
    rest = time - time.mean() - slope * length
    squares = float(rest @ rest)
    if squares < 1e-12:
        return Estimate(0.0, 0.0, 0.0, n=n, level=level)
    leverage = 1 / n + (length**2 / spread if spread > 1e-9 else 0.0)
    left_out = np.log(np.maximum(squares - rest**2 / (1 - leverage), 1e-12) / (n - 3)) / 2
    whole = math.log(squares / (n - 2)) / 2
    half = (
        HEAVY_TAILS
        * float(t.ppf((1 + level) / 2, n - 1))
        * math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum()))
    )
    return Estimate(math.exp(whole), math.exp(whole - half), math.exp(whole + half), n=n, level=level)


def without_signs(signs: Floats, *, level: float = 0.95) -> Estimate:
    """The share of items on which the page saw neither key nor movement nor focus; undefined where no page told."""
    known = np.isfinite(signs)
    if not known.any():
        return Estimate.undefined("no page has told of keys and movements", level=level)
    return ratio((signs[known] == 0).astype(float), np.ones(int(known.sum())), level=level)
