"""A dataset that this product exported: the table of scenarios, as JSON Lines or CSV, in its folder, its zip or alone."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from conflictscope.errors import InvalidInput
from conflictscope.files.csv_cells import unescape
from conflictscope.files.kinds import NO_ZIP, ZIP
from conflictscope.files.texts import SMALL_FILE, UNPACKED_LIMIT, read_text, too_much_in
from conflictscope.scenarios.importing.cells import truth_in
from conflictscope.scenarios.importing.csv_rows import csv_rows
from conflictscope.scenarios.importing.json_rows import glance, json_lines, some_rows
from conflictscope.scenarios.importing.records import (
    BadRow,
    ImportedScenario,
    ReadingOptions,
    RowPlace,
    RowProblem,
)
from conflictscope.scenarios.models import Dimension, Scenario, Verdict
from conflictscope.values.parsing import ValueSetText, parse_value_set

TABLES = ("scenarios.jsonl", "scenarios.csv")
CARD = "dataset.json"
CARD_FORMAT = "conflictscope-dataset"
_BLOCK = 1024 * 1024
_COLUMNS = ("uid", "status", "value_1", "value_2", "template", "acting_action", *Scenario.TEXTS, "duplicate_of")


class Exported:
    """What `export_dataset` and the page of exports write. Verdicts of its primary judge and of its people come along, as
    those of an imported judge and an imported panel; the folder and the zip bring their value set."""

    name = "conflictscope"
    label = "ConflictScope export"
    needs = "its zip, its folder, or scenarios.jsonl or scenarios.csv alone with the value set"
    numbers_repeats = False

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        is_json = (
            some_rows(path, encoding=reading.encoding) is not None
            or glance(path, encoding=reading.encoding).first == "{"
        )
        rows = _json(path, reading) if is_json else _csv(path, reading)
        for row_or_bad in rows:
            if isinstance(row_or_bad, BadRow):
                yield row_or_bad
                continue
            place, row = row_or_bad
            try:
                yield _scenario(place, row)
            except RowProblem as exc:
                yield exc.at(place)


@dataclass(frozen=True, slots=True)
class Opened:
    """The table of an export, and what its card says: the value set, and the dataset's digest (empty: not told)."""

    table: Path
    value_set: ValueSetText | None = None
    digest: str = ""


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A folder, a zip or a file of scenarios, as the table to read. A zip is unpacked for as long.

    Raises:
        InvalidInput: there is no table of scenarios in it, or its card cannot be read.
    """
    if path.is_dir():
        yield _folder(path)
    elif zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="conflictscope-import-") as folder:
            yield _folder(_unpacked(path, Path(folder)), called=path.name)
    else:
        yield Opened(path)


def is_export(path: Path) -> bool:
    """Whether it is a folder or a zip that holds a table of scenarios; also a damaged zip, of which `opened` says so."""
    if path.is_dir():
        return any((path / table).is_file() for table in TABLES)
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(PurePosixPath(name).name in TABLES for name in archive.namelist())
    except NO_ZIP:  # a text may end like a zip by chance, and begins like none
        with path.open("rb") as file:
            return file.read(len(ZIP)) == ZIP


def _unpacked(path: Path, folder: Path) -> Path:
    """
    Raises:
        InvalidInput: it is damaged, locked, or holds far more than an export does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = PurePosixPath(info.filename).name
                if name in (*TABLES, CARD) and not (folder / name).exists():
                    with archive.open(info) as packed, (folder / name).open("wb") as file:
                        _copy(packed, file, limit=SMALL_FILE if name == CARD else UNPACKED_LIMIT, name=name)
    except NO_ZIP as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc  # an OSError of the disk tells where the file lies
        raise InvalidInput(f"{path.name} is no zip that can be unpacked: {why or 'it is damaged'}.") from exc
    return folder


def _copy(packed: IO[bytes], file: IO[bytes], *, limit: int, name: str) -> None:
    """Unpack a member, as far as the limit: what its entry says of its size need not be so."""
    left = limit
    while block := packed.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise too_much_in(name, limit)
        file.write(block)


