"""From trials to scenarios: how often each scenario was decided, and for which of its two values."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DECIDED = ("value_1", "value_2")
UNDECIDED = ("both", "neither", "none", "", None)


@dataclass(frozen=True)
class Tallies:
    """Scenario counts of one llm in one mode; the scenario is the unit of inference.

    Attributes:
        values: keys of all values under study, K of them; pairs are oriented in this order.
        pairs: shape (C, 2), positions in `values` of the two values of each pair that occurs, first < second.
        scenarios: ids, S of them; pair: shape (S,), the pair of each scenario.
        wins: shape (S,), trials decided for the pair's first value; decided: trials decided for either; trials: all.
    """

    values: tuple[str, ...]
    pairs: Integers
    scenarios: tuple[Hashable, ...]
    pair: Integers
    wins: Integers
    decided: Integers
    trials: Integers

    @property
    def y(self) -> Floats:
        """Share of each scenario's trials that were decided for its first value, shape (S,)."""
        shares: Floats = self.wins / self.trials
        return shares

    @property
    def d(self) -> Floats:
        """Share of each scenario's trials that were decided, shape (S,)."""
        shares: Floats = self.decided / self.trials
        return shares


def tally_trials(
    scenario: Sequence[Hashable],
    value_1: Sequence[str],
    value_2: Sequence[str],
    choice: Sequence[str | None],
    *,
    values: Sequence[str],
) -> Tallies:
    """Count the trials of each scenario.

    Args:
        scenario, value_1, value_2, choice: T trials: scenario id, keys of the scenario's two values, and the decision:
            "value_1" or "value_2"; "both", "neither", "none", "" and None are undecided.
        values: keys of all values under study, in the order of the value set.
    Returns: scenarios in order of first appearance; a scenario stated the other way round (value_1 after value_2 in
        `values`) is turned.
    Raises: ValueError: lengths differ, fewer than two values, an unknown value or choice, a scenario with two pairs.
    """
    if not len(scenario) == len(value_1) == len(value_2) == len(choice):
        raise ValueError("scenario, value_1, value_2 and choice need one entry for each trial")
    place = {value: index for index, value in enumerate(values)}
    if len(place) < 2 or len(place) != len(values):
        raise ValueError(f"a ranking needs two or more different values, got {list(values)}")
    row_of: dict[Hashable, int] = {}
    pair_of: list[tuple[int, int]] = []
    counts: list[list[int]] = []
    for name, one, two, chosen in zip(scenario, value_1, value_2, choice, strict=True):
        if one not in place or two not in place or one == two:
            raise ValueError(f"scenario {name!r} has the values {one!r} and {two!r}; known are {list(values)}")
        pair = (place[one], place[two])
        row = row_of.setdefault(name, len(row_of))
        if row == len(pair_of):
            pair_of.append((min(pair), max(pair)))
            counts.append([0, 0, 0])
        elif pair_of[row] != (min(pair), max(pair)):
            raise ValueError(f"scenario {name!r} appears with two pairs of values")
        counts[row][2] += 1
        if chosen in DECIDED:
            counts[row][1] += 1
            counts[row][0] += (chosen == "value_1") == (pair[0] < pair[1])
        elif chosen not in UNDECIDED:
            raise ValueError(f"a choice is value_1, value_2, both, neither or none, got {chosen!r}")
    pairs = sorted(set(pair_of))
    index = {pair: position for position, pair in enumerate(pairs)}
    table = np.array(counts, dtype=np.int64).reshape(-1, 3)
    return Tallies(
        values=tuple(values),
        pairs=np.array(pairs, dtype=np.int64).reshape(-1, 2),
        scenarios=tuple(row_of),
        pair=np.array([index[pair] for pair in pair_of], dtype=np.int64),
        wins=table[:, 0],
        decided=table[:, 1],
        trials=table[:, 2],
    )
