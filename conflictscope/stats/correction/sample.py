"""The judge's decisions on all scenarios beside people's on some, cell by cell."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.correction.design import Design
from conflictscope.stats.tallies import Tallies

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Shares by scenario and cell: scenario and cell, shape (R,); y and d, shape (R,)."""

    scenario: Integers
    cell: Integers
    y: Floats
    d: Floats


@dataclass(frozen=True)
class CorrectionSample:
    """Both kinds of decisions on one set of scenarios and cells.

    Attributes:
        judge: the judge's tallies, N scenarios; judged, told: rows of the judge and of people (labelled scenarios only).
        labelled: shape (N,), scenarios of which people decided all trials.
        partial: scenarios of which people saw some trials only: these do not correct. left_out: scenarios outside the frame.
        foreign: scenarios that people decided and the judge did not.
        stratum, chance: as given, for the N scenarios.
    """

    judge: Tallies
    judged: Rows
    told: Rows
    labelled: Flags
    partial: int
    left_out: int
    foreign: int
    stratum: tuple[Hashable, ...] | None
    chance: tuple[float, ...] | None

    @property
    def design(self) -> Design:
        return Design(self.judge.pair, self.labelled, stratum=self.stratum, chance=self.chance)


def align(
    judge: Tallies,
    people: Tallies,
    *,
    stratum: Sequence[Hashable] | None = None,
    chance: Sequence[float] | None = None,
    left_out: Collection[Hashable] = (),
    covariates: tuple[str, ...] = (),
) -> CorrectionSample:
    """Set people's decisions beside the judge's.

    Args:
        judge: of every scenario; people: of some, from the same trials: as many a scenario, in the same orders.
        stratum, chance: one for each of the judge's scenarios.
        left_out: scenarios outside the frame, because the judge's prompt was chosen on their labels.
        covariates: "order" and "action", if cells are told apart by them.
    Raises: ValueError: other values, lengths that differ, a scenario with another pair than the judge has.
    """
    if judge.values != people.values:
        raise ValueError("the judge's and people's decisions must be about the same values, in the same order")
    if any(len(x) != len(judge.scenarios) for x in (stratum, chance) if x is not None):
        raise ValueError(f"stratum and chance need one entry for each of the judge's {len(judge.scenarios)} scenarios")
    away = set(left_out)
    inside = np.array([name not in away for name in judge.scenarios], dtype=bool)
    how = {"order": "order" in covariates, "action": "action" in covariates}
    judge = judge.take(inside).merged(**how)
    kept = np.flatnonzero(inside).tolist()
    place = {name: s for s, name in enumerate(judge.scenarios)}
    known = np.array([name in place for name in people.scenarios], dtype=bool)
    outside = sum(name in away for name in people.scenarios)
    foreign = int((~known).sum()) - outside
    people = people.take(known).merged(**how)
    to = np.array([place[name] for name in people.scenarios], dtype=np.int64)
    pairs = people.pairs[people.pair] if len(to) else np.zeros((0, 2), dtype=np.int64)
    other = np.flatnonzero((judge.pairs[judge.pair[to]] != pairs).any(axis=1))
    if len(other):
        raise ValueError(f"scenario {people.scenarios[other[0]]!r} has other values with people than with the judge")
    cell = _same_cells(judge, people)
    whole = judge.trials[to] == people.trials
    rows = people.row_scenario
    whole &= _as_many(judge, people, to, cell)
    labelled = np.zeros(len(judge.scenarios), dtype=bool)
    labelled[to[whole]] = True
    in_whole = whole[rows]
    return CorrectionSample(
        judge=judge,
        judged=Rows(judge.row_scenario, judge.row_cell, judge.row_y, judge.row_d),
        told=Rows(to[rows[in_whole]], cell[people.row_cell[in_whole]], people.row_y[in_whole], people.row_d[in_whole]),
        labelled=labelled,
        partial=int((~whole).sum()),
        left_out=int((~inside).sum()),
        foreign=foreign,
        stratum=None if stratum is None else tuple(stratum[s] for s in kept),
        chance=None if chance is None else tuple(chance[s] for s in kept),
    )


def _cell_keys(tallies: Tallies) -> list[tuple[int, int, float, float]]:
    ends = tallies.pairs[tallies.cell_pair].reshape(-1, 2)
    return list(zip(*ends.T.tolist(), tallies.cell_order.tolist(), tallies.cell_action.tolist(), strict=True))


def _same_cells(judge: Tallies, people: Tallies) -> Integers:
    """The judge's cell of each of people's cells; -1 where the judge has none."""
    place = {key: j for j, key in enumerate(_cell_keys(judge))}
    return np.array([place.get(key, -1) for key in _cell_keys(people)], dtype=np.int64)


def _as_many(judge: Tallies, people: Tallies, to: Integers, cell: Integers) -> Flags:
    """Whether people decided as many trials of a scenario as the judge in each cell, by people's scenario."""
    cells = max(len(judge.cell_pair), 1)
    asked = dict(zip((judge.row_scenario * cells + judge.row_cell).tolist(), judge.row_trials.tolist(), strict=True))
    keys = to[people.row_scenario] * cells + cell[people.row_cell]
    same = np.array([asked.get(key, -1) for key in keys.tolist()], dtype=np.int64) == people.row_trials
    same &= cell[people.row_cell] >= 0
    wrong = np.bincount(people.row_scenario[~same], minlength=len(people.scenarios))
    return np.asarray(wrong == 0)
