"""Drawing a sample in which the chance of every unit is known, and how large it must be."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conflictscope.stats.intervals import z_of

Floats = NDArray[np.float64]

# Sums of probabilities this close to a whole number are one: rounding alone must not add or lose a unit.
WHOLE = 1e-9


def proportional(sizes: ArrayLike, total: float, *, floor: float = 0.0) -> Floats:
    """Inclusion probabilities in proportion to `sizes`, as far as a floor and 1 allow, that add up to `total`.

    Args:
        sizes: of the n units, shape (n,), above 0. total: from 0 to n.
        floor: least probability, as a share of total / n, from 0 to 1: 1 makes all units alike.
    Returns: shape (n,).
    Raises: ValueError: no units, sizes not above 0, total or floor out of range.
    """
    size = np.asarray(sizes, dtype=float)
    if size.ndim != 1 or not size.size or not np.all(size > 0):
        raise ValueError("sizes must be above 0, one for each unit")
    if not 0 <= total <= len(size) or not 0 <= floor <= 1:
        raise ValueError(f"cannot spread {total} over {len(size)} units with a floor of {floor}")
    least = floor * total / len(size)
    low, high = 0.0, 1.0 / size.min()
    for _ in range(200):
        factor = (low + high) / 2
        if np.clip(factor * size, least, 1.0).sum() < total:
            low = factor
        else:
            high = factor
    return np.asarray(np.clip(high * size, least, 1.0))


def systematic(probabilities: ArrayLike, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Units at even steps along their added probabilities, from a random start: each with exactly its own probability.

    Neighbours in the list are hardly drawn together, so a list sorted by strata spreads the sample over them. The number
    drawn is the sum of the probabilities, rounded up or down at random where it is no whole number.

    Args: probabilities: shape (n,), from 0 to 1.
    Returns: positions of the drawn units, ascending.
    Raises: ValueError: a probability out of range.
    Source: Madow (1949), Ann. Math. Stat. 20(3):333-354.
    """
    chance = np.asarray(probabilities, dtype=float)
    if not np.all((chance >= 0) & (chance <= 1 + WHOLE)):
        raise ValueError("probabilities must lie from 0 to 1")
    reached = np.cumsum(np.minimum(chance, 1.0))
    if len(reached):
        # Rounding in the sum must not make a certain number uncertain.
        whole = np.round(reached)
        reached = np.where(np.abs(reached - whole) < WHOLE * len(reached), whole, reached)
    steps = np.floor(reached - rng.uniform()).astype(np.int64) + 1
    return np.flatnonzero(np.diff(steps, prepend=0) > 0)


def kappa_variance(kappa: float, prevalence: float) -> float:
    """Large-sample variance of Cohen's kappa times the number of items, for two raters who say yes equally often.

    Args: kappa: from its least value at this prevalence (a cell of the table would be negative below it) to 1.
        prevalence: share of the positive answer of both raters, above 0 and below 1.
    Raises: ValueError: out of range.
    Source: Fleiss, Cohen & Everitt (1969), Psychol. Bull. 72(5):323-327.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, got {prevalence}")
    share = np.array([prevalence, 1 - prevalence])
    apart = (1 - kappa) * prevalence * (1 - prevalence)
    table = np.array([[share[0] - apart, apart], [apart, share[1] - apart]])
    if kappa > 1 or table.min() < 0:
        raise ValueError(f"kappa cannot be {kappa} at a prevalence of {prevalence}")
    chance = float((share**2).sum())
    agree = float((table.diagonal() * (1 - 2 * share * (1 - kappa)) ** 2).sum())
    differ = (1 - kappa) ** 2 * sum(
        float(table[i, j] * (share[i] + share[j]) ** 2) for i in range(2) for j in range(2) if i != j
    )
    return (agree + differ - (kappa - chance * (1 - kappa)) ** 2) / (1 - chance) ** 2


def items_for_kappa(kappa: float, prevalence: float, half_width: float, *, level: float = 0.95) -> int:
    """How many items give kappa an interval of plus and minus `half_width`, by its large-sample variance.

    Args: as `kappa_variance`; half_width: above 0.
    Raises: ValueError: as `kappa_variance`; a half-width not above 0.
    """
    if half_width <= 0:
        raise ValueError(f"a half-width must be above 0, got {half_width}")
    # The rounding keeps an exact quotient from becoming one item more.
    return math.ceil(round(kappa_variance(kappa, prevalence) * (z_of(level) / half_width) ** 2, 6))


def items_for_share(share: float, half_width: float, *, level: float = 0.95) -> int:
    """How many items give a share (raw agreement, precision) an interval of about plus and minus `half_width`.

    Raises: ValueError: a share outside 0 to 1, a half-width not above 0.
    """
    if not 0 <= share <= 1 or half_width <= 0:
        raise ValueError(f"cannot plan for a share of {share} and a half-width of {half_width}")
    return max(1, math.ceil(round(share * (1 - share) * (z_of(level) / half_width) ** 2, 6)))
