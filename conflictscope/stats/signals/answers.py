"""What a person's answers look like: right where it is known, like the others', on one side, all the same, or falling off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from conflictscope.stats.intervals import ratio
from conflictscope.stats.labels import MISSING, Codes
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEWEST = 5
# Neither part of a piece of work that is parted in two is shorter than this.
SHORTEST_PART = 5
# So many items are put into another order at once: somebody who did twenty thousand takes no more memory than others.
_CELLS = 1_000_000
_EQUAL = 1e-9


@dataclass(frozen=True)
class Matching(Result):
    """How far answers match a reference.

    Attributes:
        share: of the answers compared, those that are the same. chance: the share that the person would reach by giving their
            answers, in the shares that they have, to any items; None without any.
        beyond: what is beyond chance, of what could be (kappa over all questions).
        by_question: the share of each question.
    """

    share: Estimate
    chance: float | None
    beyond: Estimate
    by_question: Mapping[str, Estimate]


def matching(
    mine: Mapping[str, Codes],
    reference: Mapping[str, Codes],
    clusters: Integers,
    *,
    level: float = 0.95,
    each: bool = True,
) -> Matching:
    """Answers against a reference, over all questions together and each alone; chance is worked out within each question.

    Args: mine, reference: by question codes of the same m items, shape (m,), -1 = none. clusters: the scenario of each item.
        each: whether each question alone is wanted, too.
    Returns: shares with `intervals.ratio` over scenarios; `beyond` with t limits of its linearised variance over scenarios,
        undefined with fewer than 5 of them or where chance alone gives full agreement.
    """
    _, unit = np.unique(clusters, return_inverse=True)
    size = int(unit.max(initial=-1)) + 1
    same, asked, expected = np.zeros(len(unit)), np.zeros(len(unit)), np.zeros(len(unit))
    total = 0.0
    by_question = {}
    for key, answers in mine.items():
        other = reference.get(key)
        if other is None:
            continue
        both = (answers != MISSING) & (other != MISSING)
        n = int(both.sum())
        alike = both & (answers == other)
        if each:
            by_question[key] = _share(alike, both, unit, size, level)
        if not n:
            continue
        top = int(max(answers[both].max(), other[both].max())) + 1
        first, second = (np.bincount(codes[both], minlength=top) for codes in (answers, other))
        chance = float(first @ second) / n
        total += chance
        same += alike
        asked += both
        expected[both] += (second[answers[both]] + first[other[both]]) / n - chance / n
    share = _share(same, asked, unit, size, level)
    compared = float(asked.sum())
    chance_share = total / compared if compared else None
    return Matching(share, chance_share, _beyond(same, asked, expected, total, unit, level), by_question)


def _share(top: NDArray[np.generic], bottom: NDArray[np.generic], unit: Integers, size: int, level: float) -> Estimate:
    y, d = (np.bincount(unit, weights=part.astype(float), minlength=size) for part in (top, bottom))
    asked = d > 0
    if not asked.any():
        return Estimate.undefined("there is nothing to compare it with", level=level)
    return ratio(y[asked], d[asked], decided=d[asked], level=level)


def _beyond(same: Floats, asked: Floats, expected: Floats, total: float, unit: Integers, level: float) -> Estimate:
    room = float(asked.sum()) - total
    units = np.unique(unit[asked > 0])
    if len(units) < FEWEST:
        return Estimate.undefined(f"fewer than {FEWEST} items can be compared", n=len(units), level=level)
    if room <= _EQUAL:
        return Estimate.undefined("chance alone explains all of it", n=len(units), level=level)
    value = (float(same.sum()) - total) / room
    influence = ((same - expected) - value * (asked - expected)) / room
    by_unit = np.bincount(unit, weights=influence)[units]
    m = len(units)
    half = float(t.ppf((1 + level) / 2, m - 1)) * math.sqrt(m / (m - 1) * float((by_unit**2).sum()))
    if half <= _EQUAL:
        return Estimate(value, n=m, warning="every item agrees alike: no interval can be meant", level=level)
    warning = "" if m >= 20 else f"{m} items only: the interval is likely too narrow"
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), n=m, warning=warning, level=level)


def side_share(sides: Mapping[str, Codes], clusters: Integers, *, level: float = 0.95) -> Estimate:
    """Of answers that name one of two actions, the share that names the one shown as A; a half where order is left to chance."""
    _, unit = np.unique(clusters, return_inverse=True)
    named = sum((codes != MISSING).astype(float) for codes in sides.values())
    first = sum((codes == 1).astype(float) for codes in sides.values())
    if not isinstance(named, np.ndarray) or not named.any():
        return Estimate.undefined("no question names the two actions", level=level)
    return _share(np.asarray(first), named, unit, int(unit.max()) + 1, level)


def same_sheet(sheets: Sequence[tuple[int, ...]], *, level: float = 0.95) -> Estimate:
    """The share of sheets that are the person's commonest one, answer by answer as the page showed them."""
    if len(sheets) < FEWEST:
        return Estimate.undefined(f"fewer than {FEWEST} items", n=len(sheets), level=level)
    _, kind, counts = np.unique(np.asarray(sheets), axis=0, return_inverse=True, return_counts=True)
    commonest = (kind.reshape(-1) == int(counts.argmax())).astype(float)
    return ratio(commonest, np.ones(len(commonest)), level=level)