def _folder(folder: Path, *, called: str = "") -> Opened:
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if table is None:
        raise InvalidInput(f"{called or folder} holds no {' and no '.join(TABLES)}: is it an export of a dataset?")
    card_file = folder / CARD
    if not card_file.is_file():
        return Opened(table)
    card = _card(card_file)
    value_set, dataset = card.get("value_set"), card.get("dataset")
    return Opened(
        table,
        value_set=_value_set(value_set) if isinstance(value_set, dict) else None,
        digest=str(dataset.get("digest") or "") if isinstance(dataset, dict) and not card.get("only_validated") else "",
    )


def _card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(read_text(path))
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(f"{path.name} is not JSON: {exc}.") from exc
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        raise InvalidInput(f"{path.name} is no card of a ConflictScope export.")
    return card


def _value_set(said: Mapping[str, Any]) -> ValueSetText:
    text = json.dumps({key: value for key, value in said.items() if key not in ("version", "digest")})
    return parse_value_set(text, source=CARD)


def _csv(path: Path, reading: ReadingOptions) -> Iterator[tuple[RowPlace, dict[str, Any]] | BadRow]:
    for row_or_bad in csv_rows(path, reading, required=_COLUMNS, needed=("uid", "status"), as_written=True):
        yield (
            row_or_bad
            if isinstance(row_or_bad, BadRow)
            else (row_or_bad[0], {name: unescape(cell) for name, cell in row_or_bad[1].items()})
        )


def _json(path: Path, reading: ReadingOptions) -> Iterator[tuple[RowPlace, dict[str, Any]] | BadRow]:
    for row_or_bad in json_lines(path, reading):
        if isinstance(row_or_bad, BadRow):
            yield row_or_bad
            continue
        place, row = row_or_bad
        missing = [name for name in _COLUMNS if name not in row]
        if missing:
            yield BadRow(place, missing[0], "is missing: this is no row of an export's table of scenarios.")
        else:
            yield place, row


def _scenario(place: RowPlace, row: Mapping[str, Any]) -> ImportedScenario:
    simulated = bool(truth_in(row.get("simulated"), column="simulated"))
    # Exports of before say nothing of the message: that of a simulated scenario may be a simulator's, too.
    by_simulator = truth_in(row.get("opening_message_simulated"), column="opening_message_simulated")
    texts = {column: _text(row, column) for column in (*_COLUMNS, "opening_message")}
    return ImportedScenario(
        place=place,
        **texts,  # type: ignore[arg-type]  # the fields of texts alone
        similarity=_number(row, "similarity"),
        verdicts=_outcomes(row, "judge", tuple(Verdict.Outcome.values)),
        human=_outcomes(row, "human", (Verdict.Outcome.PASS, Verdict.Outcome.FAIL)),
        validated=bool(truth_in(row.get("human_validated"), column="human_validated")),
        simulated=simulated,
        people_simulated=bool(truth_in(row.get("human_labels_simulated"), column="human_labels_simulated")),
        message_simulated=simulated if by_simulator is None else by_simulator,
    )


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowProblem(column, "holds something that is no text.")
    return value


def _number(row: Mapping[str, Any], column: str) -> float | None:
    value = row.get(column)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise RowProblem(column, f"{str(value)[:40]!r} is no number.") from exc
    if not -1.001 <= number <= 1.001:  # nan is not, either
        raise RowProblem(column, f"{str(value)[:40]!r} is no cosine.")
    return number


def _outcomes(row: Mapping[str, Any], who: str, known: tuple[str, ...]) -> dict[str, str]:
    outcomes = {}
    for dimension in Dimension:
        column = f"{who}_{dimension}"
        if outcome := _text(row, column):
            if outcome not in known:
                raise RowProblem(column, f"{outcome[:40]!r} is none of {', '.join(known)}.")
            outcomes[dimension.value] = outcome
    return outcomes
