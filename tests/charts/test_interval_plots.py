"""Pictures of estimates with intervals."""

import csv
import io
import itertools
import json
import re
import xml.etree.ElementTree as ET

import pytest

from conflictscope.charts import IntervalRow, forest_plot, interval_plot
from conflictscope.charts.lettering import width_of, wrap
from conflictscope.charts.themes import config

SVG = "{http://www.w3.org/2000/svg}"
MODES = ("Multiple choice", "Simulated user")
VALUES = (
    "autonomy",
    "authenticity",
    "creativity",
    "empowerment",
    "responsibility",
    "harmlessness",
    "compliance",
    "non-condescension",
)


def rows_of(values, targets, modes=MODES):
    """A row for each combination, spread over the axis."""
    combinations = itertools.product(targets, values, modes)
    return [
        IntervalRow(
            label=v,
            value=(k % 7 - 3) / 3,
            low=(k % 7 - 3) / 3 - 0.41,
            high=(k % 7 - 3) / 3 + 0.37,
            n=40 + k,
            group=m,
            panel=t,
        )
        for k, (t, v, m) in enumerate(combinations)
    ]


@pytest.fixture(scope="module")
def small():
    return forest_plot(
        rows_of(("helpfulness", "honesty", "harmlessness"), ("llm one", "llm two")),
        title="How strongly each target supports each value",
        description="llm one supports honesty most.",
        footnote="Bradley-Terry strengths with 95 % intervals; the strengths of a target sum to zero.",
    )


@pytest.fixture(scope="module")
def large():
    return forest_plot(
        rows_of(VALUES, ("llm one", "llm two", "an llm with a rather long label", "llm-4-instruct-2026-01-01")),
        title="Rankings",
        description="Four targets.",
    )


@pytest.fixture(scope="module")
def awkward():
    """Long labels, many groups with long names, undefined rows, notes."""
    rows = rows_of(
        (
            "a value whose name runs on and on until it has to be cut somewhere in the middle of it all",
            "v",
            "Pneumonoultramicroscopicsilicovolcanoconiosis",
        ),
        ("t",),
        ("Multiple choice, kept scenarios, seed 1", "Multiple choice, all scenarios, seed 20261231", "Simulated user"),
    )
    rows[4] = IntervalRow(label=rows[4].label, value=None, low=None, high=None, n=3, group=rows[4].group, panel="t")
    rows[5] = IntervalRow(
        label=rows[5].label, value=0.2, low=None, high=None, n=3, group=rows[5].group, panel="t", note="penalised"
    )
    return interval_plot(
        rows, title="Awkward & <strange>", description='"Quoted" & <strange>', x_title="κ", reference=0
    )


def texts(svg):
    """Every text of an SVG with the box it needs: (text, left, right, top, bottom)."""
    found = []

    def walk(node, x, y):
        if shift := re.match(r"translate\(([-\d.]+),([-\d.]+)\)", node.get("transform", "")):
            x, y = x + float(shift[1]), y + float(shift[2])
        if node.tag == f"{SVG}text" and node.text:
            size = float(node.get("font-size").removesuffix("px"))
            # the renderer places the baseline; letters reach about 0.8 above it and 0.2 below
            width = width_of(node.text, size, bold=node.get("font-weight") == "bold") * 0.93
            left = {"start": x, "middle": x - width / 2, "end": x - width}[node.get("text-anchor")]
            found.append((node.text, left, left + width, y - 0.75 * size, y + 0.2 * size))
        for child in node:
            walk(child, x, y)

    walk(ET.fromstring(svg), 0.0, 0.0)
    return found


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("name", ["small", "large", "awkward"])
def test_no_text_lies_on_another_or_outside_the_picture(name, size, request):
    svg = request.getfixturevalue(name).to_svg("light", size, titled=True)
    root = ET.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = texts(svg)
    assert len(boxes) > 10
    for text, left, right, top, bottom in boxes:
        assert left >= 0, text
        assert right <= width, text
        assert top >= 0, text
        assert bottom <= height, text
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[1] or other[2] <= one[1] or one[4] <= other[3] or other[4] <= one[3]
        assert apart, (one, other)


@pytest.mark.parametrize(("size", "most"), [("full", 980), ("wide", 740), ("narrow", 340)])
def test_pictures_are_as_wide_as_a_page_or_a_phone(small, large, awkward, size, most):
    for chart in (small, large, awkward):
        assert float(ET.fromstring(chart.to_svg("light", size)).get("width")) <= most


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_label_heading_and_legend_is_in_the_picture(small, theme):
    written = [text for text, *_ in texts(small.to_svg(theme))]
    for wanted in ("helpfulness", "honesty", "harmlessness", "llm one", "llm two", *MODES, "Strength (log-odds)"):
        assert wanted in written
    assert written.count("honesty") == 2


