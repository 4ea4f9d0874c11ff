"""The work of several people on several items as arrays: answers, what was shown as A, times and orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.consensus import plurality, votes_of
from conflictscope.stats.labels import MISSING, Codes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WorkSheets:
    """What r people did on n items.

    Attributes:
        codes: by question the code of each answer, shape (n, r), -1 where there is none. sizes: by question how many answers it
            offers.
        sides: by question that names the actions, 1 where the answer was the action shown as A, 0 where it was B, -1 otherwise.
        gold: by question the known answer of each item, shape (n,), -1 where none is known.
        seconds: from the moment an item was given out, or the submission before, to its own, by the server's clock; shape (n, r),
            nan where it is not known.
        words: to be read of each item, shape (n,). turn: the place of an item in the person's work, shape (n, r), -1 where
            they did not do it.
        clusters: of each item the scenario it belongs to, shape (n,): the unit that counts.
        signs: keys, movements and changes of focus that the page saw, shape (n, r), nan where no page told.
        excluded: whose answers stand for nobody else, shape (r,): they are compared with the others, and nobody with them.
    """

    codes: Mapping[str, Codes]
    sizes: Mapping[str, int]
    seconds: Floats
    words: Floats
    turn: Integers
    clusters: Integers
    sides: Mapping[str, Codes] = field(default_factory=dict)
    gold: Mapping[str, Codes] = field(default_factory=dict)
    signs: Floats | None = None
    excluded: NDArray[np.bool_] | None = None

    @property
    def people(self) -> int:
        return int(self.turn.shape[1])

    def done_by(self, person: int) -> Integers:
        """The person's items in the order in which they did them."""
        rows = np.flatnonzero(self.turn[:, person] >= 0)
        ordered: Integers = rows[np.argsort(self.turn[rows, person], kind="stable")]
        return ordered

    def votes(self) -> dict[str, Integers]:
        """By question how many people whose answers stand gave each answer to each item, shape (n, size)."""
        return {key: votes_of(self._standing(table), self.sizes[key]) for key, table in self.codes.items()}

    def stands(self, person: int) -> bool:
        return self.excluded is None or not self.excluded[person]

    def _standing(self, table: Codes) -> Codes:
        return table if self.excluded is None else table[:, ~self.excluded]


def most_of_the_others(votes: Integers, mine: Codes) -> Codes:
    """What most of the others say of each item, where `mine` is among the votes; -1 for a tie or nobody.

    Args: votes: shape (m, size). mine: shape (m,), -1 where the person gave no answer.
    """
    others = votes.copy()
    rows = np.flatnonzero(mine != MISSING)
    others[rows, mine[rows]] -= 1
    return plurality(others).answer
