"""One table, three files."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.test import RequestFactory

from conflictscope.errors import InvalidInput
from conflictscope.stats.types import Estimate
from conflictscope.tables import ResultTable, latex, said, table_response
from conflictscope.templatetags.ui import cell, estimate, lowfirst, signed


@pytest.fixture
def table() -> ResultTable:
    return ResultTable(
        "strengths",
        "Strengths & shares",
        ("Target", "Strength θ", "Share", "Scenarios"),
        (
            ("a_b | 50 %", Estimate(-0.5, -1.25, 0.25, n=12), 0.333, 12),
            ("=evil", Estimate.undefined("nothing was decided"), None, 0),
        ),
        percent=frozenset({"Share"}),
        note="Log-odds.",
    )


def test_csv_holds_unrounded_numbers_with_limits_and_count(table: ResultTable) -> None:
    first, one, other = csv.reader(io.StringIO(table.to_csv()))
    assert first == [
        *("Target", "Strength θ", "Strength θ low", "Strength θ high", "Strength θ n", "Strength θ note"),
        *("Share", "Scenarios"),
    ]
    assert one == ["a_b | 50 %", "-0.5", "-1.25", "0.25", "12", "", "0.333", "12"]
    assert other == ["'=evil", "", "", "", "0", "nothing was decided", "", "0"]


def test_markdown_keeps_a_row_on_its_line(table: ResultTable) -> None:
    lines = table.to_markdown().splitlines()
    assert lines[0] == "**Strengths & shares**"
    assert lines[2] == "| Target | Strength θ | Share | Scenarios |"
    assert lines[4] == "| a_b \\| 50 % | −0.50 [−1.25, 0.25], n = 12 | 33 % | 12 |"
    assert lines[5] == "| =evil | undefined: nothing was decided | – | 0 |"
    assert "Log-odds." in lines


def test_latex_takes_no_text_for_a_command(table: ResultTable) -> None:
    text = table.to_latex()
    assert "\\caption{Strengths \\& shares Log-odds.}" in text
    assert "a\\_b | 50 \\% & $-$0.50 [$-$1.25, 0.25], n = 12 & 33 \\% & 12 \\\\" in text
    assert "Target & Strength $\\theta$ & Share & Scenarios \\\\" in text
    assert latex("\\input{x}^~") == "\\textbackslash{}input\\{x\\}\\textasciicircum{}\\textasciitilde{}"


def test_numbers_are_said_with_a_true_minus_and_no_minus_zero() -> None:
    assert said(-0.001) == "0.00"
    assert said(-1.5, digits=1) == "−1.5"
    assert said(None) == "–"


def test_a_format_that_there_is_not_is_refused(table: ResultTable) -> None:
    request = RequestFactory().get("/", {"format": "xlsx"})
    with pytest.raises(InvalidInput, match="csv, md, tex"):
        table_response(request, table)
    answer = table_response(RequestFactory().get("/", {"format": "tex"}), table)
    assert answer["Content-Disposition"] == 'attachment; filename="strengths.tex"'


def test_a_page_says_numbers_as_the_files_do_and_a_dash_for_nothing() -> None:
    assert [signed(-0.304), signed(-0.001), signed(0.5, 1), signed(None)] == ["−0.30", "0.00", "0.5", "–"]
    assert [cell(None), cell(""), cell("simulated")] == ["–", "–", "simulated"]
    text = re.sub("<[^>]+>", "", estimate(Estimate(-0.5, -1.25, 0.25, n=12)))
    assert text == "−0.50 [−1.25, 0.25], n = 12"


def test_a_name_within_a_label_stays_as_it_is_when_the_label_begins_small() -> None:
    assert lowfirst("Multiple choice, steered by Kindness first") == "multiple choice, steered by Kindness first"
    assert lowfirst("") == ""
