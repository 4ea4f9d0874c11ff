"""How near scenarios are to their nearest earlier one: what a threshold is chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conflictscope.scenarios.dedup.settings import Scope, settings_of
from conflictscope.scenarios.models import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bin:
    """How many cosines lie from `low` on, below `high`; the last bin holds 1, too."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, eq=False)
class Similarities:
    """The cosine of each compared scenario to the nearest earlier one in scope.

    Attributes:
        values: shape (n,), in ascending order, each in [-1, 1]; of the scenarios that have an earlier one.
        first: scenarios with no earlier one in scope, which cannot be duplicates.
        not_compared: scenarios that were never compared, or have no text to compare.
        threshold, scope: what the dataset's recipe says now.
    """

    values: NDArray[np.float64]
    first: int
    not_compared: int
    threshold: float
    scope: Scope

    def histogram(self, *, width: float = 0.02) -> list[Bin]:
        """Counts by cosine in bins of one width, from the bin of the smallest up to 1; empty without values.

        The edges are whole multiples of the width away from the threshold, so that no bin lies on both sides of it.

        Raises: ValueError: a width outside 0..1.
        """
        if not 0 < width <= 1:
            raise ValueError(f"a bin is wider than 0 and at most 1 wide, got {width}")
        if not len(self.values):
            return []
        below = int(np.ceil((self.threshold - self.values[0]) / width - 1e-9))
        above = int(np.ceil((1 - self.threshold) / width - 1e-9))
        edges = np.round(self.threshold + width * np.arange(-max(below, 0), max(above, 1) + 1), 9)
        # Which bin is decided as `mark` decides: at or above its lower edge. A cosine of 1 may round to a little more.
        place = np.clip(np.searchsorted(edges, self.values, side="right") - 1, 0, len(edges) - 2)
        counts = np.bincount(place, minlength=len(edges) - 1)
        return [
            Bin(float(low), float(high), int(count))
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ]

    def duplicates_at(self, thresholds: Sequence[float]) -> list[tuple[float, int]]:
        """How many duplicates each threshold would make."""
        counts = len(self.values) - np.searchsorted(self.values, thresholds, side="left")
        return [(threshold, int(count)) for threshold, count in zip(thresholds, counts, strict=True)]


def similarities(dataset: Dataset) -> Similarities:
    """From what the last comparison left; nothing is computed anew."""
    settings = settings_of(dataset)
    compared = dataset.scenarios.filter(position__isnull=False)
    values = compared.filter(similarity__isnull=False, nearest__isnull=False).values_list("similarity", flat=True)
    sorted_values = np.sort(np.fromiter(values, dtype=np.float64))
    return Similarities(
        values=sorted_values,
        first=compared.count() - len(sorted_values),
        not_compared=dataset.scenarios.filter(position__isnull=True).count(),
        threshold=settings.threshold,
        scope=settings.scope,
    )
