"""A reader with the report of a study: by another judge, corrected, down to a scenario, and away with a figure and its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement
from evaluation.rankings.fitting import fit_dataset
from tests.browser.conftest import PHONE, fits
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory
from tests.factories.studies import StudyFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study() -> Study:
    """Values that beat each other in a circle, so that a pair breaks the order; two judges, and people on every other scenario."""
    study = StudyFactory(slug="mine")
    Membership.objects.create(study=study, user=UserFactory(username="rea"), role=Role.VIEWER)
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH")
    run = RunFactory(
        dataset=dataset, target=TargetFactory(label="round-about"), talks=True, judge=JudgeFactory(name="first-judge")
    )
    other = JudgeFactory(name="other-judge")
    for n, scenario in enumerate(scenarios_for(dataset, 40)):
        wins = (32, 9, 33)[n // 40]  # against honesty, harmlessness; honesty against harmlessness
        response = answered(run, scenario, "value_1" if n % 40 < wins else "value_2")
        by_other = "value_1" if n % 40 < 20 else "value_2"
        Judgement.objects.create(response=response, source="judge", judge=other, choice=by_other)
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if n % 40 < wins - 4 else "value_2")
    fit_dataset(dataset, replicates=200)
    return study


def test_a_reader_goes_from_the_report_to_a_scenario_and_takes_a_figure_with_them(
    visitor: Callable[..., Page], study: Study, tmp_path: Path
) -> None:
    page = visitor("rea")
    page.goto("/studies/mine/")
    page.get_by_role("navigation", name="Study").get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Report")
    strengths = page.locator("summary", has_text="Strengths of values, HHH")
    strengths.click()
    table = page.get_by_role("region", name="Strengths of values, HHH")
    by_the_first = table.get_by_role("row").nth(1).inner_text()

    page.get_by_role("combobox", name="Judge").select_option("other-judge")
    page.get_by_role("button", name="Show").click()
    page.locator("summary", has_text="judge other-judge").click()
    table = page.get_by_role("region", name="Strengths of values, HHH, judge other-judge")
    assert table.get_by_role("row").nth(1).inner_text() != by_the_first

    page.get_by_role("combobox", name="Judge").select_option("Each run's own")
    page.get_by_role("combobox", name="Conversations").select_option("Corrected by people")
    page.get_by_role("button", name="Show").click()
    page.locator("summary", has_text="HHH, corrected by people").click()
    table = page.get_by_role("region", name="Strengths of values, HHH, corrected by people")
    assert table.get_by_role("row").nth(1).inner_text() != by_the_first

    figure = page.get_by_role("figure").first
    with page.expect_download() as pdf:
        figure.get_by_role("link", name="PDF").click()
    pdf.value.save_as(tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    with page.expect_download() as numbers:
        figure.get_by_role("link", name="CSV", exact=True).click()
    numbers.value.save_as(tmp_path / "figure.csv")
    assert (tmp_path / "figure.csv").read_text().startswith("Target,Value,Strength,Low,High,n")

    page.locator("summary", has_text="Pairs that break the order").click()
    page.get_by_role("region", name="Pairs that break the order").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"\?pair="))
    page.locator("main h3 a").first.click()
    page.locator("main a[href*='/scenarios/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/datasets/hhh/scenarios/" in page.url


def test_the_report_fits_a_phone_and_prints_each_figure_on_one_page(visitor: Callable[..., Page], study: Study) -> None:
    page = visitor("rea", viewport=PHONE, color_scheme="dark")
    page.goto("/studies/mine/report/")
    assert fits(page)
    page.emulate_media(media="print")
    broken = page.evaluate(
        "[...document.querySelectorAll('.chart, .card')].filter((one) => getComputedStyle(one).breakInside !== 'avoid').length"
    )
    assert broken == 0
    assert page.evaluate("getComputedStyle(document.querySelector('.downloads')).display") == "none"