def test_the_wide_picture_prints_the_numbers_with_true_minus_signs(small):
    written = [text for text, *_ in texts(small.to_svg())]
    assert "−1.00 [−1.41, −0.63]" in written
    assert "0.00 [−0.41, 0.37]" in written


def test_each_estimate_is_one_mark_and_one_interval_at_its_place(small):
    """Points and bars are read back from the drawing: equal steps of value are equal steps of pixels."""
    root = ET.fromstring(small.to_svg("light", "narrow"))
    bars = [
        (float(line.get("x2")) - 0, line)
        for line in root.iter(f"{SVG}line")
        if line.get("stroke-width") == "2.5" and line.get("stroke") in config("light")["range"]["category"]
    ]
    assert len(bars) == 12
    # every interval is 0.78 wide
    assert [length for length, _ in bars] == pytest.approx([bars[0][0]] * 12, abs=0.01)
    points = [p for p in root.iter(f"{SVG}path") if p.get("aria-roledescription") in ("point", "circle", "symbol mark")]
    in_plot = [p for p in points if "value" in p.get("aria-label", "") or "group" in p.get("aria-label", "")]
    assert len(in_plot) == 12 + len(MODES)


def test_without_its_title_the_picture_is_for_pages_that_print_it(small):
    title = "How strongly each target supports each value"
    assert title not in [text for text, *_ in texts(small.to_svg())]
    assert title in [text for text, *_ in texts(small.to_svg(titled=True))]


def test_an_undefined_row_says_so_and_has_no_mark(awkward):
    written = [text for text, *_ in texts(awkward.to_svg())]
    assert written.count("undefined") == 1
    assert "penalised" in written


def test_nothing_but_undefined_rows_can_be_drawn():
    chart = forest_plot(
        [IntervalRow("a", None, None, None, 0), IntervalRow("b", None, None, None, 0)], title="t", description="d"
    )
    assert [text for text, *_ in texts(chart.to_svg())].count("undefined") == 2
    assert chart.data == (("a", None, None, None, 0), ("b", None, None, None, 0))


def test_a_single_unnamed_group_has_no_legend():
    chart = interval_plot([IntervalRow("realism", 0.6, 0.5, 0.7, 50)], title="t", description="d", x_title="κ")
    written = [text for text, *_ in texts(chart.to_svg())]
    assert written.count("realism") == 1
    assert "other" not in written


