"""From trials to scenarios: how often each scenario was decided, for which of its values, and in which of its cells."""

import dataclasses
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

DECIDED = ("value_1", "value_2")
UNDECIDED = ("both", "neither", "none", "", None)
TIES = ("both", "neither")

WON, LOST, TIED, NOTHING = range(4)
OUTCOME = {"value_1": WON, "value_2": LOST, "both": TIED, "neither": TIED, "none": NOTHING, "": NOTHING, None: NOTHING}
SIDE = {"value_1": 1, "value_2": -1, "": 0, None: 0}


@dataclass(frozen=True)
class Tallies:
    """Scenario counts of one llm in one mode; the scenario is the unit of inference.

    A cell is a pair, an option order and an acting action. Rows hold the counts of a scenario in one of its cells; a
    scenario that was asked in both orders has two.

    Attributes:
        values: keys of all values under study, K of them; pairs are oriented in this order.
        pairs: shape (C, 2), positions in `values` of the two values of each pair that occurs, first < second.
        scenarios: ids, S of them; pair: shape (S,), the pair of each scenario.
        wins: shape (S,), trials decided for the pair's first value; decided: trials decided for either; ties: trials
            decided for both or neither; trials: all.
        cell_pair: shape (J,), the pair of each cell; cell_order, cell_action: +1/2 where the pair's first value was shown
            first, or acts, -1/2 where the second was, or does, 0 where that is not known.
        row_scenario, row_cell: shape (R,); row_wins, row_decided, row_trials: their counts.
    """

    values: tuple[str, ...]
    pairs: Integers
    scenarios: tuple[Hashable, ...]
    pair: Integers
    wins: Integers
    decided: Integers
    ties: Integers
    trials: Integers
    cell_pair: Integers
    cell_order: Floats
    cell_action: Floats
    row_scenario: Integers
    row_cell: Integers
    row_wins: Integers
    row_decided: Integers
    row_trials: Integers

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

    @property
    def row_y(self) -> Floats:
        """Share of the scenario's trials that fall in the row and were decided for the first value, shape (R,)."""
        shares: Floats = self.row_wins / self.trials[self.row_scenario]
        return shares

    @property
    def row_d(self) -> Floats:
        """Share of the scenario's trials that fall in the row and were decided, shape (R,)."""
        shares: Floats = self.row_decided / self.trials[self.row_scenario]
        return shares

    def take(self, keep: Flags) -> "Tallies":
        """The scenarios where `keep`, shape (S,), is true; pairs and cells that then do not occur are gone."""
        return self.pick(np.flatnonzero(keep))

    def pick(self, index: Integers) -> "Tallies":
        """The scenarios at these places, each once, in that order; pairs and cells that then do not occur are gone."""
        kept_pairs, pair = np.unique(self.pair[index], return_inverse=True)
        place = np.full(len(self.pair), -1)
        place[index] = np.arange(len(index))
        rows = place[self.row_scenario] >= 0
        kept_cells, cell = np.unique(self.row_cell[rows], return_inverse=True)
        return dataclasses.replace(
            self,
            pairs=self.pairs[kept_pairs],
            scenarios=tuple(self.scenarios[s] for s in index.tolist()),
            pair=pair.astype(np.int64),
            wins=self.wins[index],
            decided=self.decided[index],
            ties=self.ties[index],
            trials=self.trials[index],
            cell_pair=np.searchsorted(kept_pairs, self.cell_pair[kept_cells]),
            cell_order=self.cell_order[kept_cells],
            cell_action=self.cell_action[kept_cells],
            row_scenario=place[self.row_scenario[rows]],
            row_cell=cell.astype(np.int64),
            row_wins=self.row_wins[rows],
            row_decided=self.row_decided[rows],
            row_trials=self.row_trials[rows],
        )

    def merged(self, *, order: bool, action: bool) -> "Tallies":
        """The same with cells told apart by option order, and by acting action, only where asked for."""
        columns = (
            self.cell_order if order else 0 * self.cell_order,
            self.cell_action if action else 0 * self.cell_action,
        )
        key = self.cell_pair * 9 + (2 * columns[0] + 1).astype(np.int64) * 3 + (2 * columns[1] + 1).astype(np.int64)
        _, kept, cell = np.unique(key, return_index=True, return_inverse=True)
        cells = max(len(kept), 1)
        rows, row = np.unique(self.row_scenario * cells + cell[self.row_cell], return_inverse=True)
        return dataclasses.replace(
            self,
            cell_pair=self.cell_pair[kept],
            cell_order=columns[0][kept],
            cell_action=columns[1][kept],
            row_scenario=rows // cells,
            row_cell=rows % cells,
            row_wins=_sum(row, self.row_wins, len(rows)),
            row_decided=_sum(row, self.row_decided, len(rows)),
            row_trials=_sum(row, self.row_trials, len(rows)),
        )

    def credited(self, toward: Flags) -> Floats:
        """Share of each scenario's trials won by its first value if all undecided ones went to it (where `toward`,
        shape (C,), is true) or to the second value, shape (S,)."""
        undecided = (self.trials - self.decided) / self.trials
        shares: Floats = self.y + np.where(toward[self.pair], undecided, 0.0)
        return shares


