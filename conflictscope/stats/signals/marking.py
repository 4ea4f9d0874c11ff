"""All figures of each person, and which of them are worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.labels import MISSING, Codes
from conflictscope.stats.signals.answers import (
    FallingOff,
    Matching,
    entropy,
    falling_off,
    matching,
    same_sheet,
    side_share,
)
from conflictscope.stats.signals.comments import CopiedComments
from conflictscope.stats.signals.pairs import AlikePair
from conflictscope.stats.signals.sheets import WorkSheets, most_of_the_others
from conflictscope.stats.signals.timing import impossible, irregularity, pace, without_signs
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SHOWN_AT = 0.95
MARKED_AT = 0.99
# With fewer others than this there is nothing to be compared with, and lines that others draw are not drawn.
FEWEST_OTHERS = 3


class Signal(StrEnum):
    """What can be marked."""

    GOLD = "gold"
    AGREEMENT = "agreement"
    PACE = "pace"
    IMPOSSIBLE = "impossible"
    REGULAR = "regular"
    NO_SIGNS = "no_signs"
    NO_TIMES = "no_times"
    SIDE = "side"
    SAME_SHEET = "same_sheet"
    ENTROPY = "entropy"
    FALLING_OFF = "falling_off"
    COMMENTS = "comments"
    ALIKE = "alike"


@dataclass(frozen=True)
class Lines:
    """Beyond which line a whole interval must lie for a mark.

    Attributes:
        matching: of the others' agreement beyond chance (gold, consensus), the part that somebody must reach.
        pace: of the others' median time. sameness: of the others' rate of leaving their commonest sheet, and of their entropy.
        side: how far from a half the share of A may be. impossible, silent: shares of items. regular: of log times.
        fall: how much agreement must fall, at `p_fall`.
    """

    matching: float = 0.5
    pace: float = 1 / 3
    sameness: float = 0.25
    side: float = 0.2
    impossible: float = 0.1
    silent: float = 0.5
    regular: float = 0.15
    fall: float = 0.2
    p_fall: float = 0.005
    repeated: int = 3
    shared: int = 2


@dataclass(frozen=True)
class Mark(Result):
    """`value` is the person's figure and `line` the one it lies beyond; `other` the column of somebody they are too much alike."""

    signal: Signal
    value: float
    line: float
    other: int | None = None


@dataclass(frozen=True)
class PersonSignals(Result):
    """Every figure of one person, with its interval, and `others`: the median over the other people of each of them."""

    items: int
    gold: Matching
    agreement: Matching
    pace: Estimate
    impossible: Estimate
    irregularity: Estimate
    without_signs: Estimate
    times_unknown: int
    side: Estimate
    same_sheet: Estimate
    entropy: Estimate
    falling_off: FallingOff
    comments: CopiedComments
    by_turn: tuple[float, ...]
    others: Mapping[str, float]
    marks: tuple[Mark, ...] = ()


def signals_of(
    sheets: WorkSheets,
    *,
    rng: np.random.Generator,
    comments: Sequence[CopiedComments] = (),
    pairs: Sequence[AlikePair] = (),
    lines: Lines | None = None,
    level: float = SHOWN_AT,
    exchanges: int = 499,
) -> list[PersonSignals]:
    """The figures of each person, in the order of the columns, marked by `lines`.

    Args: comments, pairs: as `copied_comments` and `alike_pairs` give them.
    """
    lines = lines or Lines()
    votes = sheets.votes()
    written = comments or [CopiedComments(0, 0, 0)] * sheets.people
    shown = [_figures(sheets, votes, person, rng, written[person], level, exchanges) for person in range(sheets.people)]
    # The same again at the level of marks, without the permutations, which have none.
    strict = [_figures(sheets, votes, person, rng, written[person], MARKED_AT, 0) for person in range(sheets.people)]
    found = []
    for person, (figures, wide) in enumerate(zip(shown, strict, strict=True)):
        others = _medians([each for column, each in enumerate(shown) if column != person and sheets.stands(column)])
        marks = [*_marks(figures, wide, others, lines)]
        for pair in pairs:
            if person in (pair.first, pair.second):
                other = pair.second if person == pair.first else pair.first
                marks.append(Mark(Signal.ALIKE, pair.agree, pair.expected, other))
        found.append(replace(figures, others=others, marks=tuple(marks)))
    return found


def _figures(
    sheets: WorkSheets,
    votes: Mapping[str, Integers],
    person: int,
    rng: np.random.Generator,
    comments: CopiedComments,
    level: float,
    exchanges: int,
) -> PersonSignals:
    rows = sheets.done_by(person)
    mine = {key: table[rows, person] for key, table in sheets.codes.items()}
    # Somebody who is excluded has no vote to take away.
    own = mine if sheets.stands(person) else {key: np.full_like(codes, MISSING) for key, codes in mine.items()}
    most = {key: most_of_the_others(votes[key][rows], own[key]) for key in mine}
    clusters = sheets.clusters[rows]
    seconds, words = sheets.seconds[rows, person], sheets.words[rows]
    by_turn = _by_turn(mine, most)
    known = by_turn[np.isfinite(by_turn)]
    return PersonSignals(
        items=len(rows),
        gold=matching(
            mine, {key: codes[rows] for key, codes in sheets.gold.items()}, clusters, level=level, each=bool(exchanges)
        ),
        agreement=matching(mine, most, clusters, level=level, each=bool(exchanges)),
        pace=pace(seconds, words, level=level),
        impossible=impossible(seconds, words, len(mine), level=level),
        irregularity=irregularity(seconds, words, level=level),
        without_signs=without_signs(
            sheets.signs[rows, person] if sheets.signs is not None else np.array([]), level=level
        ),
        times_unknown=int((~np.isfinite(seconds)).sum()),
        side=side_share({key: table[rows, person] for key, table in sheets.sides.items()}, clusters, level=level),
        same_sheet=same_sheet(_shown(sheets, rows, person), level=level),
        entropy=entropy(mine, level=level),
        falling_off=falling_off(known, rng=rng, exchanges=exchanges)
        if exchanges
        else FallingOff(0, 0.0, 0.0, None, "not asked for"),
        comments=comments,
        by_turn=tuple(by_turn.tolist()),
        others={},
    )