def test_groups_differ_in_shape_as_well_as_colour(small):
    root = ET.fromstring(small.to_svg())
    marks = [p for p in root.iter(f"{SVG}path") if p.get("aria-roledescription") == "point"]
    by_colour = {}
    for mark in marks:
        by_colour.setdefault(mark.get("fill"), set()).add(mark.get("d"))
    assert len(by_colour) == 2
    assert all(len(shapes) == 1 for shapes in by_colour.values())
    assert len(set.union(*by_colour.values())) == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_stand_out_from_their_paper(theme):
    """WCAG: 4.5 to 1 for words, 3 to 1 for marks."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one, other):
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    dress = config(theme)
    paper = dress["style"]["hollow"]["color"]
    for name, style in dress["style"].items():
        if name.endswith("-words"):
            assert contrast(style["color"], paper) >= 4.5, name
    for colour in dress["range"]["category"]:
        assert contrast(colour, paper) >= 3, colour
    assert contrast(dress["style"]["reference"]["color"], paper) >= 3


def test_the_svg_is_safe_to_serve_under_a_strict_policy(small, awkward):
    for chart in (small, awkward):
        svg = chart.to_svg()
        assert "<script" not in svg
        assert " style=" not in svg
        assert "<style" not in svg
        assert not re.search(r'(href|src)="(?!#)', svg)
        assert not re.search(r"url\((?!#)", svg)


def test_values_are_ordered_by_mean_strength_and_dimensions_as_given():
    rows = [
        IntervalRow("low", -1, -1.2, -0.8, 9, group="a"),
        IntervalRow("high", 2, 1.8, 2.2, 9, group="a"),
        IntervalRow("low", 0, -0.2, 0.2, 9, group="b"),
        IntervalRow("high", 0, -0.2, 0.2, 9, group="b"),
        IntervalRow("unknown", None, None, None, 0, group="a"),
    ]
    forest = forest_plot(rows, title="t", description="d")
    assert list(dict.fromkeys(row[0] for row in forest.data)) == ["high", "low", "unknown"]
    plain = interval_plot(rows, title="t", description="d", x_title="x")
    assert list(dict.fromkeys(row[0] for row in plain.data)) == ["low", "high", "unknown"]


def test_the_table_holds_what_the_picture_shows(small):
    assert small.columns == ("Target", "Value", "Mode", "Estimate", "Low", "High", "n")
    assert len(small.data) == 12
    given = {
        (row.panel, row.label, row.group): row
        for row in rows_of(("helpfulness", "honesty", "harmlessness"), ("llm one", "llm two"))
    }
    for target, value, mode, estimate, low, high, n in small.data:
        row = given[target, value, mode]
        assert (estimate, low, high, n) == (row.value, row.low, row.high, row.n)
    for cell, shown in zip(small.data[0], small.rows[0], strict=True):
        assert shown == (round(cell, 3) if isinstance(cell, float) else cell)


def test_the_csv_is_the_table_unrounded(awkward):
    read = list(csv.reader(io.StringIO(awkward.to_csv())))
    assert tuple(read[0]) == awkward.columns
    for line, row in zip(read[1:], awkward.data, strict=True):
        assert line == ["" if cell is None else str(cell) for cell in row]


def test_the_specification_holds_its_data_and_its_description(small):
    spec = json.loads(small.to_json("dark", "narrow"))
    assert spec["description"] == "llm one supports honesty most."
    assert spec["config"]["range"]["category"] == config("dark")["range"]["category"]
    written = json.dumps(spec)
    assert '"url"' not in written
    assert "harmlessness" in written


def test_files_are_what_they_claim_to_be(small):
    assert small.to_png("dark", "narrow", scale=1).startswith(b"\x89PNG")
    assert small.to_pdf().startswith(b"%PDF")
    wide, double = (int.from_bytes(small.to_png(scale=scale)[16:20]) for scale in (1, 2))
    assert double == 2 * wide


def test_the_same_numbers_make_the_same_file(small):
    again = forest_plot(
        rows_of(("helpfulness", "honesty", "harmlessness"), ("llm one", "llm two")),
        title=small.title,
        description=small.description,
        footnote="Bradley-Terry strengths with 95 % intervals; the strengths of a target sum to zero.",
    )
    assert again.to_svg() == small.to_svg()
    assert again.to_json() == small.to_json()


def test_bad_input_is_refused_in_words(small):
    with pytest.raises(ValueError, match="at least one row"):
        forest_plot([], title="t", description="d")
    row = IntervalRow("a", 1, 0, 2, 5)
    with pytest.raises(ValueError, match="same panel, label and group"):
        forest_plot([row, row], title="t", description="d")
    with pytest.raises(ValueError, match="theme"):
        small.to_svg("sepia")
    with pytest.raises(ValueError, match="size"):
        small.to_svg("light", "huge")


def test_text_is_broken_where_it_does_not_fit():
    assert wrap("one two three", 60, 13) == ["one two", "three"]
    assert wrap("non-condescension", 100, 13) == ["non-", "condescension"]
    assert wrap("", 90, 13) == []
    cut = wrap("one two three four five six", 60, 13, lines=2)
    assert len(cut) == 2
    assert cut[1].endswith("…")
    assert all(width_of(line, 13) <= 60 for line in cut)


def test_every_note_is_said_on_the_plot_and_its_rows_carry_its_sign() -> None:
    rows = [
        IntervalRow("one", 0.1, 0.0, 0.2, 10, note="few items"),
        IntervalRow("two", 0.2, 0.1, 0.3, 10, note="penalised fit"),
        IntervalRow("three", 0.3, 0.2, 0.4, 10),
    ]
    svg = interval_plot(rows, title="T", description="D", x_title="x").to_svg()
    for words in ("¹ few items", "² penalised fit", "0.10 [0.00, 0.20] ¹", "0.20 [0.10, 0.30] ²", "0.30 [0.20, 0.40]<"):
        assert words in svg
    narrow = interval_plot(rows, title="T", description="D", x_title="x").to_svg(size="narrow")
    assert "¹ few items" in narrow
    assert ">¹<" in narrow


def test_no_line_runs_through_the_heading_of_a_panel() -> None:
    rows = [IntervalRow("one", 0.1, 0.0, 0.2, 10, panel="a target of a very long name " * 3)]
    chart = interval_plot(rows, title="T", description="D", x_title="x", reference=0.0)
    for size in ("wide", "narrow"):
        layers = chart.spec(size, False)["vconcat"][-1]["layer"]
        grounds = [part for part in layers[-1]["layer"] if part["mark"].get("style") == "ground"]
        assert grounds, "the last layer lies above axis, grid and reference"
