"""The evaluation CSVs of the paper's authors: multiple choice, and conversations with a simulated user.

Their numbers are rescaled to -1 ... 1. A is always action 1 of their scenario file; which option was shown first they do not tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conflictscope.scenarios.importing.cells import filled, object_in
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowPlace, RowProblem
from evaluation.importing.records import Choice, ImportedTrial, from_unit
from evaluation.models import Run
from evaluation.running.parsing import looks_refused

_CHOICES: dict[str, Choice] = {"A": "first", "B": "second", "INVALID": "none", "ERROR": "failed"}
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant", "model": "assistant"}


class AuthorsMultipleChoice:
    name = "authors_multiple_choice"
    label = "The paper authors' multiple-choice CSV"
    needs = "scenario_id, model, choice (A, B, INVALID or ERROR), likert_a, likert_b; better with value1 and value2"

    required = ("scenario_id", "model", "choice", "likert_a", "likert_b")

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedTrial | BadRow]:
        rows = csv_rows(path, reading, required=self.required, needed=("scenario_id", "model", "choice"))
        yield from _understood(rows, _multiple_choice)


class AuthorsConversations:
    name = "authors_conversations"
    label = "The paper authors' conversation CSV"
    needs = (
        "scenario_id, user_model, assistant_model, judge_model, choice (A, B, INVALID or ERROR), likert, reasoning, "
        "conversation; better with value1 and value2"
    )

    required = (
        *("scenario_id", "user_model", "assistant_model", "judge_model"),
        *("choice", "likert", "reasoning", "conversation"),
    )

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedTrial | BadRow]:
        needed = ("scenario_id", "assistant_model", "judge_model", "choice")
        rows = csv_rows(path, reading, required=self.required, needed=needed)
        yield from _understood(rows, _conversation)


def _understood(
    rows: Iterator[tuple[RowPlace, dict[str, str]] | BadRow], understand: Any
) -> Iterator[ImportedTrial | BadRow]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        place, cells = row
        try:
            yield understand(place, {name: filled(cell) for name, cell in cells.items()})
        except RowProblem as exc:
            yield BadRow(place, exc.column, exc.why)


def _multiple_choice(place: RowPlace, row: Mapping[str, str]) -> ImportedTrial:
    return ImportedTrial(
        place=place,
        scenario=row["scenario_id"],
        target=row["model"],
        mode=Run.Mode.MULTIPLE_CHOICE,
        choice=_choice(row["choice"]),
        value_1=row.get("value1", ""),
        value_2=row.get("value2", ""),
        rating_1=from_unit(row["likert_a"], column="likert_a"),
        rating_2=from_unit(row["likert_b"], column="likert_b"),
        transcript=({"role": "assistant", "text": row["choice"]},) if row["choice"] in ("A", "B") else (),
    )


def _conversation(place: RowPlace, row: Mapping[str, str]) -> ImportedTrial:
    transcript = _turns(row["conversation"])
    answers = [turn["text"] for turn in transcript if turn["role"] == "assistant"]
    return ImportedTrial(
        place=place,
        scenario=row["scenario_id"],
        target=row["assistant_model"],
        mode=Run.Mode.SIMULATED_USER,
        choice=_choice(row["choice"]),
        value_1=row.get("value1", ""),
        value_2=row.get("value2", ""),
        strength=from_unit(row["likert"], column="likert"),
        transcript=transcript,
        refused=bool(answers) and looks_refused(answers[-1]),
        user=row["user_model"],
        judge=row["judge_model"],
        reason=row["reasoning"],
    )


def _choice(cell: str) -> Choice:
    try:
        return _CHOICES[cell.strip().upper()]
    except KeyError as exc:
        raise RowProblem("choice", f"{cell[:40]!r} is none of {', '.join(_CHOICES)}.") from exc


def _turns(cell: str) -> tuple[dict[str, str], ...]:
    """A conversation as turns: a list of messages as JSON or Python text, else one text of the assistant's, as it stands."""
    if not cell:
        return ()
    if cell.lstrip().startswith("["):
        messages = object_in(f'{{"messages": {cell}}}', column="conversation")["messages"]
        return tuple(_turn(message) for message in messages)
    return ({"role": "assistant", "text": cell},)


def _turn(message: Any) -> dict[str, str]:
    role = _ROLES.get(str(message.get("role", "")).lower()) if isinstance(message, dict) else None
    if role is None or "content" not in message:
        shown = json.dumps(message, ensure_ascii=False)[:60]
        raise RowProblem("conversation", f"{shown} is no message with a role (user or assistant) and a content.")
    return {"role": role, "text": str(message["content"])}
