"""What every table of an export is made of, and which scenarios it is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet

from annotation.models import Assignment, Participant
from conflictscope.scenarios.models import Dataset, Scenario

CHUNK = 500
Row = tuple[Any, ...]
RecordT = TypeVar("RecordT")


class ColumnKind(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    TEXTS = "texts"  # a list of text; JSON in CSV
    TURNS = "turns"  # a list of objects with role and text; JSON in CSV


@dataclass(frozen=True, slots=True)
class Column(Generic[RecordT]):
    """What a column is called, what it holds and means, and where in a record it comes from."""

    name: str
    kind: ColumnKind
    about: str
    value: Callable[[RecordT], Any]


class Selection:
    """Which scenarios of a dataset an export is about; every table holds the rows of these scenarios only."""

    def __init__(self, dataset: Dataset, *, only_validated: bool) -> None:
        self.dataset = dataset
        self.only_validated = only_validated

    @property
    def scenarios(self) -> QuerySet[Scenario]:
        scenarios = Scenario.objects.filter(dataset=self.dataset)
        return scenarios.human_validated() if self.only_validated else scenarios

    @cached_property
    def validated(self) -> frozenset[int]:
        """Ids of the scenarios that one panel of people passed on every dimension."""
        return frozenset(Scenario.objects.filter(dataset=self.dataset).human_validated().values_list("pk", flat=True))

    @cached_property
    def simulated_panels(self) -> frozenset[str]:
        """Panels in which a simulated annotator labelled, by the names that verdicts and judgements know them by."""
        simulated = Participant.objects.filter(
            campaign__dataset=self.dataset, simulated=True, assignments__state=Assignment.State.SUBMITTED
        )
        names = simulated.values_list("campaign__slug", "campaign__name").distinct()
        return frozenset(name for both in names for name in both)


@dataclass(frozen=True, slots=True)
class Table(Generic[RecordT]):
    """Columns, and the records that they are taken from, in a fixed order."""

    name: str
    about: str
    columns: tuple[Column[RecordT], ...]
    records: Callable[[Selection], Iterator[RecordT]]

    def rows(self, selection: Selection) -> Iterator[Row]:
        for record in self.records(selection):
            yield tuple(column.value(record) for column in self.columns)

    @property
    def simulated_position(self) -> int:
        """Where in a row it says whether it was simulated. Every table has that column."""
        return next(position for position, column in enumerate(self.columns) if column.name == SIMULATED)


def compact(value: Any) -> str:
    """JSON in a text column, where the keys differ from row to row: loaders want columns of one shape."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


SIMULATED = "simulated"


def uid(value: Callable[[RecordT], str | None]) -> Column[RecordT]:
    return Column("uid", ColumnKind.TEXT, "The scenario; its name in every table.", value)


def simulated(value: Callable[[RecordT], bool]) -> Column[RecordT]:
    about = "Made by a simulator or a simulated person, for tests and demonstrations only."
    return Column(SIMULATED, ColumnKind.BOOLEAN, about, value)
