"""A dataset as self-describing files: into a folder, or as a zip that streams while it is made."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.exports.card import CARD, FORMAT, WrittenFile, card_of
from conflictscope.exports.formats import FORMATS
from conflictscope.exports.readme import README, readme_of
from conflictscope.exports.tables import TABLES, Row, Selection, Table
from conflictscope.files.csv_cells import for_excel
from conflictscope.scenarios.models import Dataset

OnRows = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class FinishedExport:
    folder: Path
    files: tuple[WrittenFile, ...]
    digest: str


class Export:
    """One export of a dataset. `entries` may be gone through once; `files` and `digest` are known after that. `excel`: CSV files begin
    with a byte order mark.

    Raises:
        InvalidInput: no format, or one that does not exist.
        Conflict: there is nothing to export.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        formats: Collection[str],
        only_validated: bool = False,
        excel: bool = False,
        on_rows: OnRows | None = None,
    ) -> None:
        unknown = set(formats) - set(FORMATS)
        if unknown or not formats:
            raise InvalidInput(f"Choose a format: {', '.join(FORMATS)}; not {', '.join(sorted(unknown)) or 'nothing'}.")
        self.selection = Selection(dataset, only_validated=only_validated)
        if not self.selection.scenarios.exists():
            raise Conflict(
                f"No scenario of {dataset.name!r} is human-validated yet: have people label it and settle it, or export all."
                if only_validated
                else f"{dataset.name!r} has no scenarios yet: generate or import some first."
            )
        self.formats = [name for name in FORMATS if name in formats]
        self.excel = excel
        self.files: list[WrittenFile] = []
        self.on_rows = on_rows

    @property
    def digest(self) -> str:
        """SHA-256 over names and checksums of the data files."""
        lines = sorted(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def entries(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """File names, each with its content in pieces. The content must be gone through before the next name is asked for.

        What the files hold is written last, so that an export that broke off has no card.
        """
        for table in TABLES:
            for name in self.formats:
                rows = table.rows(self.selection)
                first = next(rows, None)
                if first is not None:
                    yield f"{table.name}.{name}", self._file(table, name, chain([first], rows))
        card = card_of(self.selection, self.files, digest=self.digest)
        yield CARD, iter([(json.dumps(card, ensure_ascii=False, indent=2) + "\n").encode()])
        yield README, iter([readme_of(card).encode()])

    def _file(self, table: Table[Any], name: str, rows: Iterable[Row]) -> Iterator[bytes]:
        sha, size, number, simulated = hashlib.sha256(), 0, 0, 0
        label = table.simulated_position

        def counted() -> Iterator[Row]:
            nonlocal number, simulated
            for row in rows:
                number += 1
                simulated += row[label]
                yield row

        rows_reported = 0
        pieces = FORMATS[name](table, counted())
        for piece in for_excel(pieces) if self.excel and name == "csv" else pieces:
            sha.update(piece)
            size += len(piece)
            yield piece
            if self.on_rows and number > rows_reported:
                self.on_rows(number - rows_reported)
                rows_reported = number
        self.files.append(
            WrittenFile(
                f"{table.name}.{name}",
                table,
                name,
                rows=number,
                simulated_rows=simulated,
                bytes=size,
                sha256=sha.hexdigest(),
            )
        )


def export_dataset(
    dataset: Dataset,
    *,
    out: Path,
    formats: Collection[str] = tuple(FORMATS),
    only_validated: bool = False,
    excel: bool = False,
    on_rows: OnRows | None = None,
) -> FinishedExport:
    """Write the dataset's files into the folder `out`: whole, or not at all. An earlier export there is replaced.

    Args:
        excel: CSV files with a byte order mark. on_rows: called with the number of rows written since it was last called.

    Raises:
        InvalidInput: `out` is a file, a folder with something else in it, or cannot be written; no such format.
        Conflict: there is nothing to export.
    """
    if dataset.variant == Dataset.Variant.CHECK:
        raise InvalidInput(f"{dataset.name} holds attention checks, which are in no export.")
    export = Export(dataset, formats=formats, only_validated=only_validated, excel=excel, on_rows=on_rows)
    try:
        _check_replaceable(out)
        _write(export, out.resolve())
    except OSError as exc:
        raise InvalidInput(
            f"Cannot write to {out}: {exc.strerror or exc}. Name another folder for the export."
        ) from exc
    return FinishedExport(out, tuple(export.files), export.digest)


def _write(export: Export, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that the renames below stay on one file system.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        fresh, old = Path(scratch) / "fresh", Path(scratch) / "old"
        fresh.mkdir()
        for name, pieces in export.entries():
            with (fresh / name).open("wb") as file:
                file.writelines(pieces)
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise


def _check_replaceable(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise InvalidInput(f"{out} is a file: name a folder for the export.")
    if any(out.iterdir()) and not _is_export(out):
        raise InvalidInput(
            f"{out} holds something that is no export: name an empty folder, or one that is not there yet."
        )


def _is_export(folder: Path) -> bool:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        return False
    ours = {CARD, README, *(f"{table.name}.{name}" for table in TABLES for name in FORMATS)}
    return {path.name for path in folder.iterdir()} <= ours


class _Pipe(io.RawIOBase):
    """What is written to it can be taken out again, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


def zipped(export: Export, *, folder: str) -> Iterator[bytes]:
    """The export as a zip archive, made while it is sent: no temporary file, the same bytes for the same data."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, pieces in export.entries():
            info = zipfile.ZipInfo(f"{folder}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
                    yield pipe.take()
    yield pipe.take()
