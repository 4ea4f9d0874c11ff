"""Rows of CSV, JSON Lines and JSON files, one after the other; a row that cannot be read is a bad row, not the end."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.importing.cells import filled
from conflictscope.scenarios.importing.records import BadRow, Place, Reading, nothing_in
from conflictscope.scenarios.text_files import lines_of, printable


def csv_header(path: Path, *, encoding: str = "") -> list[str]:
    """The names of the columns. Nothing is said of the rows: they may be wrongly encoded.

    Raises:
        InvalidInput: the file is empty, or no CSV.
    """
    reader = csv.reader((line for _, line in lines_of(path, encoding=encoding, lenient=True)), strict=True)
    try:
        header = [printable(name.strip()) for name in next(reader, [])]
    except csv.Error as exc:
        raise InvalidInput(f"{path.name}, line {reader.line_num}, is not CSV: {exc}.") from exc
    if not any(header):
        raise InvalidInput(f"{path.name} is empty.")
    return header


def csv_rows(
    path: Path, reading: Reading, *, required: Collection[str], needed: Collection[str] = (), strip: bool = True
) -> Iterator[tuple[Place, dict[str, str]] | BadRow]:
    """Rows as column name to text, stripped of blanks around it unless `strip` is off.

    Args:
        required: columns that must be there. needed: those of them that may not be empty, or nan, in any row.

    Raises:
        InvalidInput: the file is empty, lacks a column, or is wrongly encoded.
    """
    lines = lines_of(path, encoding=reading.encoding, lenient=reading.lenient)
    reader = csv.reader((line for _, line in lines), strict=True)
    try:
        header = [printable(name.strip()) for name in next(reader, [])]
    except csv.Error as exc:
        raise InvalidInput(f"{path.name}, line {reader.line_num}, is not CSV: {exc}.") from exc
    _check_header(header, required, path=path)
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as exc:  # the reader goes on with the next line
            number += 1
            yield BadRow(Place(path.name, number, reader.line_num), "", f"is not CSV: {exc}.")
            continue
        if not cells:  # an empty line
            continue
        number += 1
        place = Place(path.name, number, reader.line_num)
        if len(cells) != len(header):
            yield BadRow(
                place,
                "",
                f"has {len(cells)} cells where the header has {len(header)}; look for a missing or extra comma or quotation "
                "mark.",
            )
            continue
        row = {name: cell.strip() if strip else cell for name, cell in zip(header, cells, strict=True)}
        if empty := [name for name in needed if not filled(row[name])]:
            yield BadRow(place, empty[0], "the cell is empty; every row needs one.")
            continue
        yield place, row
    if number == 0:
        raise InvalidInput(f"{path.name} has a header and no rows.")


def _check_header(header: list[str], required: Collection[str], *, path: Path) -> None:
    if not any(header):
        raise InvalidInput(f"{path.name} is empty.")
    if missing := [name for name in required if name not in header]:
        found = ", ".join(header)[:200]
        other = next((sign for sign in (";", "\t", "|") if len(header) == 1 and sign in header[0]), "")
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


def json_texts(path: Path, reading: Reading) -> Iterator[tuple[str, str]]:
    """The members of one JSON object whose values are all texts, one after the other, a key that repeats each time.

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
        yield key, source.text(source.next_sign())
        sign = source.next_sign()
        if sign == ",":
            sign = source.next_sign()
        elif sign != "}":
            raise source.broken("a comma is missing between two members")
    if source.next_sign():
        raise source.broken("something follows the object")


_DECODER = json.JSONDecoder()


class _Source:
    """Characters of a JSON file, read line by line as they are wanted: no text of JSON goes over the end of a line."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self._path = path
        self._lines = lines_of(path, encoding=reading.encoding)
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
            raise self.broken("keys and values must be texts in quotation marks")
        try:
            found, self._at = _DECODER.raw_decode(self._held, self._at - 1)
        except json.JSONDecodeError as exc:
            raise self.broken(exc.msg[:1].lower() + exc.msg[1:]) from exc
        return str(found)

    def _more(self) -> bool:
        self._line, self._held = next(self._lines, (self._line, ""))
        self._at = 0
        return bool(self._held)
