"""CSV and JSON Lines of anybody: columns mean what a mapping says they mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import printable
from conflictscope.scenarios.importing import mapping as columns_to_fields
from conflictscope.scenarios.importing.cells import digest_id, filled, flat
from conflictscope.scenarios.importing.csv_rows import csv_header, csv_rows
from conflictscope.scenarios.importing.json_rows import json_lines
from conflictscope.scenarios.importing.records import (
    BadRow,
    ImportedScenario,
    ReadingOptions,
    RowPlace,
    RowProblem,
)
from conflictscope.scenarios.models import Scenario

T = TypeVar("T")

LOOKED_AT = 200  # rows in which an example of each column is looked for
NOT_OUTLINED = "status outlined with two actions: taken for drafted"
NOT_OFFERED = "columns beyond those that are offered, left out"
_IN_THE_PAIR = ("1", "2", "unknown")


class MappedCsv:
    name = "csv"
    label = "CSV with columns of your own"
    needs = f"columns for {columns_to_fields.ENOUGH}; the value set where there are pairs of values"
    numbers_repeats = False

    def columns(self, path: Path, *, encoding: str = "", named: Collection[str] = ()) -> list[str]:
        """The names of the columns; beyond a limit, those alone that are `named` or that tell by their name what they mean."""
        names = [name for name in csv_header(path, encoding=encoding) if name]
        limit = settings.IMPORT_COLUMNS
        if len(names) <= limit:
            return names
        telling = {*named, *columns_to_fields.guessed(names)}
        return [*names[:limit], *(name for name in names[limit:] if name in telling)]

    def examples(self, path: Path, *, encoding: str = "") -> dict[str, str]:
        """The first text of each column, among the first rows; empty for those that have none."""
        columns = self.columns(path, encoding=encoding)
        rows = islice(csv_rows(path, ReadingOptions(encoding=encoding, lenient=True), required=()), LOOKED_AT)
        return _first_texts(columns, (row for _, row in _good(rows)))

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        header = self.columns(path, encoding=reading.encoding, named=reading.mapping or ())
        mapping = columns_to_fields.completed(reading.mapping, header, source=path.name)
        offered = {"", *header}
        for row_or_bad in csv_rows(path, reading, required=list(mapping)):
            yield row_or_bad if isinstance(row_or_bad, BadRow) else _understood(*row_or_bad, mapping, offered=offered)


class MappedJsonLines:
    name = "jsonl"
    label = "JSON Lines with keys of your own"
    needs = f"keys for {columns_to_fields.ENOUGH}; a key in an object is outer.inner; .gz is read as it is"
    numbers_repeats = False

    def columns(self, path: Path, *, encoding: str = "", named: Collection[str] = ()) -> list[str]:
        """The keys of all rows: some may stand in late ones only. Beyond a limit, those alone that are `named` or that tell
        by their name what they mean."""
        keys: dict[str, None] = {}
        limit = settings.IMPORT_COLUMNS
        passed: set[str] = set()
        for _, row in _good(json_lines(path, ReadingOptions(encoding=encoding, lenient=True))):
            for key in flat(row):
                if key in keys or key in passed:
                    continue
                if len(keys) < limit or key in named or columns_to_fields.guessed([key]):
                    keys[key] = None
                elif len(passed) < limit:  # a memory of some, for speed alone
                    passed.add(key)
        if not keys:
            raise InvalidInput(f"{path.name} holds no JSON object with a key in it.")
        return list(keys)

    def examples(self, path: Path, *, encoding: str = "") -> dict[str, str]:
        """The first text of each key, among the first lines; empty for those that have none."""
        columns = self.columns(path, encoding=encoding)
        rows = islice(json_lines(path, ReadingOptions(encoding=encoding, lenient=True)), LOOKED_AT)
        return _first_texts(columns, (flat(row) for _, row in _good(rows)))

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        keys = self.columns(path, encoding=reading.encoding, named=reading.mapping or ())
        mapping = columns_to_fields.completed(reading.mapping, keys, source=path.name)
        offered = set(keys)
        for row_or_bad in json_lines(path, reading):
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad[0], flat(row_or_bad[1])
            yield _understood(place, row, mapping, offered=offered)


def _good(rows: Iterable[tuple[RowPlace, T] | BadRow]) -> Iterator[tuple[RowPlace, T]]:
    return (row for row in rows if not isinstance(row, BadRow))


def _first_texts(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    texts = dict.fromkeys(columns, "")
    for row in rows:
        for column in [column for column, text in texts.items() if not text]:
            texts[column] = printable(filled(row.get(column, "")).strip()[:200])
        if all(texts.values()):
            break
    return texts


def _understood(
    place: RowPlace, row: Mapping[str, str], mapping: Mapping[str, str], *, offered: AbstractSet[str]
) -> ImportedScenario | BadRow:
    fields = {field: filled(row.get(column, "")).strip() for column, field in mapping.items()}
    columns = {field: column for column, field in mapping.items()}
    try:
        _check(fields, columns)
    except RowProblem as exc:
        return exc.at(place)
    made_id = not fields.get("uid")
    if made_id:
        fields["uid"] = _made_id(fields)
    fields["acting_action"] = fields.get("acting_action") or "unknown"
    notes: tuple[str, ...] = ()
    if fields.get("status") == Scenario.Status.OUTLINED and fields.get(
        "action_1"
    ):  # it would wait for a draft for ever
        fields["status"] = Scenario.Status.DRAFTED
        notes = (NOT_OUTLINED,)
    if not row.keys() <= offered:
        notes = (*notes, NOT_OFFERED)
    return ImportedScenario(place=place, made_id=made_id, notes=notes, **fields)  # type: ignore[arg-type]  # texts alone


def _made_id(fields: Mapping[str, str]) -> str:
    """An id from all that a row says, its domain and status excepted, which may change. What is empty makes no other id."""
    always = ("description", "action_1", "action_2", "opening_message", "value_1", "value_2")
    apart = {*always, "uid", "domain", "status"}
    more = sorted((field, text) for field, text in fields.items() if text and field not in apart)
    return digest_id("row", *(fields.get(field, "") for field in always), *(f"{field}: {text}" for field, text in more))


def _check(fields: Mapping[str, str], columns: Mapping[str, str]) -> None:
    """
    Raises:
        RowProblem: the row does not make a scenario.
    """
    actions = [bool(fields.get(action)) for action in ("action_1", "action_2")]
    if any(actions) and not all(actions):
        missing = "action_2" if actions[0] else "action_1"
        raise RowProblem(columns.get(missing, missing), "the cell is empty; a scenario has two actions, or none yet.")
    if any(actions) and not fields.get("description"):
        raise RowProblem(columns.get("description", "description"), "the cell is empty; actions need a description.")
    if not any(actions) and not fields.get("opening_message"):
        raise RowProblem("", f"has neither actions nor an opening message; a scenario is {columns_to_fields.ENOUGH}.")
    if (acting := fields.get("acting_action")) and acting not in _IN_THE_PAIR:
        raise RowProblem(columns["acting_action"], f"{acting[:40]!r} is none of {', '.join(_IN_THE_PAIR)}.")
