"""Points with their intervals, in rows: the forest plot of rankings, and the same for agreement and rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import altair as alt

from conflictscope.charts.chart import WIDTHS, Cell, Chart, Size
from conflictscope.charts.lettering import widest, wrap
from conflictscope.charts.themes import LARGE, SHAPES, SMALL, TEXT

Align = Literal["left", "right"]

LINE = 17  # from one line of text to the next
STEP = 18  # from one interval of a label to the next
GAP = 9  # above and below the intervals of a label
INDENT = 12  # of the labels under a panel's heading
_SUPERSCRIPTS = ("¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹")
KEY = 18  # from a legend's mark to its words


@dataclass(frozen=True)
class IntervalRow:
    """One estimate.

    Attributes:
        label: what the row is about (a value, a dimension), on the left.
        value, low, high: None where undefined; n: how many units are behind it.
        group: told apart by colour and shape (a mode); panel: rows under one heading (a target); both may be empty.
        note: a short remark for the table; the mark is then hollow.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    group: str = ""
    panel: str = ""
    note: str = ""


def forest_plot(
    rows: Sequence[IntervalRow],
    *,
    title: str,
    description: str,
    x_title: str = "Strength (log-odds)",
    label_title: str = "Value",
    group_title: str = "Mode",
    panel_title: str = "Target",
    footnote: str = "",
) -> Chart:
    """Strengths with intervals around a zero line, values ordered by their mean strength over all rows.

    Args and Raises: as `interval_plot`.
    """
    known: dict[str, list[float]] = {row.label: [] for row in rows}
    for row in rows:
        if row.value is not None:
            known[row.label].append(row.value)
    order = sorted(known, key=lambda label: -fmean(known[label]) if known[label] else float("inf"))
    return interval_plot(
        sorted(rows, key=lambda row: order.index(row.label)),
        title=title,
        description=description,
        x_title=x_title,
        label_title=label_title,
        group_title=group_title,
        panel_title=panel_title,
        footnote=footnote,
        reference=0.0,
    )


def interval_plot(
    rows: Sequence[IntervalRow],
    *,
    title: str,
    description: str,
    x_title: str,
    label_title: str = "",
    group_title: str = "",
    panel_title: str = "",
    reference: float | None = None,
    domain: tuple[float, float] | None = None,
    footnote: str = "",
) -> Chart:
    """A point and an interval for each row: labels on the left, panels under headings, the numbers on the right.

    Args:
        rows: in the order of drawing; labels, groups and panels appear in the order of their first row.
        title, description: see Chart; footnote: a sentence under the title.
        x_title: what the axis measures; label_title, group_title, panel_title: column names of the table.
        reference: where a dashed line stands; domain: ends of the axis, else what the intervals need.
    Raises: ValueError: no rows, or the same label, group and panel twice.
    """
    if not rows:
        raise ValueError("a chart needs at least one row")
    if len({(row.panel, row.label, row.group) for row in rows}) < len(rows):
        raise ValueError("two rows have the same panel, label and group")

    def spec(size: Size, titled: bool) -> dict[str, Any]:
        drawing = _Drawing(
            rows,
            width=WIDTHS[size],
            x_title=x_title,
            reference=reference,
            domain=domain or _domain(rows, reference),
            title=title if titled else "",
            footnote=footnote,
        )
        return drawing.spec(description)

    columns, data = _table(rows, label_title, group_title, panel_title)
    made_of = ("intervals", tuple(rows), title, description, x_title, reference, domain, footnote)
    return Chart(title=title, description=description, columns=columns, data=data, made_of=made_of, spec=spec)


