"""What a report consists of: plain data, so that it can be kept."""

from __future__ import annotations

from dataclasses import dataclass

from conflictscope.charts import Chart, MatrixCell, matrix_plot
from conflictscope.tables import ResultTable


@dataclass(frozen=True, slots=True)
class Figure:
    """Targets by values, drawn when it is looked at."""

    key: str
    title: str
    description: str
    cells: tuple[MatrixCell, ...]
    value_title: str
    limit: float
    footnote: str

    def chart(self) -> Chart:
        return matrix_plot(
            self.cells,
            title=self.title,
            description=self.description,
            row_title="Target",
            column_title="Value",
            value_title=self.value_title,
            limit=self.limit,
            footnote=self.footnote,
        )


@dataclass(frozen=True, slots=True)
class Section:
    """`sentences` are whole ones; `links` lead to the pages that say more, as label and address."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[ResultTable, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """`methods` is the paragraph for a paper; `people` says whether people decided any conversation."""

    sections: tuple[Section, ...]
    methods: str
    people: bool
    simulated: bool

    def table(self, name: str) -> ResultTable | None:
        return next((table for section in self.sections for table in section.tables if table.name == name), None)

    def figure(self, key: str) -> Figure | None:
        return next((figure for section in self.sections for figure in section.figures if figure.key == key), None)
