"""Rows of CSV, JSON Lines and JSON files, one after the other; a row that cannot be read is a bad row, not the end."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import LINE_LIMIT, lines_of, printable
from conflictscope.scenarios.importing.cells import filled
from conflictscope.scenarios.importing.records import BadRow, Place, Reading, nothing_in

csv.field_size_limit(LINE_LIMIT)  # of the whole process; 131,072 otherwise, and a text may be longer

_SEPARATORS = (",", ";", "\t")  # a spreadsheet writes what its country is used to
_LOOKED_AT = 20  # rows by which they are told apart
REREAD_LIMIT = 4 * LINE_LIMIT  # characters that are read a second time, because a quotation mark before them stays open


def csv_header(path: Path, *, encoding: str = "") -> list[str]:
    """The names of the columns. Nothing is said of the rows: they may be wrongly encoded.

    Raises:
        InvalidInput: the file is empty, or no CSV.
    """
    lines = _CsvLines(path, lines_of(path, encoding=encoding, lenient=True))
    header = lines.header(separator_in(path, encoding=encoding))
    if not any(header):
        raise InvalidInput(f"{path.name} is empty.")
    return header


def separator_in(path: Path, *, encoding: str = "") -> str:
    """Comma, semicolon or tab: the one by which the first rows have as many cells as the header, and that more than one."""
    some: list[str] = []
    length = 0
    for _, text in islice(lines_of(path, encoding=encoding, lenient=True), 10 * _LOOKED_AT):
        some.append(text)
        length += len(text)
        if length > LINE_LIMIT:
            break

    def fit(separator: str) -> tuple[bool, int, int]:
        try:
            header, *rows = islice(csv.reader(some, delimiter=separator), 1 + _LOOKED_AT)
        except (csv.Error, ValueError):
            return False, 0, 0
        return len(header) > 1, sum(len(row) == len(header) for row in rows), len(header)

    return max(_SEPARATORS, key=fit)  # a comma where nothing speaks for another


class _CsvLines:
    """The lines of a CSV file for a csv.reader, with those of the row at hand held, so that they can be read again."""

    def __init__(self, path: Path, lines: Iterator[tuple[int, str]]) -> None:
        self._path = path
        self._lines = lines
        self._again: deque[tuple[int, str]] = deque()
        self._held: list[tuple[int, str]] = []
        self._held_length = 0
        self._reread = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._held_length > LINE_LIMIT:
            raise csv.Error(f"longer than {LINE_LIMIT:,} characters")
        line = self._again.popleft() if self._again else next(self._lines)
        self._held.append(line)
        self._held_length += len(line[1])
        return line[1]

    def header(self, separator: str) -> list[str]:
        reader = csv.reader(self, strict=True, delimiter=separator)
        try:
            return [printable(name.strip()) for name in next(reader, [])]
        except csv.Error as exc:
            raise InvalidInput(f"{self._path.name}, line {self.last}, is not CSV: {exc}.") from exc

    def begin_row(self) -> None:
        self._held.clear()
        self._held_length = 0

    @property
    def first(self) -> int:
        """The line in which the row at hand begins."""
        return self._held[0][0] if self._held else 0

    @property
    def last(self) -> int:
        return self._held[-1][0] if self._held else 0

    def go_back(self) -> None:
        """Read on at the line after the one where the row at hand began.

        Raises:
            InvalidInput: so much was read again that the file cannot be CSV.
        """
        rest = self._held[1:]
        self._reread += sum(len(text) for _, text in rest)
        if self._reread > REREAD_LIMIT:
            raise InvalidInput(
                f"{self._path.name}: too many quotation marks are opened and not closed, one of them in line {self.first}; is "
                "this CSV?"
            )
        self._again.extendleft(reversed(rest))


def csv_rows(
    path: Path, reading: Reading, *, required: Collection[str], needed: Collection[str] = (), as_written: bool = False
) -> Iterator[tuple[Place, dict[str, str]] | BadRow]:
    """Rows as column name to text, by comma, semicolon or tab, stripped of blanks around it.

    A row that is not CSV is left alone, and reading goes on with the line after its first: a quotation mark that stays open
    would take the rows after it along.

    Args:
        required: columns that must be there. needed: those of them that may not be empty, or nan, in any row.
        as_written: leave blanks around cells, and take nan for the word that it is.

    Raises:
        InvalidInput: the file is empty, lacks a column, or is wrongly encoded.
    """
    separator = separator_in(path, encoding=reading.encoding)
    lines = _CsvLines(path, lines_of(path, encoding=reading.encoding, lenient=reading.lenient))
    header = lines.header(separator)
    _check_header(header, required, path=path)
    reader = csv.reader(lines, strict=True, delimiter=separator)
    number = 0
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as exc:
            number += 1
            yield BadRow(Place(path.name, number, lines.first), "", _not_csv(exc, lines))
            lines.go_back()
            continue
        if not cells:  # an empty line
            continue
        number += 1
        place = Place(path.name, number, lines.first)
        if len(cells) != len(header):
            reach = f", up to line {lines.last}," if lines.last > lines.first else ""
            yield BadRow(
                place,
                "",
                f"has {len(cells)} cells{reach} where the header has {len(header)}; look for a missing or extra comma or quotation "
                "mark.",
            )
            continue
        row = {name: cell if as_written else cell.strip() for name, cell in zip(header, cells, strict=True)}
        if empty := [name for name in needed if not (row[name] if as_written else filled(row[name]))]:
            yield BadRow(place, empty[0], "the cell is empty; every row needs one.")
            continue
        yield place, row
    if number == 0:
        raise InvalidInput(f"{path.name} has a header and no rows.")


def _not_csv(exc: csv.Error, lines: _CsvLines) -> str:
    if lines.last == lines.first:
        return f"is not CSV: {exc}."
    return (
        f"is not CSV: {exc}, in line {lines.last}. A quotation mark may be open since line {lines.first}; the lines after that "
        "one are read as rows of their own."
    )


def _check_header(header: list[str], required: Collection[str], *, path: Path) -> None:
    if not any(header):
        raise InvalidInput(f"{path.name} is empty.")
    if missing := [name for name in required if name not in header]:
        found = ", ".join(header)[:200]
        other = "|" if len(header) == 1 and "|" in header[0] else ""
        separator = f" Its cells seem to be separated by {other!r}: save it with commas." if other else ""
        raise InvalidInput(
            f"{path.name} has no column {' and none '.join(missing)}; its columns are: {found}.{separator}"
        )
    if twice := [name for name, times in Counter(header).items() if times > 1 and name in required]:
        raise InvalidInput(f"{path.name} has the column {twice[0]} twice: remove one.")


def json_lines(path: Path, reading: Reading) -> Iterator[tuple[Place, dict[str, Any]] | BadRow]:
    """The objects of a file with one JSON object a line; empty lines are left out.

    Raises:
        InvalidInput: the file has no rows, or is wrongly encoded.
    """
    number = 0
    for line, text in lines_of(path, encoding=reading.encoding, lenient=reading.lenient):
        if not text.strip():
            continue
        number += 1
        place = Place(path.name, number, line)
        try:
            row = json.loads(text)
        except json.JSONDecodeError as exc:
            yield BadRow(place, "", f"is not JSON: {exc.msg} at character {exc.pos + 1}.")
            continue
        except (ValueError, RecursionError) as exc:  # a number of too many digits, nested too deeply
            yield BadRow(place, "", f"is no row: {exc}.")
            continue
        if not isinstance(row, dict):
            yield BadRow(place, "", "is no JSON object: write {...} in each line.")
            continue
        yield place, row
    nothing_in(path, number)


def json_texts(path: Path, reading: Reading) -> Iterator[tuple[str, str | None]]:
    """The members of one JSON object, one after the other, a key that repeats each time; None for a value that is no text.

    Raises:
        InvalidInput: the file is something else, or is wrongly encoded.
    """
    source = _Source(path, reading)
    if source.next_sign() != "{":
        raise InvalidInput(f'{path.name} is no JSON object: write {{"key": "text", ...}}.')
    sign = source.next_sign()
    while sign != "}":
        key = source.text(sign)
        if source.next_sign() != ":":
            raise source.broken("a colon is missing after a key")
        sign = source.next_sign()
        if sign == '"':
            yield key, source.text(sign)
        else:
            source.pass_over(sign)
            yield key, None
        sign = source.next_sign()
        if sign == ",":
            sign = source.next_sign()
        elif sign != "}":
            raise source.broken("a comma is missing between two members")
    if source.next_sign():
        raise source.broken("something follows the object")


_DECODER = json.JSONDecoder()
_CLOSED_BY = {"[": "]", "{": "}"}
_WORD = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")


class _Source:
    """Characters of a JSON file, read line by line as they are wanted: no text of JSON goes over the end of a line."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self._path = path
        self._lines = lines_of(path, encoding=reading.encoding, lenient=reading.lenient)
        self._line = 0
        self._held = ""
        self._at = 0

    def broken(self, why: str) -> InvalidInput:
        return InvalidInput(f"{self._path.name} is not JSON: {why}, in line {self._line}.")

    def next_sign(self) -> str:
        """The next character that is no blank; empty at the end of the file."""
        while True:
            while self._at < len(self._held):
                sign = self._held[self._at]
                self._at += 1
                if sign not in " \t\r\n":
                    return sign
            if not self._more():
                return ""

    def text(self, sign: str) -> str:
        """The text that begins after the quotation mark `sign`."""
        if sign != '"':
            raise self.broken("keys must be texts in quotation marks")
        try:
            found, self._at = _DECODER.raw_decode(self._held, self._at - 1)
        except json.JSONDecodeError as exc:
            raise self.broken(exc.msg[:1].lower() + exc.msg[1:]) from exc
        return str(found)

    def pass_over(self, sign: str) -> None:
        """Go past the value that begins with `sign` and is no text: a number or a word, or lists and objects in each other."""
        open_: list[str] = []
        while True:
            if sign == '"':
                self.text(sign)
            elif sign in _CLOSED_BY:
                open_.append(_CLOSED_BY[sign])
            elif open_ and sign == open_[-1]:
                open_.pop()
            elif word := _WORD.match(self._held, self._at - 1):
                self._at = word.end()
            elif not (open_ and sign in (",", ":")):  # also at the end of the file
                raise self.broken("a value is missing or cut off")
            if not open_:
                return
            sign = self.next_sign()

    def _more(self) -> bool:
        self._line, self._held = next(self._lines, (self._line, ""))
        self._at = 0
        return bool(self._held)