class _Drawing:
    """Lays the picture out from top to bottom in pixels, so that nothing overlaps whatever the texts are.

    It has a head (title, footnote, legend) above a body (the rows over their axis); each collects its texts and marks.
    """

    def __init__(
        self,
        rows: Sequence[IntervalRow],
        *,
        width: int,
        x_title: str,
        reference: float | None,
        domain: tuple[float, float],
        title: str,
        footnote: str,
    ) -> None:
        self.rows, self.width, self.x_title, self.reference, self.domain = rows, width, x_title, reference, domain
        self.wide = width >= WIDTHS["wide"]
        self.groups = list(dict.fromkeys(row.group for row in rows))
        panels = list(dict.fromkeys(row.panel for row in rows))
        self.indent = INDENT if any(panels) else 0
        signs = 10.0 if len({row.note for row in rows if row.note}) > 1 else 0.0
        numbers = widest([_numbers(row) for row in rows], SMALL) + 14 + signs if self.wide else signs + 4
        self.left = min(widest([row.label for row in rows], TEXT) + self.indent + 14, 0.45 * width)
        self.right = width - max(numbers, 10.0)
        self.head, self.body = _Part(), _Part()
        self._title(title, footnote)
        self._legend()
        for panel in panels:
            self._panel(panel, headed=any(panels))

    def _title(self, title: str, footnote: str) -> None:
        for style, text, size in (("title-words", title, LARGE), ("note-words", footnote, SMALL)):
            line_height = LINE + size - SMALL
            for line in wrap(text, self.width, size, bold=size == LARGE):
                self.head.say(style, line, 0, self.head.height + line_height / 2)
                self.head.height += line_height
        if title or footnote:
            self.head.height += 6

    def _legend(self) -> None:
        """What colours, shapes and hollow marks mean, in as many columns as fit; nothing where there is one unnamed group."""
        entries = [(group, group or "other", False) for group in self.groups] if any(self.groups) else []
        self.notes = sorted({row.note for row in self.rows if row.note})
        entries += [(self.groups[0], f"{self._sign(note)} {note}".strip(), True) for note in self.notes]
        x = 0.0
        for group, words, hollow in entries:
            lines = wrap(words, self.width - KEY, SMALL, lines=3)
            needed = KEY + widest(lines, SMALL) + 18
            if x and (x + needed > self.width or len(lines) > 1):
                x, self.head.height = 0.0, self.head.height + LINE
            y = self.head.height + LINE / 2
            self.head.points.append({"group": group, "x": x + 6, "y": y, "hollow": hollow})
            for number, line in enumerate(lines):
                self.head.say("note-words", line, x + KEY, y + number * LINE)
            self.head.height += (len(lines) - 1) * LINE
            x += needed if len(lines) == 1 else self.width  # whatever comes next begins a line
        if entries:
            self.head.height += LINE + 6

    def _sign(self, note: str) -> str:
        """What stands beside the numbers of a row with this note; nothing where there is one note, as the mark says it."""
        return "" if len(self.notes) < 2 else _SUPERSCRIPTS[self.notes.index(note) % len(_SUPERSCRIPTS)]

    def _panel(self, panel: str, *, headed: bool) -> None:
        if headed:
            top = self.body.height
            self.body.height += 8
            for line in wrap(panel or "other", self.width, TEXT, bold=True):
                self.body.say("heading-words", line, 0, self.body.height + LINE / 2)
                self.body.height += LINE
            self.body.height += 3
            self.body.grounds.append({"x": 0, "x2": self.width, "y": top, "y2": self.body.height})
        here = [row for row in self.rows if row.panel == panel]
        for label in dict.fromkeys(row.label for row in here):
            self._label(label, [row for row in here if row.label == label])

    def _label(self, label: str, rows: Sequence[IntervalRow]) -> None:
        """One label with the intervals of its groups under each other."""
        top = self.body.height
        # Half a pixel off, a line of one pixel is drawn sharp.
        self.body.dividers.append({"x": self.indent, "x2": self.width, "y": round(top) + 0.5})
        lines = wrap(label, self.left - self.indent - 10, TEXT, lines=3)
        height = max(len(rows) * STEP, len(lines) * LINE) + GAP
        for index, line in enumerate(lines):
            self.body.say("label-words", line, self.indent, top + height / 2 + (index - (len(lines) - 1) / 2) * LINE)
        for index, row in enumerate(rows):
            y = top + height / 2 + (index - (len(rows) - 1) / 2) * STEP
            if row.value is None:
                self.body.say("note-words", "undefined", self.width if self.wide else self.right, y, "right")
                continue
            self.body.points.append({"group": row.group, "x": row.value, "y": y, "hollow": bool(row.note)})
            if row.low is not None and row.high is not None:
                self.body.bars.append({"group": row.group, "x": row.low, "x2": row.high, "y": y})
            sign = self._sign(row.note) if row.note else ""
            if self.wide:
                self.body.say("number-words", f"{_numbers(row)} {sign}".rstrip(), self.width, y, "right")
            elif sign:
                self.body.say("number-words", sign, self.width, y, "right")
        self.body.height += height

    def spec(self, description: str) -> dict[str, Any]:
        """The Vega-Lite specification, without configuration."""
        body = self._view(self.body, with_axis=True)
        parts = [self._view(self.head, with_axis=False), body] if self.head.height else [body]
        whole = alt.vconcat(*parts, spacing=0, bounds="flush").resolve_scale(color="shared", shape="shared")
        specification: dict[str, Any] = whole.to_dict(format="vega-lite")
        specification.pop("config", None)
        specification["description"] = description
        return specification

    def _view(self, part: "_Part", *, with_axis: bool) -> alt.LayerChart:
        """The texts and dividers of a part in pixels, and its marks, in pixels too or against the axis."""
        y = alt.Y(
            "y:Q", axis=None, scale=alt.Scale(domain=[0, part.height], range=[0, part.height], nice=False, zero=False)
        )
        pixels = alt.X(
            "x:Q", axis=None, scale=alt.Scale(domain=[0, self.width], range=[0, self.width], nice=False, zero=False)
        )
        flat: list[alt.Chart] = []
        if part.dividers:
            flat.append(_chart(part.dividers).mark_rule(style="divider").encode(x=pixels, x2="x2:Q", y=y))
        above: list[alt.Chart] = []
        if part.grounds:
            above.append(_chart(part.grounds).mark_rect(style="ground").encode(x=pixels, x2="x2:Q", y=y, y2="y2:Q"))
        for (style, align), words in part.words.items():
            layer = above if style == "heading-words" else flat
            layer.append(_chart(words).mark_text(style=style, align=align).encode(x=pixels, y=y, text="text:N"))
        x = self._axis() if with_axis else pixels
        marks: list[alt.Chart] = []
        if with_axis and self.reference is not None:
            line = [{"x": self.reference, "y": 0, "y2": part.height}]
            marks.append(_chart(line).mark_rule(style="reference").encode(x=x, y=y, y2="y2:Q"))
        if part.bars:
            marks.append(
                _chart(part.bars)
                .mark_rule(strokeWidth=2.5, strokeCap="round", clip=True)
                .encode(
                    x=x, x2="x2:Q", y=y, color=alt.Color("group:N", scale=alt.Scale(domain=self.groups), legend=None)
                )
            )
        for hollow in (False, True):
            points = [point for point in part.points if point["hollow"] is hollow]
            if points:
                mark = _chart(points).mark_point(
                    filled=True, size=80, opacity=1, strokeWidth=2, style="hollow" if hollow else "solid"
                )
                groups = alt.Scale(domain=self.groups)
                colour = (
                    alt.Stroke("group:N", scale=groups, legend=None)
                    if hollow
                    else alt.Color("group:N", scale=groups, legend=None)
                )
                marks.append(mark.encode(colour, x=x, y=y, shape=self._shape()))
        if with_axis and not marks:
            # Where everything is undefined the axis alone is drawn.
            marks.append(_chart([{"x": self.domain[0]}]).mark_point(opacity=0).encode(x=x))
        layers = [alt.layer(*flat)] if flat else []
        layers += [alt.layer(*marks)] if marks else []
        layers += [alt.layer(*above)] if above else []
        view = alt.layer(*layers, width=self.width, height=part.height)
        independent: alt.LayerChart = view.resolve_scale(x="independent")
        return independent

    def _axis(self) -> alt.X:
        return alt.X(
            "x:Q",
            scale=alt.Scale(domain=list(self.domain), range=[self.left, self.right], nice=False, zero=False),
            axis=alt.Axis(
                title=wrap(self.x_title, self.width, TEXT),
                titleX=(self.left + self.right) / 2,
                titleAlign="center",
                tickCount=6 if self.wide else 4,
                grid=True,
            ),
        )

    def _shape(self) -> alt.Shape:
        shapes = [SHAPES[index % len(SHAPES)] for index in range(len(self.groups))]
        return alt.Shape("group:N", scale=alt.Scale(domain=self.groups, range=shapes), legend=None)


