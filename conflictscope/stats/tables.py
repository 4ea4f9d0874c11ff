"""Chance-corrected agreement as functions of a table, for one table or for thousands of bootstrap replicates at once.

A table holds how often the first rater said g and the second h: shape (..., q, q), counts or weighted counts.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Weight, in items, that the smoothed bootstrap spreads over all cells. Simulated: with 1 coverage falls to 0.91 in places.
SMOOTHING = 1.5

# Chance agreement this close to one leaves nothing to divide by.
TINY = 1e-12


def disagreement_weights(size: int, weights: str | None) -> Floats:
    """Cost of each pair of answers, shape (q, q): 0 or 1 (None), or the squared distance in steps ("quadratic")."""
    if weights is None:
        return 1.0 - np.eye(size)
    if weights == "quadratic":
        steps = np.arange(size, dtype=float)
        distance: Floats = (steps[:, None] - steps[None, :]) ** 2
        return distance
    raise ValueError(f'weights are None or "quadratic", got {weights!r}')


def divide(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, nan where bottom is (nearly) zero."""
    sound = np.abs(bottom) > TINY
    quotient: Floats = np.where(sound, top / np.where(sound, bottom, 1.0), np.nan)
    return quotient


def raw_agreement(tables: Floats) -> Floats:
    """Share of items on the diagonal; nan for an empty table."""
    return divide(np.trace(tables, axis1=-2, axis2=-1), tables.sum((-2, -1)))


def kappa(tables: Floats, weights: str | None = None) -> Floats:
    """Cohen's kappa, 1 - observed / expected disagreement; nan where only one category occurs.

    Source: Cohen (1960), Educ. Psychol. Meas. 20(1):37-46; weighted: Cohen (1968), Psychol. Bull. 70(4):213-220.
    """
    cost = disagreement_weights(tables.shape[-1], weights)
    total = tables.sum((-2, -1))
    expected_table = tables.sum(-1)[..., :, None] * tables.sum(-2)[..., None, :]
    observed = divide((cost * tables).sum((-2, -1)), total)
    expected = divide((cost * expected_table).sum((-2, -1)), total**2)
    kappas: Floats = 1 - divide(observed, expected)
    return kappas


def ac1(tables: Floats) -> Floats:
    """Gwet's AC1 with q = the table's size, categories that do not occur included; nan for an empty table.

    Chance agreement is sum(p (1 - p)) / (q - 1) over the mean shares p of the categories.
    Source: Gwet (2008), Br. J. Math. Stat. Psychol. 61(1):29-48.
    """
    total = tables.sum((-2, -1))
    shares = divide((tables.sum(-1) + tables.sum(-2)) / 2, total[..., None])
    chance = (shares * (1 - shares)).sum(-1) / (tables.shape[-1] - 1)
    return divide(raw_agreement(tables) - chance, 1 - chance)


def specific_agreement(tables: Floats, category: int) -> Floats:
    """Of all answers that are this category, the share that the other rater shares: 2a / (2a + b + c).

    It is also the F1 of either rater against the other. nan where neither uses the category.
    Source: Cicchetti & Feinstein (1990), J. Clin. Epidemiol. 43(6):551-558.
    """
    used = tables[..., category, :].sum(-1) + tables[..., :, category].sum(-1)
    return divide(2 * tables[..., category, category], used)


def rest_agreement(tables: Floats, category: int) -> Floats:
    """Specific agreement on "not this category", the other categories taken as one."""
    others = [index for index in range(tables.shape[-1]) if index != category]
    rest = tables[..., others, :][..., :, others].sum((-2, -1))
    used = tables[..., others, :].sum((-2, -1)) + tables[..., :, others].sum((-2, -1))
    return divide(2 * rest, used)


def replicates(cells: Floats, counts: Floats, *, rng: np.random.Generator, resamples: int) -> Floats:
    """Tables of a smoothed bootstrap over items.

    Resampling the items as they are never shows a kind of disagreement that happened not to occur, so that its
    intervals are too short, and empty for raters who agreed on everything. Spreading the weight of one and a half
    further items evenly over all cells mends that: coverage of kappa at 20 to 90 items, prevalence 0.5 to 0.95 and kappa
    0.25 to 0.92 is 0.94-0.98 (once 0.99) where the plain bootstrap has 0.54-0.95.

    Args:
        cells: shape (m, q, q), what an item of each of m kinds adds to the table.
        counts: shape (m,), how many items there are of each kind.
    Returns: shape (resamples, q, q).
    """
    items = float(counts.sum())
    size = cells.shape[-1]
    weight = float((cells.sum((-2, -1)) * counts).sum()) / items
    every_cell = weight * np.eye(size * size).reshape(size * size, size, size)
    kinds = np.concatenate([cells, every_cell])
    chances = np.concatenate([counts, np.full(size * size, SMOOTHING / size**2)])
    drawn = rng.multinomial(round(items), chances / chances.sum(), size=resamples).astype(float)
    tables: Floats = np.tensordot(drawn, kinds, axes=1)
    return tables
