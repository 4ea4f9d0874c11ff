"""Points with intervals on two axes, and lines from one column of numbers to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import altair as alt

from conflictscope.charts.chart import WIDTHS, Cell, Chart, Size
from conflictscope.charts.heading import LINE, heading
from conflictscope.charts.lettering import widest, wrap
from conflictscope.charts.themes import SHAPES, SMALL, TEXT

Limits = tuple[float | None, float | None, float | None]

_HEIGHT = 230
# Where the number of a point may stand, in pixels from it, the first that is free.
_BESIDE = ((11, -10), (-11, -10), (11, 11), (-11, 11), (24, -10), (-24, -10), (24, 11), (-24, 11))


@dataclass(frozen=True)
class AxesPoint:
    """One point; `x` and `y` are value, low and high. `group` gives it its colour and shape, `n` goes to the table."""

    label: str
    group: str
    x: Limits
    y: Limits
    n: int


def two_axes_plot(
    points: Sequence[AxesPoint],
    *,
    title: str,
    description: str,
    x_title: str,
    y_title: str,
    label_title: str,
    footnote: str = "",
) -> Chart:
    """A numbered mark for each point with its interval along either axis, and above them what the numbers stand for.

    Args: title, description: see Chart; footnote: a sentence under the title; the other titles are of the axes and the table.
    Raises: ValueError: no points, two of one label, or one without its two values.
    """
    if not points or any(point.x[0] is None or point.y[0] is None for point in points):
        raise ValueError("a picture with two axes needs at least one point, and of each both values")
    if len({point.label for point in points}) < len(points):
        raise ValueError("two points have the same label")
    groups = list(dict.fromkeys(point.group for point in points))
    domains = tuple(_reach([limit for point in points for limit in side(point)]) for side in (_x, _y))

    def spec(size: Size, titled: bool) -> dict[str, Any]:
        width = WIDTHS[size]
        inner = width - 84
        numbers = [f"{number}  {point.label}" for number, point in enumerate(points, 1)]
        under = [
            *(wrap(footnote, width, SMALL) if footnote else []),
            *(line for words in numbers for line in wrap(words, width, SMALL)),
        ]
        x, y = (
            alt.X("x:Q", title=wrap(x_title, inner, TEXT), scale=_fixed(domains[0]), axis=alt.Axis(tickCount=5)),
            alt.Y("y:Q", title=y_title, scale=_fixed(domains[1]), axis=alt.Axis(tickCount=6, minExtent=44)),
        )
        colour = alt.Color("group:N", scale=alt.Scale(domain=groups), legend=None)
        shape = alt.Shape(
            "group:N",
            scale=alt.Scale(domain=groups, range=[SHAPES[k % len(SHAPES)] for k in range(len(groups))]),
            legend=None,
        )
        marks = [{"group": point.group, "x": point.x[0], "y": point.y[0]} for point in points]
        layers: list[alt.Chart] = []
        across = [
            {"group": p.group, "x": p.x[1], "x2": p.x[2], "y": p.y[0]}
            for p in points
            if p.x[1] is not None and p.x[2] is not None
        ]
        upwards = [
            {"group": p.group, "x": p.x[0], "y": p.y[1], "y2": p.y[2]}
            for p in points
            if p.y[1] is not None and p.y[2] is not None
        ]
        if across:
            layers.append(_data(across).mark_rule(strokeWidth=2).encode(x=x, x2="x2:Q", y=y, color=colour))
        if upwards:
            layers.append(_data(upwards).mark_rule(strokeWidth=2).encode(x=x, y=y, y2="y2:Q", color=colour))
        layers.append(
            _data(marks).mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y, color=colour, shape=shape)
        )
        for mark, words, (dx, dy) in zip(
            marks, range(1, len(points) + 1), _places(points, domains, inner), strict=True
        ):
            text = _data([{**mark, "text": str(words)}]).mark_text(style="label-words", align="center", dx=dx, dy=dy)
            layers.append(text.encode(x=x, y=y, text="text:N"))
        return _whole(
            alt.layer(*layers).properties(width=inner, height=_HEIGHT),
            description,
            heading(title, under, width, titled=titled),
        )

    columns: tuple[str, ...] = (
        label_title,
        *(f"{name}{part}" for name in _short(x_title, y_title) for part in ("", " low", " high")),
        "n",
    )
    data: tuple[tuple[Cell, ...], ...] = tuple((point.label, *point.x, *point.y, point.n) for point in points)
    made_of = ("two axes", tuple(points), title, description, x_title, y_title, footnote)
    return Chart(title=title, description=description, columns=columns, data=data, made_of=made_of, spec=spec)


@dataclass(frozen=True)
class SlopeLine:
    """One line: where it begins and ends, and the interval of the difference. `colour` numbers its colour, from 0."""

    label: str
    first: float
    second: float
    difference: Limits
    n: int
    colour: int = 0


def slope_plot(
    lines: Sequence[SlopeLine],
    *,
    title: str,
    description: str,
    first_title: str,
    second_title: str,
    value_title: str,
    label_title: str,
    footnote: str = "",
) -> Chart:
    """A line for each label from a first to a second number, named at both ends; thin where its difference is not surely other than 0.

    Args: title, description: see Chart; footnote: a sentence under the title; the other titles are of the columns and the table.
    Raises: ValueError: no lines, or two of one label.
    """
    if not lines or len({line.label for line in lines}) < len(lines):
        raise ValueError("a slope figure needs at least one line, and labels that differ")
    ends = (first_title, second_title)
    domain = _reach([number for line in lines for number in (line.first, line.second)])
    domain_of_colours = [str(number) for number in range(max(line.colour for line in lines) + 1)]

    def spec(size: Size, titled: bool) -> dict[str, Any]:
        width = WIDTHS[size]
        side = min(widest([f"{line.label} −0.00" for line in lines], SMALL) + 18, 0.38 * width)
        inner = min(width - 2 * side, 420)
        height = max(_HEIGHT, LINE * (len(lines) + 2))
        x = alt.X(
            "x:Q", scale=alt.Scale(domain=[0, width], range=[0, width], nice=False, zero=False), axis=None
        )  # fmt: skip
        y = alt.Y("y:Q", scale=alt.Scale(domain=[0, height], range=[0, height], nice=False, zero=False), axis=None)
        left, right = (width - inner) / 2, (width + inner) / 2
        top = 26

        def down(number: float) -> float:
            return top + (domain[1] - number) / (domain[1] - domain[0]) * (height - top - 8)

        colour = alt.Color("colour:N", scale=alt.Scale(domain=domain_of_colours), legend=None)
        layers: list[alt.Chart] = [
            _data([{"x": place, "y": top - 8, "y2": height} for place in (left, right)])
            .mark_rule(style="divider")
            .encode(x=x, y=y, y2="y2:Q")
        ]
        for sure in (False, True):
            marks = [
                {"colour": str(line.colour), "x": left, "x2": right, "y": down(line.first), "y2": down(line.second)}
                for line in lines
                if _sure(line) is sure
            ]
            if marks:
                rule = _data(marks).mark_rule(
                    strokeWidth=3 if sure else 1.5, strokeDash=[1, 0] if sure else [5, 3], strokeCap="round"
                )
                layers.append(rule.encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=colour))
        dots = [
            {"colour": str(line.colour), "x": place, "y": down(number)}
            for line in lines
            for place, number in ((left, line.first), (right, line.second))
        ]
        layers.append(_data(dots).mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour))
        ways: tuple[tuple[Literal["left", "right"], float, int, int], ...] = (
            ("right", left, -8, 0),
            ("left", right, 8, 1),
        )
        for align, place, step, which in ways:
            numbers = [(line.first, line.second)[which] for line in lines]
            heights = _apart([down(number) for number in numbers], LINE - 2, top, height)
            words = [
                {"x": place + step, "y": at, "text": _named(line.label, number, align, side)}
                for line, number, at in zip(lines, numbers, heights, strict=True)
            ]
            words.append({"x": place + step, "y": 8, "text": ends[which]})
            layers.append(
                _data(words).mark_text(style="note-words", align=align).encode(x=x, y=y, text="text:N")
            )  # fmt: skip
        whole = alt.layer(*layers).properties(width=width, height=height)
        under = wrap(footnote, width, SMALL) if footnote else []
        return _whole(whole, description, heading(title, under, width, titled=titled))

    columns = (label_title, first_title, second_title, value_title, "Low", "High", "n")
    data = tuple((line.label, line.first, line.second, *line.difference, line.n) for line in lines)
    made_of = ("slopes", tuple(lines), title, description, first_title, second_title, value_title, footnote)
    return Chart(title=title, description=description, columns=columns, data=data, made_of=made_of, spec=spec)


def _sure(line: SlopeLine) -> bool:
    _, low, high = line.difference
    return low is not None and high is not None and (low > 0 or high < 0)


def _named(label: str, number: float, align: str, side: float) -> str:
    said = f"{number:.2f}".replace("-", "−")
    room = side - widest([said], SMALL) - 18
    name = wrap(label, max(room, 30), SMALL, lines=1)[0]
    return f"{name} {said}" if align == "right" else f"{said} {name}"


def _apart(wanted: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Heights as near to the wanted ones as they can be with so many pixels between any two: pushed apart in blocks."""
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    blocks: list[list[float]] = []  # of each the wanted heights of its first line, moved up by those before
    for rank, k in enumerate(order):
        blocks.append([wanted[k] - rank * step])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    starts = [fmean(block) for block in blocks for _ in block]
    heights = [start + rank * step for rank, start in enumerate(starts)]
    over = heights[-1] - (high - step / 2)
    heights = [height - max(over, 0.0) for height in heights]
    under = (low + step / 2) - heights[0]
    if under > 0:
        heights = [height + under for height in heights]
    placed = [0.0] * len(wanted)
    for k, height in zip(order, heights, strict=True):
        placed[k] = height
    return placed


