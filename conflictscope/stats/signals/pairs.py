"""Pairs of people who agree with each other more than their agreement with everybody else explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from conflictscope.stats.labels import MISSING
from conflictscope.stats.signals.sheets import WorkSheets
from conflictscope.stats.types import Result

Floats = NDArray[np.float64]

# To be named, a pair shares so many items; to tell how far each goes with the truth, fewer will do.
FEWEST_ITEMS = 20
FEWEST_WEIGHED = 3
FEWEST_PEOPLE = 4
# Above this many cells, agreement is not kept item by item.
MOST_CELLS = 20_000_000
_STEPS = 30


@dataclass(frozen=True)
class AlikePair(Result):
    """Two people, by their columns.

    Attributes: items: that both did; agree: the share of their answers that are the same; expected: what their agreement with
        everybody else leads one to expect; p_value: of more, one-sided, times the number of pairs.
    """

    first: int
    second: int
    items: int
    agree: float
    expected: float
    p_value: float


def alike_pairs(sheets: WorkSheets, *, level: float = 0.01) -> list[AlikePair]:
    """Pairs that are alike beyond what one common truth explains: their p-value, over all pairs, is at most `level`.

    Agreement of two people beyond chance is modelled as the product of how far each goes with the truth, which their agreement
    with all the others tells. Two who are nearly always right agree nearly always, and are not named for it. Needs four people.
    """
    agree, chance, items, spread = _crossed(sheets)
    people = len(agree)
    enough = (items >= FEWEST_ITEMS) & ~np.eye(people, dtype=bool)
    if people < FEWEST_PEOPLE or not enough.any():
        return []
    beyond = np.divide(agree - chance, 1 - chance, out=np.zeros_like(agree), where=chance < 1 - 1e-9)
    weight = np.where((items >= FEWEST_WEIGHED) & ~np.eye(people, dtype=bool), items, 0.0)
    skill = np.full(people, 0.7)
    for _ in range(_STEPS):
        bottom = weight @ skill**2
        skill = np.clip(np.divide((weight * beyond) @ skill, bottom, out=np.full(people, 0.0), where=bottom > 0), 0, 1)
    # Each person's share of the truth without the one they are compared with.
    top = ((weight * beyond) @ skill)[:, None] - weight * beyond * skill[None, :]
    bottom = (weight @ skill**2)[:, None] - weight * skill[None, :] ** 2
    alone = np.clip(np.divide(top, bottom, out=np.ones_like(top), where=bottom > 1e-9), 0, 1)
    expected = chance + (1 - chance) * alone * alone.T
    error = np.sqrt(spread / np.maximum(items, 1))
    score = np.divide(agree - expected, error, out=np.zeros_like(agree), where=error > 0)
    pairs = int(np.triu(enough, 1).sum())
    p_values = np.minimum(norm.sf(score) * pairs, 1.0)
    # Not only unlikely: they differ less than half as often as they should.
    named = np.triu(enough, 1) & (p_values <= level) & (1 - agree < (1 - expected) / 2)
    found = [
        AlikePair(
            int(first), int(second), int(items[first, second]), float(agree[first, second]),
            float(expected[first, second]), float(p_values[first, second]),
        )
        for first, second in np.argwhere(named)
    ]  # fmt: skip
    return sorted(found, key=lambda pair: pair.p_value)


def _crossed(sheets: WorkSheets) -> tuple[Floats, Floats, Floats, Floats]:
    """For all pairs of people: share of equal answers, what chance gives, items that both did, and the variance of an item's share."""
    people, n = sheets.people, len(sheets.words)
    same = np.zeros((people, people))
    both = np.zeros((people, people))
    chance = np.zeros((people, people))
    by_item = np.zeros((n, people, people)) if n * people**2 <= MOST_CELLS else None
    for key, table in sheets.codes.items():
        hot = np.stack([(table == code) for code in range(sheets.sizes[key])], axis=2).astype(np.float32)
        done = (table != MISSING).astype(np.float32)
        same += np.einsum("npa,nqa->pq", hot, hot, optimize=True)
        together = done.T @ done
        both += together
        # Of each pair the answers on the items that both did.
        first = np.einsum("npa,nq->pqa", hot, done, optimize=True)
        chance += np.divide(
            (first * first.transpose(1, 0, 2)).sum(axis=2), together, out=np.zeros_like(chance), where=together > 0
        )
        if by_item is not None:
            by_item += np.einsum("npa,nqa->npq", hot, hot, optimize=True)
    done = (sheets.turn >= 0).astype(float)
    items = done.T @ done
    agree = np.divide(same, both, out=np.zeros_like(same), where=both > 0)
    chance = np.divide(chance, both, out=np.ones_like(chance), where=both > 0)
    questions = np.divide(both, items, out=np.ones_like(both), where=items > 0)
    if by_item is None:
        spread = agree * (1 - agree)  # as if all answers to an item were one: more than there is
    else:
        share = by_item / np.maximum(questions, 1)[None]
        held = done[:, :, None] * done[:, None, :]
        mean = np.divide((share * held).sum(axis=0), items, out=np.zeros_like(items), where=items > 0)
        pair_variance = np.divide(
            (held * (share - mean) ** 2).sum(axis=0), items, out=np.zeros_like(items), where=items > 0
        )
        # What honest pairs show stands for all: a pair that always agrees has no spread of its own.
        usable = (items >= 2 * FEWEST_WEIGHED) & ~np.eye(people, dtype=bool)
        typical = float(np.median(pair_variance[usable])) if usable.any() else 0.25
        spread = np.maximum(pair_variance, typical)
    return agree, chance, items, spread