def entropy(mine: Mapping[str, Codes], *, level: float = 0.95) -> Estimate:
    """The mean over questions of the entropy of the answers in bits, less its bias in few answers, with jackknife t limits.

    Of somebody who gave one answer to each question the upper limit is the entropy of yes and no where the rarer one is as frequent as
    it can be and yet not be seen on so many sheets.

    Source: Miller (1955) for the bias; Efron & Tibshirani (1993), chapter 11.
    """
    tables = [codes[codes != MISSING] for codes in mine.values()]
    lengths = [len(codes) for codes in tables if len(codes)]
    if not lengths or min(lengths) < FEWEST:
        return Estimate.undefined(f"fewer than {FEWEST} items", n=min(lengths, default=0), level=level)
    n = min(lengths)
    value, variance = 0.0, 0.0
    for codes in tables:
        if not len(codes):
            continue
        counts = np.bincount(codes).astype(float)
        whole = _entropy(counts)
        left_out = np.array([_entropy(counts - one) if counts[k] else 0.0 for k, one in enumerate(np.eye(len(counts)))])
        weights = counts / counts.sum()
        mean = float(weights @ left_out)
        value += whole
        variance += (counts.sum() - 1) * float(weights @ (left_out - mean) ** 2)
    value /= len(lengths)
    if all((codes == codes[0]).all() for codes in tables if len(codes)):
        rarer = min(1 - ((1 - level) / 2) ** (1 / n), 0.5)
        return Estimate(0.0, 0.0, float(_bits(np.array([rarer, 1 - rarer]))), n=n, level=level, conservative=True)
    half = float(t.ppf((1 + level) / 2, n - 1)) * math.sqrt(variance) / len(lengths)
    return Estimate(value, max(value - half, 0.0), value + half, n=n, level=level)


def _entropy(counts: Floats) -> float:
    total = float(counts.sum())
    shares = counts[counts > 0] / total
    return _bits(shares) + (len(shares) - 1) / (2 * total * math.log(2))


def _bits(shares: Floats) -> float:
    return float(-(shares * np.log2(shares)).sum())


@dataclass(frozen=True)
class FallingOff(Result):
    """Work that got worse: where it most looks like it, and how likely chance makes such a fall somewhere.

    Attributes: first: how many items came before; before, after: agreement with the others in either part; p_value: by
        exchanging the order of the items at random; None with too few of them. reason: why there is none.
    """

    first: int
    before: float
    after: float
    p_value: float | None
    reason: str = ""


def falling_off(agreements: Floats, *, rng: np.random.Generator, exchanges: int = 499) -> FallingOff:
    """The place after which agreement falls most, in standard errors, and its p-value over all places at once.

    Args: agreements: of each item in the order of work, the share of answers like the others', shape (m,).
    Source: a scan statistic with its permutation distribution, as in James, James & Siegmund (1987), Biometrika 74(1):71-83.
    """
    m = len(agreements)
    if m < 2 * SHORTEST_PART or float(agreements.std()) == 0:
        reason = "too few items" if m < 2 * SHORTEST_PART else "every item agrees alike"
        mean = float(agreements.mean()) if m else 0.0
        return FallingOff(m, mean, mean, None, reason)
    cuts = np.arange(SHORTEST_PART, m - SHORTEST_PART + 1)
    before, after, falls = _falls(agreements[None], cuts)
    place = int(falls[0].argmax())
    as_large = 1
    at_once = max(_CELLS // m, 1)
    for done in range(0, exchanges, at_once):
        orders = rng.permuted(np.tile(np.arange(m), (min(at_once, exchanges - done), 1)), axis=1)
        as_large += int((_falls(agreements[orders], cuts)[2].max(axis=1) >= falls[0, place] - 1e-12).sum())
    p_value = as_large / (exchanges + 1)
    return FallingOff(int(cuts[place]), float(before[0, place]), float(after[0, place]), p_value)


def _falls(agreements: Floats, cuts: Integers) -> tuple[Floats, Floats, Floats]:
    """Agreement before and after each cut, and the fall in standard errors, each of shape (orders, cuts)."""
    m = agreements.shape[1]
    sums = agreements.cumsum(axis=1)
    before = sums[:, cuts - 1] / cuts
    after = (sums[:, -1:] - sums[:, cuts - 1]) / (m - cuts)
    return before, after, (before - after) / np.sqrt(1 / cuts + 1 / (m - cuts))
