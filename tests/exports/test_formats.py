"""Texts come back from a file as they went in, and no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflictscope.exports.formats import as_csv, as_json_lines
from conflictscope.exports.tables import Column, ColumnKind, Row, Table
from conflictscope.files.csv_cells import escape, unescape

# What a database column of text can hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DANGEROUS = st.builds(
    str.__add__, st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "'=", "''-", "'", "''"]), TEXT
)

TABLE: Table[Row] = Table(
    "things",
    "Things.",
    (
        Column("text", ColumnKind.TEXT, "A text.", itemgetter(0)),
        Column("number", ColumnKind.NUMBER, "A number.", itemgetter(1)),
        Column("flag", ColumnKind.BOOLEAN, "Yes or no.", itemgetter(2)),
        Column("when", ColumnKind.TIME, "A moment.", itemgetter(3)),
        Column("turns", ColumnKind.TURNS, "Turns.", itemgetter(4)),
    ),
    lambda _: iter(()),
)


def row_of(text: str) -> Row:
    return (text, -0.5, True, datetime(2026, 1, 2, 3, tzinfo=UTC), [{"role": "user", "text": text}])


@given(TEXT | DANGEROUS)
def test_taking_one_apostrophe_away_gives_the_text_back(text: str) -> None:
    assert unescape(escape(text)) == text


@given(TEXT | DANGEROUS)
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    assert not escape(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-5", "'-5"),
        ("@here", "'@here"),
        ("'=1", "''=1"),
        ("'tis so", "'tis so"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_only_what_looks_like_a_formula_is_changed(text: str, cell: str) -> None:
    assert escape(text) == cell


@given(st.lists(TEXT | DANGEROUS))
def test_csv_gives_every_row_back(texts: list[str]) -> None:
    written = b"".join(as_csv(TABLE, map(row_of, texts))).decode()
    head, *rows = csv.reader(io.StringIO(written, newline=""))
    assert head == ["text", "number", "flag", "when", "turns"]
    assert [unescape(row[0]) for row in rows] == texts
    assert [json.loads(row[4]) for row in rows] == [[{"role": "user", "text": text}] for text in texts]
    assert {tuple(row[1:4]) for row in rows} <= {("-0.5", "true", "2026-01-02T03:00:00+00:00")}


@given(st.lists(TEXT | DANGEROUS))
def test_json_lines_give_every_row_back(texts: list[str]) -> None:
    written = b"".join(as_json_lines(TABLE, map(row_of, texts))).decode()
    rows = [json.loads(line) for line in written.split("\n")[:-1]]
    assert [row["text"] for row in rows] == texts
    assert all(list(row) == ["text", "number", "flag", "when", "turns"] for row in rows)


def test_nothing_is_an_empty_cell_and_null() -> None:
    row = (None, None, None, None, None)
    assert b"".join(as_csv(TABLE, [row])).splitlines()[1] == b",,,,"
    assert set(json.loads(b"".join(as_json_lines(TABLE, [row]))).values()) == {None}


def test_a_moment_is_written_in_utc_wherever_it_was_noted() -> None:
    there = datetime(2026, 1, 2, 4, tzinfo=timezone(timedelta(hours=1)))
    row = ("", 1, False, there, [])
    assert b"2026-01-02T03:00:00+00:00" in b"".join(as_csv(TABLE, [row]))


def test_a_row_that_does_not_fit_its_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(as_json_lines(TABLE, [("one", 2)]))
