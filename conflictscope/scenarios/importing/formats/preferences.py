"""Preference data as they are traded today: a prompt, a chosen and a rejected answer, each a text or a list of messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conflictscope.scenarios.importing.cells import digest_id, filled, literal_in
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.formats.dialogues import Turn, told, turns_in
from conflictscope.scenarios.importing.json_rows import json_lines, some_rows
from conflictscope.scenarios.importing.records import BadRow, ImportedScenario, ReadingOptions, RowPlace, RowProblem

PROMPTS = ("prompt", "question", "instruction", "input")  # as their makers call it; the first that is there counts
_SPEAKERS = {
    "user": "Human",
    "human": "Human",
    "prompter": "Human",
    "assistant": "Assistant",
    "gpt": "Assistant",
    "bot": "Assistant",
    "model": "Assistant",
    "system": "System",
    "developer": "System",
}


class Preferences:
    """Rows of `prompt`, `chosen` and `rejected`, as JSON Lines, one JSON document or CSV. The prompt is the description, action 1
    the chosen answer, action 2 the rejected one. Without a prompt, what both lists of messages share is it. A prompt of one turn
    of the user's is the opening message, too. An id is made from the words where the row has none of its own."""

    name = "preferences"
    label = "Preference data: prompt, chosen, rejected"
    needs = "chosen and rejected, and mostly prompt, as texts or lists of messages; JSON Lines or CSV; no value pair"
    numbers_repeats = False

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        rows: Iterator[tuple[RowPlace, Mapping[str, Any]] | BadRow]
        if some_rows(path, encoding=reading.encoding) is not None:
            rows = json_lines(path, reading)
        else:
            rows = csv_rows(path, reading, required=("chosen", "rejected"), needed=("chosen", "rejected"))
        for row_or_bad in rows:
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            try:
                yield _scenario(place, row)
            except RowProblem as exc:
                yield exc.at(place)


def _scenario(place: RowPlace, row: Mapping[str, Any]) -> ImportedScenario:
    column = next((name for name in PROMPTS if _has(row, name)), "")
    before = _turns(row[column], column, speaker="Human") if column else []
    chosen, rejected = (_turns(row.get(name), name, speaker="Assistant") for name in ("chosen", "rejected"))
    for name, turns in (("chosen", chosen), ("rejected", rejected)):
        if not turns or turns[-1][0] != "Assistant" or not turns[-1][1]:
            raise RowProblem(name, "its last answer is empty, or not the assistant's.")
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if not column:
        before = chosen[:shared]
    elif before and chosen[:shared][-len(before) :] != before and shared:
        before = [*before, *chosen[:shared]]  # the lists go on where the prompt ends
    if _has(row, "system") and isinstance(row["system"], str):
        before = [("System", row["system"].strip()), *before]
    spoken = [turn for turn in before if turn[1]]
    if not any(who == "Human" for who, _ in spoken):
        raise RowProblem(column or "chosen", "the user says nothing before the answers.")
    alone = len(spoken) == 1
    actions = [told(turns[shared:], skip_speaker=True) for turns in (chosen, rejected)]
    description = told(spoken, skip_speaker=alone)
    own_id = next((str(row[name]) for name in ("id", "uid", "prompt_id") if _is_id(row.get(name))), "")
    return ImportedScenario(
        uid=own_id or digest_id("preference", description, *actions),
        made_id=not own_id,
        place=place,
        description=description,
        action_1=actions[0],
        action_2=actions[1],
        opening_message=description if alone else "",
    )


def _has(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    return bool(filled(value).strip()) if isinstance(value, str) else bool(value)


def _is_id(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and bool(filled(value)))


def _turns(value: Any, column: str, *, speaker: str) -> list[Turn]:
    """The turns of a text, a message or a list of messages, which a cell of CSV may hold as text. A plain text is one turn.

    Raises:
        RowProblem: it is something else.
    """
    if isinstance(value, str):
        text = value.strip()
        if ("\n\n" + text).startswith("\n\nHuman:"):
            return _dialogue(text, column)
        messages = literal_in(text) if text.startswith("[{") else None
        if not isinstance(messages, list):
            return [(speaker, text)] if text else []
        value = messages
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not value:
        raise RowProblem(column, "holds neither a text nor a list of messages; every row needs one.")
    return [_turn(each, column, speaker=speaker) for each in value]


def _dialogue(text: str, column: str) -> list[Turn]:
    """As HH-RLHF tells it. A prompt of it ends with the speaker whose words are to come."""
    turns = turns_in(text, column, answered=False)
    return turns[:-1] if turns[-1] == ("Assistant", "") else turns


def _turn(message: Any, column: str, *, speaker: str) -> Turn:
    if isinstance(message, str):
        return speaker, message.strip()
    if not isinstance(message, dict):
        raise RowProblem(column, "holds something that is no message: a message has a role and a content.")
    role = str(message.get("role") or message.get("from") or speaker).strip().lower()
    content = message.get("content", message.get("value", message.get("text")))
    if isinstance(content, list):  # parts, of which texts alone can be read
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        if not all(isinstance(part, str) for part in parts):
            raise RowProblem(column, "holds a message with a part that is no text.")
        content = "\n".join(str(part) for part in parts)
    if not isinstance(content, str):
        raise RowProblem(column, "holds a message without a text.")
    return _SPEAKERS.get(role, role.capitalize() or speaker), content.strip()
