"""From a value set to the scenario that was dropped, and why: as a researcher does it, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.values.publishing import import_value_set
from tests.browser.conftest import PHONE, fits, watched
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged, write_human_verdict
from tests.factories.studies import StudyFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]
HHH = "/studies/mine/datasets/hhh/"


@pytest.mark.backends
def test_hhh_is_generated_filtered_and_explored(visitor: Visitor, simulator: Any) -> None:
    StudyFactory(slug="mine", created_by__username="rob")
    import_value_set("hhh")
    for name, llm in (("writer", "sim-generator"), ("the-judge", "sim-judge")):
        EndpointFactory(name=name, llm=llm, base_url=f"{simulator.base_url}/v1")
    page = visitor("rob")
    page.goto("/studies/mine/datasets/new/")
    for field, value in (("name", "HHH"), ("slug", "hhh"), ("per_pair", "16"), ("threshold", "0.6")):
        page.locator(f"[name={field}]").fill(value)
    page.locator("[name=value_set]").select_option(index=1)
    page.locator("[name=generator]").select_option(label="writer")
    page.get_by_role("button", name="Generate").click()
    watched(page)

    page.goto(HHH)
    page.get_by_role("link", name="Filter", exact=True).first.click()
    page.locator("[name=new_judge]").fill("strict")
    page.locator("[name=endpoint]").select_option(label="the-judge")
    page.get_by_role("button", name="Filter").click()
    watched(page)

    # A duplicate beside its twin, with what tells them apart.
    duplicate = Scenario.objects.filter(status="duplicate").order_by("-similarity", "pk").first()
    assert duplicate is not None, "the simulator tells some outlines again"
    assert duplicate.duplicate_of is not None
    page.goto(HHH)
    page.get_by_role("navigation", name="Dataset").get_by_role("link", name="Duplicates").click()
    first = page.locator(".sides").first
    expect(first.get_by_role("link", name=duplicate.uid)).to_be_visible()
    expect(first.get_by_role("link", name=duplicate.duplicate_of.uid)).to_be_visible()
    expect(first.locator("mark").first).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Histogram of"))).to_be_visible()
    first.get_by_role("link", name=duplicate.uid).click()
    expect(page.get_by_role("heading", name="Near-duplicate")).to_be_visible()

    # A dropped scenario, found by the dimension that it failed.
    failed = Dataset.objects.get(slug="hhh").scenarios.filter(verdicts__outcome="fail").distinct()
    dimension = failed.order_by("pk").first().verdicts.filter(outcome="fail").first()
    number = failed.filter(verdicts__dimension=dimension.dimension, verdicts__outcome="fail").distinct().count()
    page.goto(HHH)
    page.locator(f"#failed-{dimension.dimension}").check()
    expect(page.locator("[data-row]")).to_have_count(number)
    expect(page).to_have_url(re.compile(rf"\?failed={dimension.dimension}$"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    row = page.get_by_role("region", name="Verdicts by dimension").get_by_role(
        "row", name=dimension.get_dimension_display()
    )
    expect(row).to_contain_text("fail")
    expect(page.get_by_text(f"1 of {number}")).to_be_visible()


@pytest.fixture
def dataset() -> Dataset:
    judge = JudgeFactory(name="strict")
    dataset = DatasetFactory(study__slug="mine", study__created_by__username="rob", slug="hhh", primary_judge=judge)
    for number in range(1, 6):
        scenario = ScenarioFactory(dataset=dataset, uid=f"hhh-{number}", domain="a bakery")
        judged(scenario, judge, realism="fail" if number > 2 else "pass")
    near = Scenario.objects.get(uid="hhh-1")
    ScenarioFactory(
        dataset=dataset, uid="copy", status="duplicate", duplicate_of=near, nearest=near, similarity=0.9, position=1
    )
    return dataset


def test_the_list_answers_to_the_keyboard(visitor: Visitor, dataset: Dataset) -> None:
    page = visitor("rob")
    page.goto(HHH)
    expect(page.get_by_role("button", name="Switch keys off")).to_be_visible()  # the keys are at work
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("hhh jkn")
    expect(page.get_by_role("heading", name="No scenario matches")).to_be_visible()
    expect(page.locator("#search")).to_have_value("hhh jkn")
    page.locator("#search").fill("hhh")
    expect(page.locator("[data-row]")).to_have_count(5)
    expect(page.locator("mark").first).to_have_text("hhh")
    page.keyboard.press("Escape")
    page.wait_for_load_state("networkidle")
    for key in ("j", "j", "ArrowDown", "k"):
        page.keyboard.press(key)
    expect(page.locator("[data-row]").nth(1)).to_be_focused()
    second = page.locator("[data-row]").nth(1).inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=second)).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("n")
    expect(page.get_by_text("3 of 5")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("p")
    expect(page.get_by_text("2 of 5")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Switch keys off").click()
    page.keyboard.press("n")
    page.keyboard.press("l")
    expect(page.get_by_text("2 of 5")).to_be_visible()
    page.get_by_role("button", name="Switch keys on").click()
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile(r"/hhh/\?search=hhh#row-\d+$"))
    expect(page.locator("[data-row]").nth(1)).to_be_focused()


def test_what_a_browser_tool_styles_is_no_inline_style_of_a_swapped_list(visitor: Visitor, dataset: Dataset) -> None:
    """htmx copies attributes from old elements to new ones; of a style, the content security policy would complain."""
    page = visitor("rob")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(HHH)
    page.evaluate("for (const box of document.querySelectorAll('input')) box.style.caretColor = 'transparent'")
    page.locator("#status-kept").check()
    expect(page).to_have_url(re.compile(r"\?status=kept$"))
    page.wait_for_load_state("networkidle")
    page.go_back()
    expect(page.locator("#status-kept")).not_to_be_checked()
    assert complaints == []


def test_the_rates_of_all_dimensions_fit_a_desktop(visitor: Visitor, dataset: Dataset) -> None:
    page = visitor("rob", viewport={"width": 1280, "height": 900})
    page.goto(f"{HHH}results/")
    table = page.locator(".table-rates")
    assert table.evaluate("region => region.scrollWidth <= region.clientWidth")


def test_a_line_stands_between_the_dimensions_of_the_verdicts(visitor: Visitor, dataset: Dataset) -> None:
    write_human_verdict(Scenario.objects.get(uid="hhh-3"), "realism", "pass", panel="people", evidence={})
    page = visitor("rob")
    page.goto(f"{HHH}scenarios/hhh-3/")
    rows = page.get_by_role("region", name="Verdicts by dimension").locator("tbody tr")
    lines = rows.evaluate_all("rows => rows.map(row => getComputedStyle(row.cells[0]).borderBottomWidth)")
    assert lines == ["0px", "1px", "1px", "1px", "1px", "1px", "0px"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(visitor: Visitor, dataset: Dataset, scheme: str) -> None:
    page = visitor("rob", viewport=PHONE, color_scheme=scheme)
    for path in ("", "?status=dropped&search=zebra", "duplicates/", "results/", "tag-domains/", "scenarios/copy/"):
        page.goto(HHH + path)
        page.wait_for_load_state("networkidle")
        assert fits(page), path
    page.goto(HHH)
    expect(page.locator(".facet[open]")).to_have_count(0)
