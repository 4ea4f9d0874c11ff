"""A community takes HHH for its own: forked, added to, reworded by somebody else, published, ordered; by keyboard where it says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from conflictscope.values.models import TargetRanking, ValueSetVersion
from conflictscope.values.orders import said_order
from conflictscope.values.publishing import import_value_set
from tests.browser.conftest import PHONE, fits
from tests.factories.studies import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]
WARD = "/value-sets/ward-seven/"


def test_a_set_is_forked_written_together_published_and_put_in_order(visitor: Visitor) -> None:
    import_value_set("hhh")
    UserFactory(username="ana")
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

    # By keyboard alone: Honesty is put before Calm, and the order kept.
    ana.goto(f"{WARD}versions/2/order/")
    ana.get_by_label("Name").press_sequentially("What the ward wants")
    for _ in range(40):
        ana.keyboard.press("Tab")
        if ana.evaluate("document.activeElement.getAttribute('aria-label')") == "Move Honesty up":
            break
    ana.keyboard.press("Enter")
    expect(ana.get_by_text("Honesty: place 1 of 2")).to_be_attached()
    for _ in range(40):
        ana.keyboard.press("Tab")
        if ana.evaluate("document.activeElement.textContent").strip() == "Keep this order":
            break
    ana.keyboard.press("Enter")
    expect(ana.get_by_text("The order is kept")).to_be_visible()
    assert [[value.name for value in tier] for tier in said_order(TargetRanking.objects.get())] == [
        ["Honesty"],
        ["Calm"],
    ]
    ana.set_viewport_size(PHONE)
    for page in ("", "draft/", "history/", "members/", "compare/"):
        ana.goto(WARD + page)
        assert fits(ana), page
