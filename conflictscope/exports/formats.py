"""Rows to bytes, the same bytes for the same rows: JSON Lines, which keeps every text as it is, and CSV for spreadsheets.

In CSV a text that a spreadsheet would take for a formula is escaped; numbers are left as they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from conflictscope.exports.tables import ColumnKind, Row, Table
from conflictscope.files.csv_cells import escape

BATCH = 200
CSV_ESCAPE = (
    "In CSV a text that a spreadsheet would take for a formula (it begins with =, +, -, @, tab or a line break, after any "
    "number of apostrophes) has one apostrophe written before it; take it away to have the text. Empty cells stand for "
    "empty text and for nothing alike; lists are JSON. JSON Lines has every text and list as it is."
)


def as_json_lines(table: Table[Any], rows: Iterable[Row]) -> Iterator[bytes]:
    """One JSON object a line, keys in the order of the columns."""
    names = [column.name for column in table.columns]

    def line(row: Row) -> str:
        fields = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"

    yield from _in_batches(rows, lambda batch: "".join(map(line, batch)))


def as_csv(table: Table[Any], rows: Iterable[Row]) -> Iterator[bytes]:
    """Comma-separated as RFC 4180 has it: quoted where needed, lines end with CR LF; UTF-8 without a byte order mark."""

    def written(batch: Iterable[Iterable[str]]) -> str:
        text = io.StringIO()
        csv.writer(text).writerows(batch)
        return text.getvalue()

    yield written([[column.name for column in table.columns]]).encode()
    kinds = [column.kind for column in table.columns]
    yield from _in_batches(rows, lambda batch: written([map(_cell, kinds, row) for row in batch]))


FORMATS: dict[str, Callable[[Table[Any], Iterable[Row]], Iterator[bytes]]] = {"jsonl": as_json_lines, "csv": as_csv}


def _in_batches(rows: Iterable[Row], write: Callable[[list[Row]], str]) -> Iterator[bytes]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield write(batch).encode()
            batch = []
    if batch:
        yield write(batch).encode()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _cell(kind: ColumnKind, value: Any) -> str:
    if value is None:
        return ""
    if kind == ColumnKind.BOOLEAN:
        return "true" if value else "false"
    if kind in (ColumnKind.TEXTS, ColumnKind.TURNS):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if kind == ColumnKind.TEXT:
        return escape(value)
    return str(_plain(value))
