"""Pictures with two axes, and slopes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from conflictscope.charts import AxesPoint, SlopeLine, slope_plot, two_axes_plot

SVG = "{http://www.w3.org/2000/svg}"
NAMES = (
    "Autonomy",
    "Authenticity",
    "Creativity",
    "Empowerment",
    "Responsibility",
    "Harmlessness",
    "Compliance",
    "Privacy",
)


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]


def slopes(second: list[float]) -> list[SlopeLine]:
    return [
        SlopeLine(name, 0.1 * k, second[k], (0.2, -0.1 if k % 2 else 0.1, 0.5), 80, k) for k, name in enumerate(NAMES)
    ]


@pytest.mark.parametrize("size", ["narrow", "wide", "full"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_line_is_named_at_both_ends_and_no_name_lies_on_another(size: str, theme: str) -> None:
    """All lines end at the same number: their names stand under each other all the same."""
    chart = slope_plot(
        slopes([0.3] * 8), title="Said and done", description="d", first_title="Said", second_title="Done",
        value_title="Done minus said", label_title="Value",
    )  # fmt: skip
    svg = chart.to_svg(theme, size)
    said = texts(svg)
    assert sum("0.30" in text for text in said) >= len(NAMES)
    places = re.findall(r'text-anchor="start" transform="translate\(([\d.]+),([\d.]+)\)"', svg)
    heights = sorted(float(y) for _, y in places)
    assert all(after - before > 10 for before, after in pairwise(heights))


def test_the_numbers_of_a_slope_are_in_its_table() -> None:
    chart = slope_plot(
        slopes([0.0] * 8), title="t", description="d", first_title="Said", second_title="Done", value_title="Shift", label_title="Value",
    )  # fmt: skip
    assert chart.columns == ("Value", "Said", "Done", "Shift", "Low", "High", "n")
    assert chart.rows[1] == ("Authenticity", 0.1, 0.0, 0.2, -0.1, 0.5, 80)


@pytest.mark.parametrize("size", ["narrow", "full"])
def test_points_are_numbered_and_the_numbers_explained(size: str) -> None:
    points = [
        AxesPoint("Full, filtered", "HHH", (0.7, 0.66, 0.74), (0.6, None, None), 100),
        AxesPoint("Full, unfiltered", "HHH", (0.7, None, None), (0.6, 0.5, 0.7), 200),
    ]
    chart = two_axes_plot(
        points, title="t", description="d", x_title="Observed agreement (low: hard)", y_title="Likert divergence", label_title="Condition",
    )  # fmt: skip
    said = texts(chart.to_svg("light", size))
    assert {"1", "2"} <= set(said)
    assert re.search(r"1\s+Full, filtered\s*2\s+Full, unfiltered", "".join(said))
    assert chart.columns[:3] == ("Condition", "Observed agreement", "Observed agreement low")
    assert "0.66" in chart.to_csv()


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        two_axes_plot([], title="", description="", x_title="", y_title="", label_title="")
    with pytest.raises(ValueError, match="both values"):
        two_axes_plot(
            [AxesPoint("a", "", (None, None, None), (0.1, None, None), 1)], title="", description="", x_title="", y_title="", label_title="",
        )  # fmt: skip
    with pytest.raises(ValueError, match="labels that differ"):
        slope_plot(
            [SlopeLine("a", 0, 1, (1, None, None), 1)] * 2, title="", description="", first_title="", second_title="", value_title="", label_title="",
        )  # fmt: skip