def tally_trials(
    scenario: Sequence[Hashable],
    value_1: Sequence[str],
    value_2: Sequence[str],
    choice: Sequence[str | None],
    *,
    values: Sequence[str],
    shown_first: Sequence[str | None] | None = None,
    acting: Sequence[str | None] | None = None,
) -> Tallies:
    """Count the trials of each scenario.

    Args:
        scenario, value_1, value_2, choice: T trials: scenario id, keys of the scenario's two values, and the decision:
            "value_1" or "value_2"; "both", "neither", "none", "" and None are undecided.
        values: keys of all values under study, in the order of the value set.
        shown_first: whose option was shown first, "value_1" or "value_2"; "" and None where that is not known.
        acting: whose action takes the opportunity that the scenario offers, likewise.
    Returns: scenarios in order of first appearance; a scenario stated the other way round (value_1 after value_2 in
        `values`) is turned.
    Raises: ValueError: lengths differ, fewer than two values, an unknown value, choice or side, a scenario with two pairs.
    """
    sides = [column for column in (shown_first, acting) if column is not None]
    if any(len(column) != len(scenario) for column in (value_1, value_2, choice, *sides)):
        raise ValueError(
            "scenario, value_1, value_2 and choice need one entry for each trial, and so do orders and actions"
        )
    place = {value: index for index, value in enumerate(values)}
    if len(place) < 2 or len(place) != len(values):
        raise ValueError(f"a ranking needs two or more different values, got {list(values)}")
    known = {name: row for row, name in enumerate(dict.fromkeys(scenario))}
    row = _codes(scenario, known)
    first, second = _codes(value_1, place), _codes(value_2, place)
    outcome = _codes(choice, OUTCOME)
    _refuse(scenario, value_1, value_2, choice, values, ((first < 0) | (second < 0) | (first == second), outcome < 0))
    turned = first > second
    code = np.minimum(first, second) * len(values) + np.maximum(first, second)
    _, start = np.unique(row, return_index=True)
    mixed = np.flatnonzero(code != code[start][row])
    if len(mixed):
        raise ValueError(f"scenario {scenario[mixed[0]]!r} appears with two pairs of values")
    pair_codes, pair = np.unique(code[start], return_inverse=True)
    turn = np.where(turned, -1, 1)
    order, action = (_sides(column, len(row)) * turn for column in (shown_first, acting))
    decided = outcome <= LOST
    won = decided & ((outcome == WON) != turned)
    size = len(known)
    cell_codes, trial_cell = np.unique(pair[row] * 9 + (order + 1) * 3 + action + 1, return_inverse=True)
    row_codes, trial_row = np.unique(row * max(len(cell_codes), 1) + trial_cell, return_inverse=True)
    cells = max(len(cell_codes), 1)
    return Tallies(
        values=tuple(values),
        pairs=np.column_stack([pair_codes // len(values), pair_codes % len(values)]).astype(np.int64),
        scenarios=tuple(known),
        pair=pair.astype(np.int64),
        wins=_count(row, won, size),
        decided=_count(row, decided, size),
        ties=_count(row, outcome == TIED, size),
        trials=np.bincount(row, minlength=size),
        cell_pair=(cell_codes // 9).astype(np.int64),
        cell_order=(cell_codes % 9 // 3 - 1) / 2.0,
        cell_action=(cell_codes % 3 - 1) / 2.0,
        row_scenario=(row_codes // cells).astype(np.int64),
        row_cell=(row_codes % cells).astype(np.int64),
        row_wins=_count(trial_row, won, len(row_codes)),
        row_decided=_count(trial_row, decided, len(row_codes)),
        row_trials=np.bincount(trial_row, minlength=len(row_codes)),
    )


def matched(first: Tallies, second: Tallies, *, decided: bool = True) -> tuple[Tallies, Tallies]:
    """The scenarios that both have (with a decided trial in both), in the first's order.

    Raises: ValueError: other values, or a scenario with other values in one than in the other.
    """
    if first.values != second.values:
        raise ValueError("both must be about the same values, in the same order")
    place = {name: s for s, name in enumerate(second.scenarios)}
    at = np.array([place.get(name, -1) for name in first.scenarios], dtype=np.int64)
    both = at >= 0
    if decided:
        both &= (first.decided > 0) & (second.decided[at] > 0 if len(second.pair) else False)
    common_first, common_second = first.take(both), second.pick(at[both])
    ends = (
        common_first.pairs[common_first.pair].reshape(-1, 2),
        common_second.pairs[common_second.pair].reshape(-1, 2),
    )
    wrong = np.flatnonzero((ends[0] != ends[1]).any(axis=1))
    if len(wrong):
        raise ValueError(
            f"scenario {common_first.scenarios[int(wrong[0])]!r} has other values in one than in the other"
        )
    return common_first, common_second


def _codes(column: Iterable[Hashable], known: dict[Hashable, int] | dict[str, int] | dict[str | None, int]) -> Integers:
    """The code of each entry, -1 where it is not known."""
    return np.fromiter(map(known.get, column, repeat(-1)), dtype=np.int64)  # type: ignore[arg-type]


def _sides(column: Sequence[str | None] | None, trials: int) -> Integers:
    """+1 for value_1, -1 for value_2, 0 where it is not known."""
    if column is None:
        return np.zeros(trials, dtype=np.int64)
    unknown = set(column) - set(SIDE)
    if unknown:
        raise ValueError(f"what is shown first, or acts, is value_1 or value_2, got {unknown.pop()!r}")
    return _codes(column, SIDE)


def _count(where: Integers, what: Flags, size: int) -> Integers:
    return np.bincount(where[what], minlength=size)


def _sum(where: Integers, counts: Integers, size: int) -> Integers:
    """Sum of the counts of each row, shape (size,); exact, counts being far below 2^53."""
    return np.bincount(where, weights=counts, minlength=size).astype(np.int64)


def _refuse(
    scenario: Sequence[Hashable],
    value_1: Sequence[str],
    value_2: Sequence[str],
    choice: Sequence[str | None],
    values: Sequence[str],
    bad: tuple[Flags, Flags],
) -> None:
    """Say which trial has values or a choice that nobody knows."""
    pairs, choices = (np.flatnonzero(flags) for flags in bad)
    if len(pairs):
        t = int(pairs[0])
        raise ValueError(
            f"scenario {scenario[t]!r} has the values {value_1[t]!r} and {value_2[t]!r}; known are {list(values)}"
        )
    if len(choices):
        raise ValueError(f"a choice is value_1, value_2, both, neither or none, got {choice[int(choices[0])]!r}")
