"""A community takes HHH for its own: forked, added to, reworded by somebody else, published, ordered; by keyboard where it says so."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import TrialScenario
from conflictscope.values.models import TargetRanking, ValueSetVersion
from conflictscope.values.orders import in_words
from conflictscope.values.publishing import import_value_set
from tests.browser.conftest import JOB_PATIENCE_MS, PHONE, fits
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]
WARD = "/value-sets/ward-seven/"


def test_a_set_is_forked_tried_written_together_published_and_put_in_order(visitor: Visitor, simulator: Any) -> None:
    import_value_set("hhh")
    study = StudyFactory(created_by=UserFactory(username="ana"), name="Ward study")
    EndpointFactory(name="writer", llm="sim-generator", base_url=f"{simulator.base_url}/v1", price_in=1, price_out=2)
    UserFactory(username="ben")

    ana = visitor("ana")
    ana.goto("/value-sets/hhh/")
    ana.get_by_role("link", name="Fork it").click()
    ana.get_by_label("Name").fill("Ward seven")
    ana.get_by_role("button", name="Begin").click()
    row = ana.locator("[data-row]").last
    row.get_by_label("Name").fill("Calm")
    row.get_by_label("Definition").fill("Speaking softly, and never hurrying a person who is afraid.")
    ana.get_by_role("button", name="Store the draft").click()
    expect(ana.get_by_text("4 values, 6 pairs")).to_be_visible()
    # Tried out on a generator of her study, its price shown as soon as that is chosen.
    ana.get_by_role("link", name="Try it out").click()
    ana.get_by_label("Generator").select_option(label="writer")
    expect(ana.get_by_text("6 items now; 6 calls")).to_be_visible()
    assert not Job.objects.exists()
    ana.get_by_role("button", name="Try it out").click()
    expect(ana.locator("#trial .badge-running")).to_be_visible()
    worked_on(Job.objects.get())
    pair = ana.locator("#trial summary", has_text="Honesty – Calm")
    expect(pair).to_be_visible(timeout=JOB_PATIENCE_MS)
    pair.click()
    expect(ana.get_by_role("article", name="Scenario 3").locator("visible=true")).to_be_visible()
    assert TrialScenario.objects.count() == 18
    assert not study.datasets.exists()

    ana.get_by_role("link", name="Members").click()
    ana.get_by_label("Username").fill("ben")
    ana.get_by_role("button", name="Give this role").click()

    ben = visitor("ben", viewport=PHONE, color_scheme="dark")
    ben.goto(f"{WARD}proposals/")
    ben.get_by_label("What is to change").select_option("reword")
    ben.get_by_label("Which value").select_option("calm")
    ben.get_by_label("Definition").fill("Speaking softly, and never hurrying anybody.")
    ben.get_by_label("Reason").fill("Shorter.")
    assert fits(ben)
    ben.get_by_role("button", name="Propose it").click()
    ben.get_by_role("button", name="Support").click()
    expect(ben.get_by_text("1 for, 0 against")).to_be_visible()

    ana.goto(f"{WARD}proposals/")
    ana.get_by_role("button", name="Accept").click()
    ana.goto(f"{WARD}draft/")
    ana.get_by_role("button", name="Publish version 1").click()
    expect(ana.get_by_text("It never changes from now on")).to_be_visible()
    expect(ana.get_by_text("ana, ben")).to_be_visible()
    ana.get_by_role("button", name="Write the next version").click()
    ana.get_by_label("In place of the values that are there").check()
    ana.get_by_label("A list, JSON or YAML").fill("Calm: Speaking softly.\nHonesty: Saying what is so.")
    ana.get_by_role("button", name="See what is understood").click()
    ana.get_by_role("button", name="Store 2 values").click()
    ana.get_by_role("button", name="Publish version 2").click()
    ana.goto(f"{WARD}compare/")
    expect(ana.locator("del").first).to_be_visible()
    assert list(ValueSetVersion.objects.filter(value_set__slug="ward-seven").values_list("number", "status")) == [
        (1, "published"),
        (2, "published"),
    ]

    # By keyboard alone: Honesty is put before Calm, tied with it and parted again, and the order kept.
    ana.goto(f"{WARD}versions/2/order/")
    expect(ana.get_by_text("1. Calm")).to_be_visible()
    ana.get_by_label("Name").press_sequentially("What the ward wants")
    tab_to(ana, "Move Honesty up")
    ana.keyboard.press("Enter")
    expect(ana.get_by_text("Honesty: place 1 of 2")).to_be_attached()
    expect(ana.get_by_text("1. Honesty")).to_be_visible()
    tab_to(ana, "Tie Calm with the one above")
    ana.keyboard.press("Enter")
    expect(ana.get_by_text("Calm is tied with Honesty")).to_be_attached()
    expect(ana.get_by_text("steers nowhere")).to_be_visible()
    ana.keyboard.press("Enter")
    expect(ana.get_by_text("Calm comes after Honesty")).to_be_attached()
    tab_to(ana, "Keep this order")
    ana.keyboard.press("Enter")
    expect(ana.get_by_text("The order is kept")).to_be_visible()
    assert in_words(TargetRanking.objects.get()) == "Honesty > Calm"
    ana.get_by_text("Steering prompt of What the ward wants").click()
    expect(ana.get_by_text("1. Honesty")).to_be_visible()
    # By hand: Calm is drawn above Honesty.
    ana.goto(f"{WARD}versions/2/order/?from={TargetRanking.objects.get().pk}")
    rows = ana.locator("[data-row]")
    expect(rows.first).to_contain_text("Honesty")
    rows.last.locator("[data-row-tools]").drag_to(rows.first, source_position={"x": 2, "y": 2})
    expect(rows.first).to_contain_text("Calm")
    assert [row.get_by_role("spinbutton").input_value() for row in rows.all()] == ["1", "2"]
    ana.set_viewport_size(PHONE)
    for page in ("", "draft/", "history/", "members/", "compare/"):
        ana.goto(WARD + page)
        assert fits(ana), page


def tab_to(page: Page, name: str) -> None:
    """By the tabulator alone to the button of this name."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"The tabulator does not reach {name!r}.")


def worked_on(job: Job) -> None:
    """A worker of its own does the job while the page looks on."""

    def work() -> None:
        try:
            worker.work_on(job)
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    thread.join(timeout=60)
