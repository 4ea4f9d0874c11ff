"""Histogram and funnel: the numbers are in the picture, in the table and in the files."""

from __future__ import annotations

import csv
import io
import json

import pytest

from conflictscope.charts import CountBin, FunnelStage, funnel, histogram
from conflictscope.charts.chart import Chart

BINS = [CountBin(0.7, 0.75, 4), CountBin(0.75, 0.8, 1), CountBin(0.8, 0.85, 3)]
STAGES = [FunnelStage("Outlined", 1200), FunnelStage("Kept", 300), FunnelStage("Validated", 0)]


def a_histogram() -> Chart:
    words = dict.fromkeys(("title", "description", "x_title", "y_title"), "words")
    return histogram(BINS, threshold=0.8, below="apart", above="duplicates", **words)


def a_funnel() -> Chart:
    words = dict.fromkeys(("title", "description"), "words")
    groups = [("All", STAGES), ("One – other", STAGES[:2]), ("A very long name " * 8, STAGES)]
    return funnel(groups, group_title="Pair", stage_title="Step", count_title="Scenarios", **words)


@pytest.mark.parametrize("chart", [a_histogram(), a_funnel()], ids=["histogram", "funnel"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_drawn_in_both_sizes_and_themes(chart: Chart, size, theme) -> None:
    svg = chart.to_svg(theme, size)
    assert svg.startswith("<svg")
    width = float(svg.split('width="')[1].split('"')[0])
    assert width <= (760 if size == "wide" else 345)
    assert "http" not in svg.replace("http://www.w3.org", "")


def test_a_bar_at_the_threshold_is_above_it() -> None:
    bars = json.loads(a_histogram().to_json())["layer"][0]["data"]["values"]
    assert [(bar["count"], bar["side"]) for bar in bars] == [(4, "apart"), (1, "apart"), (3, "duplicates")]


def test_the_table_has_every_number() -> None:
    rows = list(csv.reader(io.StringIO(a_funnel().to_csv())))
    assert rows[0] == ["Pair", "Step", "Scenarios"]
    assert rows[1] == ["All", "Outlined", "1200"]
    assert len(rows) == 1 + 8
    assert "1 200" in a_funnel().to_svg()


def test_nothing_cannot_be_drawn() -> None:
    words = dict.fromkeys(("title", "description", "x_title", "y_title"), "words")
    with pytest.raises(ValueError, match="at least one bin"):
        histogram([], threshold=0.8, below="", above="", **words)
    with pytest.raises(ValueError, match="at least one group"):
        funnel([], title="", description="", group_title="", stage_title="", count_title="")
