"""Rows of a CSV file, one after the other, each checked against the columns that a format needs."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.text_files import lines_of, storable


def rows_of(
    path: Path, *, required: Collection[str], filled: Collection[str], encoding: str = ""
) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered rows (1 = the first after the header) as column name to text, stripped of blanks around it.

    Args:
        required: columns that must be there. filled: those of them that may not be empty in any row.

    Raises:
        InvalidInput: the file is empty, lacks a column, has a malformed row or an empty cell, or is wrongly encoded.
    """
    reader = csv.reader((line for _, line in lines_of(path, encoding=encoding)), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, required, path=path)
        number = 0
        for cells in reader:
            if not cells:  # an empty line
                continue
            number += 1
            place = f"{path.name}, row {number} (line {reader.line_num})"
            if len(cells) != len(header):
                raise InvalidInput(
                    f"{place} has {len(cells)} cells where the header has {len(header)}: look for a missing or extra comma "
                    "or quotation mark."
                )
            row = {
                name: storable(cell.strip(), where=f"{place}, {name}") for name, cell in zip(header, cells, strict=True)
            }
            if empty := [name for name in filled if not row[name]]:
                raise InvalidInput(f"{place}: the cell {empty[0]} is empty; every row needs one.")
            yield number, row
    except csv.Error as exc:
        raise InvalidInput(f"{path.name}, line {reader.line_num}, is not CSV: {exc}.") from exc
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
