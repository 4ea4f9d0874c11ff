"""What an import did, or would do: counts, bad rows, and the first scenarios as they would become."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from conflictscope.files.csv_cells import escape
from conflictscope.files.encodings import LineRead, readings_in_words
from conflictscope.files.texts import NAME_IT, printable
from conflictscope.scenarios.importing.records import BadRow, RowPlace
from conflictscope.scenarios.models import Dataset

REMEMBERED = 5_000  # bad rows; all are counted
SAMPLES = 5
PASSED_OVER = 5  # lines that are quoted
BAD_ROW_COLUMNS = ("file", "row", "line", "column", "why")


@dataclass(frozen=True, slots=True)
class SampleScenario:
    """One of the first scenarios, as it is stored: label and text of each field that has one."""

    uid: str
    fields: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class ImportReport:
    """
    Attributes:
        dataset: None before the dataset exists.
        read: rows gone through. added, completed, known: what became of the good ones. repeated: rows that say again what
            stood before them. bad: rows left out, the first of them in `bad_rows`.
        alike: added scenarios whose two actions read the same.
        notes: oddities imported as they are, with how often.
        formats: of each file. mapping: column to field, where columns were mapped.
        passed_over: what stands in files of CSV before their headers.
        readings: how a line that is not UTF-8 may read, where rows are left out for such a line.
        digest: of the dataset afterwards; as_exported: whether it is the one its export tells, None where none is told.
    """

    dataset: Dataset | None = None
    read: int = 0
    added: int = 0
    completed: int = 0
    known: int = 0
    repeated: int = 0
    bad: int = 0
    alike: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    samples: list[SampleScenario] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    readings: list[LineRead] = field(default_factory=list)
    digest: str = ""
    as_exported: bool | None = None

    def remember_bad(self, row: BadRow) -> None:
        self.bad += 1
        if len(self.bad_rows) < REMEMBERED:
            self.bad_rows.append(row)

    @property
    def good(self) -> int:
        return self.added + self.completed + self.known

    @property
    def noted(self) -> list[tuple[str, int]]:
        """The notes as pairs: a template would take `notes.items` for a note of that name."""
        return list(self.notes.items())

    def sentences(self) -> list[str]:
        """What happened, in words and numbers; the first sentence always has the same three numbers."""
        sentences = [f"{self.added} scenarios added, {self.known} were there already and are the same."]
        if self.completed:
            sentences.append(f"{self.completed} that were there were completed.")
        if self.repeated:
            sentences.append(f"{self.repeated} rows say the same as one before them and were taken once.")
        if self.alike:
            sentences.append(f"In {self.alike} of them the two actions read the same: no answer can tell them apart.")
        sentences += [f"{times} × {note}." for note, times in self.notes.items()]
        if self.passed_over:
            lines = "; ".join(f"“{printable(text[:80])}”" for text in self.passed_over[:PASSED_OVER])
            sentences.append(f"What stands before the header was passed over: {lines}.")
        if self.bad:
            sentences.append(f"{self.bad} of {self.read} rows were left out.")
        if self.readings:
            sentences.append(
                f"The first line that is not UTF-8 may read {readings_in_words(self.readings)}; {NAME_IT}."
            )
        return sentences

    def as_json(self) -> dict[str, Any]:
        """For the row that keeps the report of an import by page."""
        return {
            "read": self.read,
            "added": self.added,
            "bad": self.bad,
            "sentences": self.sentences(),
            "bad_rows": [bad_row_cells(row) for row in self.bad_rows],
        }

    def dumped(self) -> dict[str, Any]:
        """All of it but the dataset, as JSON that `loaded` reads: a look is kept between two pages."""
        numbers = ("read", "added", "completed", "known", "repeated", "bad", "alike")
        return {
            **{name: getattr(self, name) for name in numbers},
            "bad_rows": [bad_row_cells(row) for row in self.bad_rows],
            "notes": dict(self.notes),
            "samples": [[sample.uid, list(sample.fields)] for sample in self.samples],
            "formats": self.formats,
            "mapping": self.mapping,
            "passed_over": self.passed_over,
            "readings": [[list(each.encodings), each.text] for each in self.readings],
        }

    @classmethod
    def loaded(cls, dumped: Mapping[str, Any]) -> ImportReport:
        own = {
            "bad_rows": [
                BadRow(RowPlace(file, row, line or 0), column, why)
                for file, row, line, column, why in dumped["bad_rows"]
            ],
            "notes": Counter(dumped["notes"]),
            "samples": [
                SampleScenario(uid, tuple((label, text) for label, text in fields)) for uid, fields in dumped["samples"]
            ],
            "readings": [LineRead(tuple(encodings), text) for encodings, text in dumped["readings"]],
        }
        return cls(**{**dumped, **own})


def bad_row_cells(row: BadRow) -> list[str | int]:
    return [row.place.file, row.place.row, row.place.line or "", row.column, row.why]


def as_csv(rows: Iterable[Iterable[str | int]]) -> Iterator[str]:
    """The report of bad rows, for a spreadsheet."""
    for cells in (BAD_ROW_COLUMNS, *rows):
        line = StringIO()
        csv.writer(line).writerow([escape(cell) if isinstance(cell, str) else cell for cell in cells])
        yield line.getvalue()
