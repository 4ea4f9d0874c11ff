"""Numbers in rows and columns as a shaded table: targets by values, targets by targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from conflictscope.charts.chart import WIDTHS, Cell, Chart, Size
from conflictscope.charts.heading import heading
from conflictscope.charts.lettering import widest, wrap
from conflictscope.charts.themes import SMALL

_ROW = 20
_LETTER = 9  # below this width of a cell its number is left to the table


@dataclass(frozen=True)
class MatrixCell:
    """One number; `value` None where it is undefined. `low`, `high`, `n` and `note` go to the table."""

    row: str
    column: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""


def matrix_plot(
    cells: Sequence[MatrixCell],
    *,
    title: str,
    description: str,
    row_title: str,
    column_title: str,
    value_title: str,
    limit: float,
    digits: int = 1,
    footnote: str = "",
) -> Chart:
    """A shade for each cell, from -limit to limit, with its number in it; rows and columns in the order of their first cell.

    Args: title, description: see Chart; footnote: a sentence under the title; the other titles are column names of the table.
    Raises: ValueError: no cells, a cell twice, or a limit not above 0.
    """
    if not cells or limit <= 0:
        raise ValueError("a matrix needs at least one cell, and a limit above 0")
    if len({(cell.row, cell.column) for cell in cells}) < len(cells):
        raise ValueError("two cells have the same row and column")
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))

    def spec(size: Size, titled: bool) -> dict[str, Any]:
        width = WIDTHS[size]
        labels = min(widest(rows, SMALL) + 10, 0.34 * width)
        inner = max(width - labels, 80)
        step = inner / len(columns)
        slanted = widest(columns, SMALL) > step - 4
        marks = [
            {
                "row": cell.row,
                "column": cell.column,
                "value": None if cell.value is None else max(-limit, min(limit, cell.value)),
                "words": "–" if cell.value is None else f"{cell.value:.{digits}f}".replace("-", "−"),
            }
            for cell in cells
        ]
        data = alt.Chart(alt.Data(values=marks))
        x = alt.X(
            "column:N",
            sort=columns,
            title=None,
            axis=alt.Axis(
                orient="top",
                labelAngle=-60 if slanted else 0,
                labelLimit=150,
                domain=False,
                ticks=False,
                labelOverlap=False,
            ),
        )
        y = alt.Y(
            "row:N",
            sort=rows,
            title=None,
            axis=alt.Axis(labelLimit=labels - 6, minExtent=labels, maxExtent=labels, domain=False, ticks=False),
        )
        shade = alt.Color(
            "value:Q", scale=alt.Scale(domain=[-limit, limit], domainMid=0, clamp=True), legend=None
        )  # fmt: skip
        layers = [data.mark_rect().encode(x=x, y=y, color=shade)]
        if step >= _LETTER * (digits + 2):
            layers.append(data.mark_text(style="cell-words").encode(x=x, y=y, text="words:N"))
        under = wrap(footnote, width, SMALL) if footnote else []
        whole = alt.layer(*layers, width=inner, height=_ROW * len(rows), **heading(title, under, width, titled=titled))
        specification: dict[str, Any] = whole.to_dict(format="vega-lite")
        specification.pop("config", None)
        specification["description"] = description
        return specification

    named: list[tuple[str, list[Cell]]] = [
        (row_title, [cell.row for cell in cells]),
        (column_title, [cell.column for cell in cells]),
        (value_title, [cell.value for cell in cells]),
        ("Low", [cell.low for cell in cells]),
        ("High", [cell.high for cell in cells]),
        ("n", [cell.n for cell in cells]),
        ("Note", [cell.note for cell in cells]),
    ]
    kept = [(name, column) for name, column in named[:3]]
    kept += [(name, column) for name, column in named[3:] if any(cell not in (None, "") for cell in column)]
    return Chart(
        title=title,
        description=description,
        columns=tuple(name for name, _ in kept),
        data=tuple(zip(*(column for _, column in kept), strict=True)),
        made_of=(
            "matrix",
            tuple(cells),
            title,
            description,
            row_title,
            column_title,
            value_title,
            limit,
            digits,
            footnote,
        ),
        spec=spec,
    )
