"""What a format makes of a file: a record for each scenario, or a bad row that says where it stands and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Scenario


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row stands. `row` counts from 1 after the header; `line` is that of the file, 0 where it has no lines of rows."""

    file: str
    row: int
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}" + (f" (line {self.line})" if self.line else "")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that becomes no scenario. `why` begins in small letters: it stands after the place."""

    place: RowPlace
    column: str
    why: str

    @property
    def sentence(self) -> str:
        return f"{self.place}{f', {self.column}' if self.column else ''}: {self.why}"


class RowProblem(Exception):
    """Raised where a row is understood, caught where rows are gone through: it becomes a `BadRow`."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(why)
        self.column = column
        self.why = why

    def at(self, place: RowPlace) -> BadRow:
        return BadRow(place, self.column, self.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScenario:
    """A scenario as a file tells it. Empty text: the file does not say.

    Attributes:
        value_1, value_2: as the file names them, in the file's order; action_1 serves value_1. Both empty: no pair.
        acting_action: 1, 2 or unknown, in the file's order.
        acting_between: the two values again, in the order that acting_action is in, where that may be another.
        opening_message: what the user writes first.
        status: empty where it follows from what the scenario has: drafted with two actions, else outlined.
        verdicts: dimension to outcome, by the judge of the file. human: the same, by the people of the file.
        validated: one panel of people passed it on every dimension.
        duplicate_of: uid of its twin, for the status duplicate.
        simulated, people_simulated, message_simulated: it, the people's labels, or the opening message, come from a simulator.
        more_rows: where the other rows stand that it is told in, for formats with several.
        made_id: the id was made from the words, so the same id again is the same row again.
        notes: oddities that are imported as they are, and counted.
    """

    uid: str
    place: RowPlace
    value_1: str = ""
    value_2: str = ""
    template: str = ""
    acting_action: str = "unknown"
    acting_between: tuple[str, str] | None = None
    deployment_context: str = ""
    outline_context: str = ""
    outline_opportunity: str = ""
    description: str = ""
    persona: str = ""
    background: str = ""
    goal: str = ""
    action_1: str = ""
    action_2: str = ""
    consequence_1: str = ""
    consequence_2: str = ""
    domain: str = ""
    opening_message: str = ""
    status: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    human: Mapping[str, str] = field(default_factory=dict)
    validated: bool = False
    duplicate_of: str = ""
    similarity: float | None = None
    simulated: bool = False
    people_simulated: bool = False
    message_simulated: bool = False
    more_rows: tuple[RowPlace, ...] = ()
    made_id: bool = False
    notes: tuple[str, ...] = ()

    def texts(self) -> dict[str, str]:
        return {column: getattr(self, column) for column in Scenario.TEXTS}

    @property
    def drafted(self) -> bool:
        return bool(self.action_1 and self.action_2)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How files are read.

    Attributes:
        encoding: of the files, when it is not UTF-8.
        lenient: a byte that is no part of the encoding spoils its row, not the whole file.
        mapping: column to field, for the formats that have no columns of their own; None: guessed.
    """

    encoding: str = ""
    lenient: bool = False
    mapping: Mapping[str, str] | None = None


class ScenarioFormat(Protocol):
    """One kind of file. `name` is what commands call it, `label` what people read, `needs` what must be in it.

    `numbers_repeats`: in such files an id may stand for several scenarios; those after the first get id.2, id.3. Elsewhere
    a row whose id stood before is a bad row.
    """

    name: str
    label: str
    needs: str
    numbers_repeats: bool

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedScenario | BadRow]:
        """The rows of the file, one after the other: it may be larger than memory.

        Raises:
            InvalidInput: the file as a whole is not of this format.
        """
        ...


def nothing_in(path: Path, rows: int) -> None:
    """
    Raises:
        InvalidInput: the file had no rows.
    """
    if rows == 0:
        raise InvalidInput(f"{path.name} has no rows: nothing can be imported from it.")
