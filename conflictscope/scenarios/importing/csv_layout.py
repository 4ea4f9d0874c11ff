"""Where the table of a CSV file begins, and what separates its cells: a title, a comment, Excel's `sep=` or nothing at all may
stand before the header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from conflictscope.files.texts import LINE_LIMIT, lines_of
from conflictscope.scenarios.importing.mapping import guessed

csv.field_size_limit(LINE_LIMIT)  # of the whole process; 131,072 otherwise, and a text may be longer

_SEPARATORS = (",", ";", "\t", "|")  # a spreadsheet writes what its country is used to
_LOOKED_AT = 20  # rows by which they are told apart
_BEFORE_THE_HEADER = 10  # lines in which a header is looked for, empty ones not counted
_SAMPLE_LINES = 250
_SAMPLE = 1024 * 1024  # characters
_SEPARATOR_SAID = re.compile(r'"?sep=(.)"?[\r\n,;\t ]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Attributes:
        separator: between cells.
        header_line: the line of the header, from 1.
        passed_over: what stands before it, empty lines and `sep=` excepted.
    """

    separator: str
    header_line: int = 1
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Start:
    """The table, if it began at a line: cells of its header, those that are filled and that tell what they mean, and how many of
    the next rows have as many cells."""

    line: int
    separator: str
    cells: int
    filled: int
    known: int
    fitting: int
    rows: int

    @property
    def a_table(self) -> bool:
        return self.cells > 1 and self.filled > 1 and self.fitting > 0 and 2 * self.fitting >= self.rows


def layout_of(path: Path, *, encoding: str = "") -> Layout:
    """Where the header of the file stands, by its first lines together: never by the first one alone.

    The first line that is not empty is the header, unless it has one cell or begins like a comment, or fits none of the rows below
    it, and a line after it heads a table. So a file that has a header alone, or nothing that fits, is read from its first line.
    """
    some = list(_first_lines(path, encoding=encoding))
    declared_separator = ""
    starts: list[_Start] = []
    for place, (number, text) in enumerate(some):
        if not text.strip():
            continue
        if not starts and not declared_separator and (match := _SEPARATOR_SAID.fullmatch(text.strip("\ufeff"))):
            declared_separator = match[1]
            continue
        starts.append(_start(number, [line for _, line in some[place:]], separators=declared_separator or _SEPARATORS))
        if len(starts) == _BEFORE_THE_HEADER:
            break
    if not starts:
        return Layout(declared_separator or _SEPARATORS[0])
    header = _header(starts, dict(some))
    before = tuple(text.strip() for number, text in some if number < header.line and text.strip())
    return Layout(header.separator, header.line, tuple(text for text in before if not _SEPARATOR_SAID.fullmatch(text)))


def _first_lines(path: Path, *, encoding: str) -> Iterator[tuple[int, str]]:
    length = 0
    for number, text in islice(lines_of(path, encoding=encoding, lenient=True), _SAMPLE_LINES):
        yield number, text
        length += len(text)
        if length > _SAMPLE:
            return


def _header(starts: Sequence[_Start], texts: dict[int, str]) -> _Start:
    first, *later = starts
    comment = texts[first.line].lstrip().startswith(("#", "//"))
    if first.known and not comment:
        return first
    if comment and first.a_table and first.known and not any(each.known >= first.known for each in later):
        return first  # a header whose first name begins with the sign
    if first.filled <= 1 or comment:
        # a line with some other sign between words may be a header that does not fit its rows
        a_title = comment or first.cells > 1 or not any(sign in texts[first.line] for sign in _SEPARATORS)
        return next((each for each in later if each.a_table and (a_title or each.known)), first)
    if not first.fitting:
        return next((each for each in later if each.a_table and each.known > 1), first)
    return first


def _start(number: int, lines: Sequence[str], *, separators: Sequence[str]) -> _Start:
    """The table from the first of the lines on, by the separator that fits it best: a comma where nothing speaks for another."""
    return max((_by(separator, number, lines) for separator in separators), key=_fit)


def _fit(start: _Start) -> tuple[bool, int, int]:
    return start.cells > 1, start.fitting, start.cells


def _by(separator: str, number: int, lines: Sequence[str]) -> _Start:
    try:
        header, *rows = islice(csv.reader(lines, delimiter=separator), 1 + _LOOKED_AT)
    except (csv.Error, ValueError, TypeError):  # no CSV, nothing there, or no separator
        return _Start(number, separator, 0, 0, 0, 0, 0)
    rows = [row for row in rows if row]
    names = [name.strip() for name in header]
    return _Start(
        number,
        separator,
        cells=len(header),
        filled=sum(map(bool, names)),
        known=len(guessed(names)),
        fitting=sum(len(row) == len(header) for row in rows),
        rows=len(rows),
    )