class _Part:
    """Texts and marks at their places: y in pixels from the part's top; x in pixels, for marks of the body in units."""

    def __init__(self) -> None:
        self.height = 0.0
        self.words: dict[tuple[str, Align], list[dict[str, Any]]] = {}
        self.dividers: list[dict[str, Any]] = []
        self.bars: list[dict[str, Any]] = []
        self.points: list[dict[str, Any]] = []
        self.grounds: list[dict[str, Any]] = []  # where no line may run through the words

    def say(self, style: str, text: str, x: float, y: float, align: Align = "left") -> None:
        self.words.setdefault((style, align), []).append({"text": text, "x": x, "y": y})


def _chart(values: Sequence[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(values)))


def _numbers(row: IntervalRow) -> str:
    """0.42 [0.10, 0.74], as printed at the right of a wide picture."""
    if row.value is None:
        return ""
    if row.low is None or row.high is None:
        return _short(row.value)
    return f"{_short(row.value)} [{_short(row.low)}, {_short(row.high)}]"


def _short(number: float) -> str:
    """Two decimals with a true minus sign, and none before zero."""
    text = f"{number:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def _domain(rows: Sequence[IntervalRow], reference: float | None) -> tuple[float, float]:
    """Ends of the axis: everything drawn, and a little air."""
    ends = [end for row in rows for end in (row.value, row.low, row.high, reference) if end is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    air = 0.04 * (high - low) or 0.5
    return low - air, high + air


def _table(
    rows: Sequence[IntervalRow], label_title: str, group_title: str, panel_title: str
) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    """The numbers with their names; columns that are empty throughout are left out."""
    named: list[tuple[str, list[Cell]]] = [
        (panel_title or "Panel", [row.panel for row in rows]),
        (label_title or "Label", [row.label for row in rows]),
        (group_title or "Group", [row.group for row in rows]),
        ("Estimate", [row.value for row in rows]),
        ("Low", [row.low for row in rows]),
        ("High", [row.high for row in rows]),
        ("n", [row.n for row in rows]),
        ("Note", [row.note for row in rows]),
    ]
    kept = [(name, cells) for name, cells in named if any(cell != "" for cell in cells)]
    return tuple(name for name, _ in kept), tuple(zip(*(cells for _, cells in kept), strict=True))