def _places(points: Sequence[AxesPoint], domains: Any, width: float) -> list[tuple[int, int]]:
    """Where each point's number stands beside it, clear of the other points and numbers where that can be."""
    at = [
        (
            ((point.x[0] or 0.0) - domains[0][0]) / (domains[0][1] - domains[0][0]) * width,
            (domains[1][1] - (point.y[0] or 0.0)) / (domains[1][1] - domains[1][0]) * _HEIGHT,
        )
        for point in points
    ]
    taken: list[tuple[float, float]] = list(at)
    places = []
    for x, y in at:
        free = [
            (dx, dy)
            for dx, dy in _BESIDE
            if all(abs(x + dx - a) > 12 or abs(y + dy - b) > 12 for a, b in taken if (a, b) != (x, y))
        ]
        dx, dy = free[0] if free else _BESIDE[0]
        taken.append((x + dx, y + dy))
        places.append((dx, dy))
    return places


def _x(point: AxesPoint) -> Limits:
    return point.x


def _y(point: AxesPoint) -> Limits:
    return point.y


def _reach(numbers: Sequence[float | None]) -> tuple[float, float]:
    """Ends of an axis: everything drawn, and a little air."""
    known = [number for number in numbers if number is not None]
    air = 0.08 * (max(known) - min(known)) or 0.1
    return min(known) - air, max(known) + air


def _short(*titles: str) -> list[str]:
    """Titles of axes without what is explained in brackets, as headings of columns."""
    return [title.partition(" (")[0] for title in titles]


def _fixed(domain: tuple[float, float]) -> alt.Scale:
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def _data(values: Sequence[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(values)))


def _whole(chart: Any, description: str, head: dict[str, Any]) -> dict[str, Any]:
    specification: dict[str, Any] = chart.properties(**head).to_dict(format="vega-lite")
    specification.pop("config", None)
    specification["description"] = description
    return specification
