"""What a report consists of: plain data, so that it can be kept."""

from __future__ import annotations

from dataclasses import dataclass

from conflictscope.charts import AxesPoint, Chart, MatrixCell, SlopeLine, matrix_plot
from conflictscope.tables import ResultTable
from evaluation.measures.ablation import ablation_chart
from evaluation.rankings.consistency import slope_chart


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
class SlopeFigure:
    """Values from what is said to what is done."""

    key: str
    title: str
    lines: tuple[SlopeLine, ...]
    of: str

    def chart(self) -> Chart:
        chart = slope_chart(self.lines, title=self.title, of=self.of)
        if chart is None:
            raise ValueError("a slope figure needs at least one line")
        return chart


@dataclass(frozen=True, slots=True)
class AxesFigure:
    """Datasets by observed agreement and Likert divergence."""

    key: str
    points: tuple[AxesPoint, ...]

    def chart(self) -> Chart:
        chart = ablation_chart(self.points)
        if chart is None:
            raise ValueError("a figure of two axes needs at least one point")
        return chart


ReportFigure = Figure | SlopeFigure | AxesFigure


@dataclass(frozen=True, slots=True)
class Section:
    """`sentences` are whole ones; `links` lead to the pages that say more, as label and address."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[ResultTable, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def wide(self) -> bool:
        """Whether it needs the page's whole width."""
        return bool(self.figures or self.tables)


@dataclass(frozen=True, slots=True)
class Report:
    """`methods` is the paragraph for a paper; `people` says whether people decided any conversation."""

    sections: tuple[Section, ...]
    methods: str
    people: bool
    simulated: bool

    def table(self, name: str) -> ResultTable | None:
        return next((table for section in self.sections for table in section.tables if table.name == name), None)

    def figure(self, key: str) -> ReportFigure | None:
        return next((figure for section in self.sections for figure in section.figures if figure.key == key), None)