def _by_turn(mine: Mapping[str, Codes], most: Mapping[str, Codes]) -> Floats:
    """Of each item in the order of work, the share of answers that are like the others'; nan where there are none to compare."""
    same = sum(((mine[key] == most[key]) & (most[key] != MISSING)).astype(float) for key in mine)
    asked = sum(((mine[key] != MISSING) & (most[key] != MISSING)).astype(float) for key in mine)
    top, bottom = np.asarray(same, dtype=float), np.asarray(asked, dtype=float)
    shares: Floats = np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
    return shares


def _shown(sheets: WorkSheets, rows: Integers, person: int) -> list[tuple[int, ...]]:
    """Each sheet as the page showed it: what names an action stands for A or B."""
    columns = []
    for key, table in sheets.codes.items():
        column = table[rows, person].astype(np.int64)
        side = sheets.sides.get(key)
        if side is not None:
            seen = side[rows, person]
            column = np.where(seen == MISSING, column, 100 + seen)
        columns.append(column)
    return [tuple(row) for row in np.stack(columns, axis=1).tolist()] if columns else []


def _medians(others: Sequence[PersonSignals]) -> dict[str, float]:
    """The median over people of each figure that enough of them have."""
    figures = {
        "gold": [each.gold.beyond for each in others],
        "gold_share": [each.gold.share for each in others],
        "agreement": [each.agreement.beyond for each in others],
        "agreement_share": [each.agreement.share for each in others],
        "pace": [each.pace for each in others],
        "impossible": [each.impossible for each in others],
        "irregularity": [each.irregularity for each in others],
        "without_signs": [each.without_signs for each in others],
        "side": [each.side for each in others],
        "same_sheet": [each.same_sheet for each in others],
        "entropy": [each.entropy for each in others],
    }
    known = {name: [each.value for each in column if each.value is not None] for name, column in figures.items()}
    return {name: float(median(column)) for name, column in known.items() if len(column) >= FEWEST_OTHERS}


def _marks(figures: PersonSignals, wide: PersonSignals, others: Mapping[str, float], lines: Lines) -> list[Mark]:
    found: list[Mark] = []

    def mark(signal: Signal, value: float | None, line: float, *, beyond: bool) -> None:
        if beyond and value is not None:
            found.append(Mark(signal, value, line))

    for signal, one in ((Signal.GOLD, wide.gold), (Signal.AGREEMENT, wide.agreement)):
        if str(signal) in others and one.chance is not None and one.share.high is not None:
            line = one.chance + lines.matching * max(others[str(signal)], 0.0) * (1 - one.chance)
            mark(signal, one.share.value, line, beyond=one.share.high < line)
    if "pace" in others:
        mark(
            Signal.PACE,
            wide.pace.value,
            lines.pace * others["pace"],
            beyond=_below(wide.pace, lines.pace * others["pace"]),
        )
    mark(Signal.IMPOSSIBLE, wide.impossible.value, lines.impossible, beyond=_above(wide.impossible, lines.impossible))
    mark(Signal.REGULAR, wide.irregularity.value, lines.regular, beyond=_below(wide.irregularity, lines.regular))
    mark(Signal.NO_SIGNS, wide.without_signs.value, lines.silent, beyond=_above(wide.without_signs, lines.silent))
    if figures.items >= 10 and figures.times_unknown > figures.items / 2:
        mark(Signal.NO_TIMES, figures.times_unknown / figures.items, 0.5, beyond=True)
    for line, beyond in (
        (0.5 + lines.side, _above(wide.side, 0.5 + lines.side)),
        (0.5 - lines.side, _below(wide.side, 0.5 - lines.side)),
    ):
        mark(Signal.SIDE, wide.side.value, line, beyond=beyond)
    if "same_sheet" in others:
        line = 1 - lines.sameness * (1 - others["same_sheet"])
        mark(Signal.SAME_SHEET, wide.same_sheet.value, line, beyond=line < 1 and _above(wide.same_sheet, line))
    if "entropy" in others:
        line = lines.sameness * others["entropy"]
        mark(Signal.ENTROPY, wide.entropy.value, line, beyond=_below(wide.entropy, line))
    fall = figures.falling_off
    fell = fall.p_value is not None and fall.p_value <= lines.p_fall and fall.before - fall.after >= lines.fall
    mark(Signal.FALLING_OFF, fall.after, fall.before, beyond=fell)
    said = figures.comments
    if said.repeated >= lines.repeated:
        mark(Signal.COMMENTS, float(said.repeated), float(lines.repeated), beyond=True)
    elif said.shared >= lines.shared:
        mark(Signal.COMMENTS, float(said.shared), float(lines.shared), beyond=True)
    return found


def _below(estimate: Estimate, line: float) -> bool:
    return estimate.high is not None and estimate.high < line


def _above(estimate: Estimate, line: float) -> bool:
    return estimate.low is not None and estimate.low > line
