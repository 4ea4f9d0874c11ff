"""Pictures are drawn once for what they are made of, and a browser that has one is told so."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.core.cache import caches
from django.test import RequestFactory

from conflictscope.charts import Chart, IntervalRow, interval_plot
from conflictscope.charts.downloads import chart_response

ROWS = [IntervalRow(label="realism", value=0.5, low=0.4, high=0.6, n=10), IntervalRow("feasibility", 0.7, 0.6, 0.8, 10)]


def plot(rows: list[IntervalRow] = ROWS, **facts: Any) -> Chart:
    return interval_plot(rows, **{"title": "Agreement", "description": "Two rows.", "x_title": "Kappa", **facts})


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    caches["charts"].clear()


def never_drawn(chart: Chart) -> Chart:
    """The same chart, which fails where anybody draws it."""

    def spec(*_: Any) -> dict[str, Any]:
        pytest.fail("it was drawn anew")

    return dataclasses.replace(chart, spec=spec)


@pytest.mark.parametrize("wanted", ["svg", "png", "pdf", "json"])
def test_a_picture_is_drawn_once(wanted: str) -> None:
    request = RequestFactory().get("/", {"format": wanted})
    first = chart_response(request, plot(), name="kappa")
    again = chart_response(request, never_drawn(plot()), name="kappa")
    assert again.content == first.content
    assert again["ETag"] == first["ETag"]


def test_theme_size_and_format_are_pictures_of_their_own() -> None:
    tags = {
        chart_response(RequestFactory().get("/", asked), plot(), name="kappa")["ETag"]
        for asked in ({}, {"theme": "dark"}, {"size": "narrow"}, {"format": "csv"})
    }
    assert len(tags) == 4


@pytest.mark.parametrize(
    "other",
    [
        plot([ROWS[0], dataclasses.replace(ROWS[1], value=0.71)]),
        plot([ROWS[0], dataclasses.replace(ROWS[1], note="few items")]),
        plot(ROWS[:1]),
        plot(title="Agreement (simulated)"),
        plot(x_title="Alpha"),
        plot(reference=0.0),
        plot(domain=(0.0, 1.0)),
        plot(footnote="95 % intervals."),
        plot(label_title="Dimension"),
    ],
)
def test_what_is_made_of_anything_else_is_another_picture(other: Chart) -> None:
    assert other.digest != plot().digest
    assert plot().digest == plot().digest


def test_a_browser_that_has_the_picture_gets_no_other_copy() -> None:
    first = chart_response(RequestFactory().get("/"), plot(), name="kappa")
    request = RequestFactory().get("/", headers={"If-None-Match": first["ETag"]})
    again = chart_response(request, never_drawn(plot()), name="kappa")
    assert (again.status_code, again.content) == (304, b"")
    changed = chart_response(request, plot(x_title="Alpha"), name="kappa")
    assert changed.status_code == 200
    assert first["Cache-Control"] == again["Cache-Control"] == "private, no-cache"
