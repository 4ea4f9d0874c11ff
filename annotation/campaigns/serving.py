"""The order in which items are served: random, and even over strata, so that wherever work stops there is a sample.

The order is drawn once, when items are, and lies in their `shuffle_key`; routing only walks an index. It must not tell what a
machine made of an item either. A strict turn of strata would: of any two neighbours one would be rejected. So each item is
moved a few places by chance, which blurs the turn and keeps the evenness.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

# An item is served up to so many places later than in a strict turn.
BLUR = 12


def serving_keys(groups: Sequence[tuple[Hashable, Hashable]], rng: np.random.Generator) -> list[float]:
    """A key from 0 to 1 for each item, smallest served first.

    Args: groups: of each item the group and the finer stratum within it, such as the judge's outcome and, with it, pair and
        template. Groups progress evenly, each at the pace of its own size; so do strata within their group, less strictly.
    """
    within = _turns([stratum for _, stratum in groups], rng.random(len(groups)), rng)
    turn = _turns([group for group, _ in groups], within, rng)
    place = np.argsort(np.argsort(turn)) + rng.uniform(0, BLUR, len(groups))
    keys = (np.argsort(np.argsort(place)) + rng.random(len(groups))) / max(len(groups), 1)
    return [float(key) for key in keys]


def _turns(groups: Sequence[Hashable], order: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers from 0 to 1 that spread each group's items evenly, in their given order."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    turns = np.empty(len(groups))
    for indices in members.values():
        ranked = sorted(indices, key=lambda index: float(order[index]))
        turns[ranked] = (np.arange(len(ranked)) + rng.random(len(ranked))) / len(ranked)
    return turns
