"""Preference data: a dialogue with two responses becomes a scenario with two actions and no value pair."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conflictscope.scenarios.importing.cells import digest_id, truth_in
from conflictscope.scenarios.importing.json_rows import json_lines
from conflictscope.scenarios.importing.records import (
    BadRow,
    ImportedScenario,
    ReadingOptions,
    RowPlace,
    RowProblem,
)

_TURN = re.compile(r"\n\n(Human|Assistant):[ \t]?")
Turn = tuple[str, str]


class HhRlhf:
    """HH-RLHF (Bai et al. 2022). What both dialogues share is the description, what only one has its action: action 1 is the
    chosen response. A dialogue of one turn is the user's opening message, too. An id is made from the words."""

    name = "hh_rlhf"
    label = "HH-RLHF, JSON Lines"
    needs = "chosen and rejected, dialogues of Human and Assistant; .gz is read as it is; no value pair"
    numbers_repeats = False

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        for row_or_bad in json_lines(path, reading):
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            try:
                yield _of_dialogues(place, row)
            except RowProblem as exc:
                yield exc.at(place)


def is_dialogue(row: dict[str, Any]) -> bool:
    """Whether the chosen response is told as here: a whole dialogue as one text, and no prompt apart from it."""
    chosen = row.get("chosen")
    return "prompt" not in row and isinstance(chosen, str) and bool(_TURN.match("\n\n" + chosen.lstrip("\n")))


def _of_dialogues(place: RowPlace, row: dict[str, Any]) -> ImportedScenario:
    chosen, rejected = (turns_in(text_of(row, column), column) for column in ("chosen", "rejected"))
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    # What differs begins with an answer; where the user's words differ, the answer before them was the last in common.
    while shared and (chosen[shared][0] != "Assistant" or rejected[shared][0] != "Assistant"):
        shared -= 1
    if not shared:
        raise RowProblem("rejected", "the two dialogues have no beginning in common.")
    before = chosen[:shared]
    actions = [told(turns[shared:], skip_speaker=True) for turns in (chosen, rejected)]
    for column, action in zip(("chosen", "rejected"), actions, strict=True):
        if not action:
            raise RowProblem(column, "its last answer is empty.")
    description = told(before, skip_speaker=len(before) == 1)
    if not description:
        raise RowProblem("chosen", "the user says nothing in it.")
    return ImportedScenario(
        uid=digest_id("hh", told(chosen), told(rejected)),
        made_id=True,
        place=place,
        description=description,
        action_1=actions[0],
        action_2=actions[1],
        opening_message=description if len(before) == 1 else "",
    )


def turns_in(dialogue: str, column: str, *, answered: bool = True) -> list[Turn]:
    """The turns of a dialogue in one text; an `answered` one ends with words of the assistant's, be they none.

    Raises:
        RowProblem: it is none.
    """
    parts = _TURN.split("\n\n" + dialogue.lstrip("\n"))
    turns = [(who, text.strip()) for who, text in zip(parts[1::2], parts[2::2], strict=True)]
    if parts[0].strip() or not turns or turns[0][0] != "Human" or (answered and turns[-1][0] != "Assistant"):
        raise RowProblem(
            column, 'is no dialogue that begins with "\\n\\nHuman:" and ends with the words of "\\n\\nAssistant:".'
        )
    return turns


def told(turns: list[Turn], *, skip_speaker: bool = False) -> str:
    """Turns as text; a single one without its speaker where that is clear."""
    if skip_speaker and len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"{who}: {text}" for who, text in turns)


class PkuSafeRlhf:
    """PKU-SafeRLHF (Ji et al. 2024). The prompt is description and opening message, action 1 is response_0. The domain says
    whether the more helpful response is the safer one. An id is made from the words."""

    name = "pku_safe_rlhf"
    label = "PKU-SafeRLHF, JSON Lines"
    needs = "prompt, response_0, response_1; better_response_id and safer_response_id where there; no value pair"
    numbers_repeats = False

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        for row_or_bad in json_lines(path, reading):
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            try:
                prompt, first, second = (text_of(row, column) for column in ("prompt", "response_0", "response_1"))
                yield ImportedScenario(
                    uid=digest_id("pku", prompt, first, second),
                    made_id=True,
                    place=place,
                    description=prompt,
                    action_1=first,
                    action_2=second,
                    opening_message=prompt,
                    domain=_compared(row),
                )
            except RowProblem as exc:
                yield exc.at(place)


def _compared(row: dict[str, Any]) -> str:
    better, safer = (truth_in(row.get(column), column=column) for column in ("better_response_id", "safer_response_id"))
    if better is None or safer is None:
        return ""
    return "more helpful is safer" if better == safer else "more helpful is less safe"


def text_of(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise RowProblem(column, "holds no text; every row needs one.")
    return value.strip()
