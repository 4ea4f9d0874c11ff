"""What a format makes of a file: one record for each scenario, checked, with its place for errors to name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImportedScenario:
    """A scenario with two actions and no value pair. `place` is where it stands, such as "a.csv, row 7"."""

    uid: str
    description: str
    action_1: str
    action_2: str
    domain: str
    place: str

    def texts(self) -> dict[str, str]:
        """The columns by which an imported scenario is known again."""
        return {
            "description": self.description,
            "action_1": self.action_1,
            "action_2": self.action_2,
            "domain": self.domain,
        }


class Format(Protocol):
    """One kind of file. `name` is what commands call it, `label` what people read."""

    name: str
    label: str

    def read(self, path: Path, *, encoding: str = "") -> Iterator[ImportedScenario]:
        """The scenarios of the file, one after the other: it may be larger than memory.

        Raises:
            InvalidInput: the file is not of this format; the sentence names the row.
        """
        ...
