"""Chance-corrected agreement as functions of a table, for one table or for thousands of bootstrap replicates at once.

A table holds how often the first rater said g and the second h: shape (..., q, q), counts or weighted counts. Every function
takes complex tables, too: that is how `clusters.slopes` differentiates it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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
    observed = divide((cost * tables).sum((-2, -1)), tables.sum((-2, -1)))
    kappas: Floats = 1 - divide(observed, kappa_chance(tables, weights))
    return kappas


def kappa_chance(tables: Floats, weights: str | None = None) -> Floats:
    """The disagreement that kappa expects of raters who answer independently, as often each as they do."""
    cost = disagreement_weights(tables.shape[-1], weights)
    independent = tables.sum(-1)[..., :, None] * tables.sum(-2)[..., None, :]
    return divide((cost * independent).sum((-2, -1)), tables.sum((-2, -1)) ** 2)


def ac1(tables: Floats) -> Floats:
    """Gwet's AC1 with q = the table's size, categories that do not occur included; nan for an empty table.

    Chance agreement is sum(p (1 - p)) / (q - 1) over the mean shares p of the categories.
    Source: Gwet (2008), Br. J. Math. Stat. Psychol. 61(1):29-48.
    """
    return 1 - divide(1 - raw_agreement(tables), ac1_chance(tables))


def ac1_chance(tables: Floats) -> Floats:
    """The disagreement that AC1 expects by chance."""
    shares = divide((tables.sum(-1) + tables.sum(-2)) / 2, tables.sum((-2, -1))[..., None])
    chance: Floats = 1 - (shares * (1 - shares)).sum(-1) / (tables.shape[-1] - 1)
    return chance


@dataclass(frozen=True, eq=False)
class Ratio:
    """A share of items: those in some cells of a table of those in others, sum(top * table) / sum(bottom * table).

    Attributes: top, bottom: 0 or 1 for each cell. of_answers: the share s of items is told as that of answers, 2s / (1 + s).
    """

    top: Floats
    bottom: Floats
    of_answers: bool = False

    def __call__(self, tables: Floats) -> Floats:
        return np.asarray(self.told(self.items(tables)))

    def items(self, tables: Floats) -> Floats:
        """The share of items."""
        return divide((self.top * tables).sum((-2, -1)), (self.bottom * tables).sum((-2, -1)))

    def told(self, share: Floats | float) -> Floats | float:
        """A share of items as it is told, which goes up with it."""
        return 2 * share / (1 + share) if self.of_answers else share

    def scores(self, cells: Floats, table: Floats) -> Floats:
        """How much each of these cells (m, q, q), whose weighted sum is the table, pulls the share of items: shape (m,)."""
        residual = self.top - self.items(table) * self.bottom
        pulls: Floats = (cells * residual).sum((-2, -1)) / (self.bottom * table).sum()
        return pulls


def raw_ratio(size: int) -> Ratio:
    """Share of items on the diagonal."""
    return Ratio(np.eye(size), np.ones((size, size)))


def used_by_first(size: int, category: int) -> Ratio:
    """Share of items to which the first rater gave the category."""
    return Ratio(_row(size, category), np.ones((size, size)))


def used_by_second(size: int, category: int) -> Ratio:
    """Share of items to which the second rater gave the category."""
    return Ratio(_row(size, category).T, np.ones((size, size)))


def precision(size: int, category: int) -> Ratio:
    """Of the items to which the first rater gave the category, the share to which the second did."""
    row = _row(size, category)
    return Ratio(row * row.T, row)


def recall(size: int, category: int) -> Ratio:
    """Of the items to which the second rater gave the category, the share to which the first did."""
    row = _row(size, category)
    return Ratio(row * row.T, row.T)


def specific_agreement(size: int, category: int) -> Ratio:
    """Of all answers that are this category, the share that the other rater shares: 2a / (2a + b + c).

    It is also the F1 of either rater against the other. Of the items to which either gave the category, a / (a + b + c) is
    an ordinary share, and its limits are those of this figure.
    Source: Cicchetti & Feinstein (1990), J. Clin. Epidemiol. 43(6):551-558.
    """
    row = _row(size, category)
    return Ratio(row * row.T, np.maximum(row, row.T), of_answers=True)


def rest_agreement(size: int, category: int) -> Ratio:
    """Specific agreement on "not this category", the other categories taken as one."""
    rest = 1 - _row(size, category)
    return Ratio(rest * rest.T, np.maximum(rest, rest.T), of_answers=True)


def _row(size: int, category: int) -> Floats:
    row = np.zeros((size, size))
    row[category] = 1
    return row
