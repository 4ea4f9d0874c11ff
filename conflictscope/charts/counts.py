"""Counts as bars: a histogram with a threshold in it, and a funnel of stages, as a whole and group by group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from conflictscope.charts.chart import WIDTHS, Chart, Size
from conflictscope.charts.lettering import widest, wrap
from conflictscope.charts.themes import LARGE, SMALL, TEXT

_ROW = 22  # pixels from one bar of a funnel to the next


@dataclass(frozen=True)
class CountBin:
    """How many fall from `low` on, below `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class FunnelStage:
    label: str
    count: int


def histogram(
    bins: Sequence[CountBin],
    *,
    title: str,
    description: str,
    x_title: str,
    y_title: str,
    threshold: float,
    below: str,
    above: str,
) -> Chart:
    """Bars of one width, with a dashed line at the threshold; bars from it on have the second colour.

    Args: title, description: see Chart. below, above: what the bars on either side of the threshold stand for.
    Raises: ValueError: no bins.
    """
    if not bins:
        raise ValueError("a histogram needs at least one bin")
    marks = [
        {
            "low": each.low,
            "high": each.high - 0.1 * (each.high - each.low),  # air between two bars
            "count": each.count,
            "side": above if each.low >= threshold - 1e-9 else below,
        }
        for each in bins
    ]

    def spec(size: Size, titled: bool) -> dict[str, Any]:
        width = WIDTHS[size]
        x = alt.X(
            "low:Q",
            title=wrap(x_title, width, TEXT),
            scale=alt.Scale(domain=[bins[0].low, bins[-1].high], nice=False, zero=False),
            axis=alt.Axis(tickCount=5 if size == "narrow" else 8, grid=False),
        )
        bars = (
            alt.Chart(alt.Data(values=marks))
            .mark_rect(strokeWidth=0)
            .encode(
                x=x,
                x2="high:Q",
                y2=alt.datum(0),
                y=alt.Y("count:Q", title=y_title, axis=alt.Axis(tickMinStep=1, tickCount=5)),
                color=alt.Color(
                    "side:N",
                    scale=alt.Scale(domain=[below, above]),
                    legend=alt.Legend(orient="top", direction="vertical", title=None),
                ),
            )
        )
        line = alt.Chart(alt.Data(values=[{"low": threshold}])).mark_rule(style="reference").encode(x=x)
        whole = alt.layer(bars, line, width=width, height=240, **_titled(title, width, titled))
        return _plain(whole.properties(autosize=alt.AutoSizeParams(type="fit", contains="padding")), description)

    return Chart(
        title=title,
        description=description,
        columns=("From", "Below", "Count"),
        data=tuple((each.low, each.high, each.count) for each in bins),
        made_of=("histogram", tuple(bins), title, description, x_title, y_title, threshold, below, above),
        spec=spec,
    )


def funnel(
    groups: Sequence[tuple[str, Sequence[FunnelStage]]],
    *,
    title: str,
    description: str,
    group_title: str,
    stage_title: str,
    count_title: str,
) -> Chart:
    """A bar for each stage of each group, with its count, under the group's name; every group on an axis of its own.

    Args: groups: name and stages; the first is drawn over the whole width (it is usually all of them together), the others
        side by side under it. title, description: see Chart; the other titles are column names of the table.
    Raises: ValueError: no groups, or a group without stages.
    """
    if not groups or not all(stages for _, stages in groups):
        raise ValueError("a funnel needs at least one group, and each group its stages")

    def spec(size: Size, titled: bool) -> dict[str, Any]:
        width = WIDTHS[size]
        columns = 1 if size == "narrow" else 3
        first, *others = groups
        rows: list[Any] = [_bars(first, width)]
        gap = 24
        small = (width - gap * (columns - 1)) / columns
        rows += [
            alt.hconcat(*(_bars(each, small) for each in others[at : at + columns]), spacing=gap)
            for at in range(0, len(others), columns)
        ]
        return _plain(alt.vconcat(*rows, spacing=18, **_titled(title, width, titled)), description)

    return Chart(
        title=title,
        description=description,
        columns=(group_title, stage_title, count_title),
        data=tuple((name, stage.label, stage.count) for name, stages in groups for stage in stages),
        made_of=("funnel", tuple((name, tuple(stages)) for name, stages in groups), title, description),
        spec=spec,
    )


def _bars(group: tuple[str, Sequence[FunnelStage]], width: float) -> Any:
    """The stages of one group in `width` pixels: name, bar, count."""
    name, stages = group
    labels = min(widest([stage.label for stage in stages], SMALL) + 8, 0.45 * width)
    numbers = widest([f"{stage.count:,}" for stage in stages], SMALL) + 8
    largest = max(stage.count for stage in stages) or 1
    rows = [
        {"series": "", "stage": stage.label, "count": stage.count, "words": f"{stage.count:,}".replace(",", " ")}
        for stage in stages
    ]
    y = alt.Y(
        "stage:N",
        sort=[stage.label for stage in stages],
        title=None,
        axis=alt.Axis(domain=False, ticks=False, labelLimit=labels, minExtent=labels, maxExtent=labels, labelPadding=6),
        scale=alt.Scale(paddingInner=0.25, paddingOuter=0.1),
    )
    x = alt.X("count:Q", axis=None, scale=alt.Scale(domain=[0, largest], nice=False))
    data = alt.Chart(alt.Data(values=rows))
    # One colour for all: the first of the theme's, which the specification may not name itself.
    bars = data.mark_bar().encode(x=x, y=y, color=alt.Color("series:N", legend=None))
    words = data.mark_text(style="number-words", align="left", dx=5).encode(x=x, y=y, text="words:N")
    heading = alt.TitleParams(wrap(name, width, TEXT, lines=2), anchor="start", frame="bounds", fontSize=TEXT)
    inner = max(width - labels - numbers, 40)
    return alt.layer(bars, words).properties(width=inner, height=_ROW * len(stages), title=heading)


def _titled(title: str, width: float, titled: bool) -> dict[str, Any]:
    if not titled:
        return {}
    return {"title": alt.TitleParams(wrap(title, width, LARGE, bold=True), anchor="start", fontSize=LARGE, offset=12)}


def _plain(chart: Any, description: str) -> dict[str, Any]:
    specification: dict[str, Any] = chart.to_dict(format="vega-lite")
    specification.pop("config", None)
    specification["description"] = description
    return specification
