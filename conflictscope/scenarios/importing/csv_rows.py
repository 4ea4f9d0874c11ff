"""Rows of CSV files, one after the other; a row that cannot be read is a bad row, not the end."""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator
from pathlib import Path

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import LINE_LIMIT, lines_of, printable
from conflictscope.scenarios.importing.cells import filled
from conflictscope.scenarios.importing.csv_layout import Layout, layout_of
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowPlace

_RULE = re.compile(r":?-{1,200}:?")
REREAD_LIMIT = 4 * LINE_LIMIT  # characters that are read a second time, because a quotation mark before them stays open


def csv_header(path: Path, *, encoding: str = "") -> list[str]:
    """The names of the columns. Nothing is said of the rows: they may be wrongly encoded.

    Raises:
        InvalidInput: the file is empty, or no CSV.
    """
    layout = layout_of(path, encoding=encoding)
    header = _CsvLines(path, lines_of(path, encoding=encoding, lenient=True), layout).header()
    if not any(header):
        raise InvalidInput(f"{path.name} is empty.")
    return header


class _CsvLines:
    """The lines of a CSV file from its header on, for a csv.reader, with those of the row at hand held, so that they can be read
    again."""

    def __init__(self, path: Path, lines: Iterator[tuple[int, str]], layout: Layout) -> None:
        self._path = path
        self._lines = (each for each in lines if each[0] >= layout.header_line)
        self.separator = layout.separator
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

    def header(self) -> list[str]:
        reader = csv.reader(self, strict=True, delimiter=self.separator)
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
    path: Path,
    reading: ReadingOptions,
    *,
    required: Collection[str],
    needed: Collection[str] = (),
    as_written: bool = False,
) -> Iterator[tuple[RowPlace, dict[str, str]] | BadRow]:
    """Rows as column name to text, by comma, semicolon, tab or bar, stripped of blanks around it. What stands before the header is
    passed over (`layout_of`).

    A row that is not CSV is left alone, and reading goes on with the line after its first: a quotation mark that stays open
    would take the rows after it along.

    Args:
        required: columns that must be there. needed: those of them that may not be empty, or nan, in any row.
        as_written: leave blanks around cells, and take nan for the word that it is.

    Raises:
        InvalidInput: the file is empty, lacks a column, or is wrongly encoded.
    """
    layout = layout_of(path, encoding=reading.encoding)
    lines = _CsvLines(path, lines_of(path, encoding=reading.encoding, lenient=reading.lenient), layout)
    header = lines.header()
    _check_header(header, required, path=path)
    reader = csv.reader(lines, strict=True, delimiter=layout.separator)
    number = 0
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as exc:
            number += 1
            yield BadRow(RowPlace(path.name, number, lines.first), "", _not_csv(exc, lines))
            lines.go_back()
            continue
        if not cells:  # an empty line
            continue
        if not number and layout.separator == "|" and _is_rule(cells):
            continue  # the line under the header of a table in Markdown
        number += 1
        place = RowPlace(path.name, number, lines.first)
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


def _is_rule(cells: list[str]) -> bool:
    filled_ones = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled_ones) and all(map(_RULE.fullmatch, filled_ones))


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
        columns = ", ".join(header)[:200]
        raise InvalidInput(f"{path.name} has no column {' and none '.join(missing)}; its columns are: {columns}.")
    if twice := [name for name, times in Counter(header).items() if times > 1 and name in required]:
        raise InvalidInput(f"{path.name} has the column {twice[0]} twice: remove one.")
