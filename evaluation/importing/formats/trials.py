"""Files with a row for each trial: scenario, model, choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from conflictscope.scenarios.importing.cells import filled, flat
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.json_rows import json_lines
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowPlace, RowProblem
from evaluation.importing.records import Choice, ImportedTrial, from_scale
from evaluation.models import Run

_CHOICES: dict[str, Choice] = {
    "a": "first",
    "1": "first",
    "action_1": "first",
    "value_1": "first",
    "b": "second",
    "2": "second",
    "action_2": "second",
    "value_2": "second",
    "both": "both",
    "neither": "neither",
    "none": "none",
    "invalid": "none",
    "": "none",
    "failed": "failed",
    "error": "failed",
}
_COLUMNS = ("scenario", "model", "choice")
_LONGEST_SAMPLE = 6


class TrialsFormat:
    name = "trials"
    label = "CSV with a row for each trial"
    needs = "scenario, model, choice (A or 1: the first action; B or 2; both, neither, none, failed); may have sample, rating_1, rating_2"

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedTrial | BadRow]:
        for row in csv_rows(path, reading, required=_COLUMNS, needed=("scenario", "model"), as_written=False):
            yield row if isinstance(row, BadRow) else _understood(*row)


class TrialsJsonLines:
    name = "trials_jsonl"
    label = "JSON Lines with an object for each trial"
    needs = TrialsFormat.needs

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedTrial | BadRow]:
        for row in json_lines(path, reading):
            yield row if isinstance(row, BadRow) else _understood(row[0], flat(row[1]))


def _understood(place: RowPlace, row: Mapping[str, str]) -> ImportedTrial | BadRow:
    cells = {name: filled(cell).strip() for name, cell in row.items()}
    try:
        return _trial(place, cells)
    except RowProblem as exc:
        return BadRow(place, exc.column, exc.why)


def _trial(place: RowPlace, row: Mapping[str, str]) -> ImportedTrial:
    for column in ("scenario", "model"):
        if not row.get(column):
            raise RowProblem(column, "is empty; every trial needs one.")
    chosen = row.get("choice", "").lower()
    if chosen not in _CHOICES:
        raise RowProblem("choice", f"{chosen[:40]!r} is none of A, B, 1, 2, both, neither, none, failed.")
    sample = row.get("sample", "")
    if sample and not (
        sample.isascii() and sample.isdigit() and len(sample) <= _LONGEST_SAMPLE and int(sample) < 32_768
    ):
        raise RowProblem("sample", f"{sample[:40]!r} is no whole number from 0 to 32,767.")
    return ImportedTrial(
        place=place,
        scenario=row["scenario"],
        target=row["model"],
        mode=Run.Mode.MULTIPLE_CHOICE,
        choice=_CHOICES[chosen],
        value_1=row.get("value_1", ""),
        value_2=row.get("value_2", ""),
        sample=int(sample) if sample else None,
        rating_1=from_scale(row.get("rating_1", ""), column="rating_1"),
        rating_2=from_scale(row.get("rating_2", ""), column="rating_2"),
    )
