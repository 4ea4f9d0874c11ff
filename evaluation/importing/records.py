"""What a format makes of a file of evaluations: a record for each trial, or a bad row that says where it stands and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowPlace, RowProblem
from evaluation.models import Run

# Of the file's own two actions, whatever order the dataset has them in; none: nothing that could be read as a choice;
# failed: the target did not answer.
Choice = Literal["first", "second", "both", "neither", "none", "failed"]

MIDDLE = 4  # of a rating from 1 to 7
REACH = 3  # from the middle to either end


@dataclass(frozen=True, slots=True)
class ImportedTrial:
    """One answer of one target to one scenario.

    Attributes:
        value_1, value_2: the values of the file's first and second action, as it names them; empty: the dataset's own order.
        options: the texts that were shown as A and B, where the file tells them. They say which of the dataset's actions was first.
        sample: from 0; None: counted in the order of the file.
        strength: 1 = wholly the first action ... 7 = wholly the second. rating_1, rating_2: of each action, 1 to 7.
        user, judge: of a conversation, as the file calls them.
    """

    place: RowPlace
    scenario: str
    target: str
    mode: str
    choice: Choice
    value_1: str = ""
    value_2: str = ""
    options: tuple[str, str] | None = None
    sample: int | None = None
    strength: int | None = None
    rating_1: int | None = None
    rating_2: int | None = None
    transcript: tuple[Mapping[str, str], ...] = ()
    refused: bool = False
    user: str = ""
    judge: str = ""
    reason: str = ""

    @property
    def talks(self) -> bool:
        return self.mode == Run.Mode.SIMULATED_USER


class Format(Protocol):
    """One kind of file. `name` is what commands call it, `label` what people read, `needs` what must be in it."""

    name: str
    label: str
    needs: str

    def read(self, path: Path, reading: ReadingOptions) -> Iterator[ImportedTrial | BadRow]:
        """The trials of the file in its own order.

        Raises:
            InvalidInput: the file as a whole is not of this format.
        """
        ...


def from_unit(cell: str, *, column: str) -> int | None:
    """A place from 1 to 7 that was written rescaled to -1 ... 1, as the paper's authors write it; None for an empty cell.

    Raises:
        RowProblem: it is no such place.
    """
    if not cell:
        return None
    try:
        place = MIDDLE + REACH * float(cell)
    except ValueError as exc:
        raise RowProblem(column, f"{cell[:40]!r} is no number from -1 to 1.") from exc
    whole = round(place) if abs(place) < 100 else 0
    if not 1 <= whole <= 7 or abs(place - whole) > 0.01:
        raise RowProblem(column, f"{cell[:40]!r} is none of the seven places -1, -2/3, -1/3, 0, 1/3, 2/3, 1.")
    return whole


def from_scale(cell: str, *, column: str) -> int | None:
    """A whole number from 1 to 7; None for an empty cell.

    Raises:
        RowProblem: it is none.
    """
    if not cell:
        return None
    if cell.removesuffix(".0") not in "1234567" or len(cell.removesuffix(".0")) != 1:
        raise RowProblem(column, f"{cell[:40]!r} is no whole number from 1 to 7.")
    return int(cell.removesuffix(".0"))
