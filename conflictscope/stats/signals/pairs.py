"""Pairs of people who agree with each other more than their agreement with everybody else explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from conflictscope.stats.labels import MISSING
from conflictscope.stats.signals.sheets import Integers, WorkSheets
from conflictscope.stats.types import Result

Floats = NDArray[np.float64]

# To be named, a pair shares so many items; to tell how far each goes with the truth, fewer will do.
FEWEST_ITEMS = 20
FEWEST_WEIGHED = 3
FEWEST_PEOPLE = 4
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
    """For all pairs of people: share of equal answers, what chance gives, items that both did, and the variance of an item's share.

    Only pairs of people who met on an item are looked at, item by item: with few people an item these are few of all.
    """
    people = sheets.people
    row, first, second = _meetings(sheets)
    pair = first * people + second
    size = people * people
    same, both, chance = np.zeros(size), np.zeros(size), np.zeros(size)
    alike, compared = np.zeros(len(row)), np.zeros(len(row))
    for key, table in sheets.codes.items():
        mine, theirs = table[row, first], table[row, second]
        given = (mine != MISSING) & (theirs != MISSING)
        equal = given & (mine == theirs)
        alike += equal
        compared += given
        together = np.bincount(pair[given], minlength=size).astype(float)
        same += np.bincount(pair[equal], minlength=size)
        both += together
        for code in range(sheets.sizes[key]):
            one = np.bincount(pair[given & (mine == code)], minlength=size)
            other = np.bincount(pair[given & (theirs == code)], minlength=size)
            chance += np.divide(one * other, together, out=np.zeros(size), where=together > 0)
    met = compared > 0
    share = np.divide(alike, compared, out=np.zeros(len(row)), where=met)
    items = np.bincount(pair[met], minlength=size).astype(float)
    sums, squares = (np.bincount(pair[met], weights=part[met], minlength=size) for part in (share, share**2))
    mean = np.divide(sums, items, out=np.zeros(size), where=items > 0)
    variance = np.maximum(np.divide(squares, items, out=np.zeros(size), where=items > 0) - mean**2, 0)
    # What honest pairs show stands for all: a pair that always agrees has no spread of its own.
    usable = items >= 2 * FEWEST_WEIGHED
    typical = float(np.median(variance[usable])) if usable.any() else 0.25
    agree = np.divide(same, both, out=np.zeros(size), where=both > 0)
    expected = np.divide(chance, both, out=np.ones(size), where=both > 0)
    square = (part.reshape(people, people) for part in (agree, expected, items, np.maximum(variance, typical)))
    upper_agree, upper_chance, upper_items, upper_spread = square
    return (
        _both_ways(upper_agree),
        np.minimum(upper_chance, upper_chance.T),
        _both_ways(upper_items),
        np.maximum(upper_spread, upper_spread.T),
    )


def _meetings(sheets: WorkSheets) -> tuple[Integers, Integers, Integers]:
    """Every item on which two people met: its row and their columns, the smaller first."""
    rows, firsts, seconds = [], [], []
    done = sheets.turn >= 0
    counts = done.sum(axis=1)
    for number in np.unique(counts[counts > 1]).tolist():
        # Items with as many people at once: the columns of each are a row of this table.
        which = np.flatnonzero(counts == number)
        columns = np.nonzero(done[which])[1].reshape(len(which), number)
        one, two = np.triu_indices(number, 1)
        rows.append(np.repeat(which, len(one)))
        firsts.append(columns[:, one].reshape(-1))
        seconds.append(columns[:, two].reshape(-1))
    if not rows:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    return np.concatenate(rows), np.concatenate(firsts), np.concatenate(seconds)


def _both_ways(upper: Floats) -> Floats:
    return upper + upper.T
