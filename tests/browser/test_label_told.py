"""What the label screen tells: work that would not count, answers at odds, and what can be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.campaigns.lifecycle import close, pause
from annotation.models import Annotation, Assignment, Campaign
from tests.browser.conftest import answer, ready, start
from tests.factories.annotation import CampaignFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]
State = Assignment.State


def token(page: Page) -> str:
    return page.locator("#workspace").get_attribute("data-token") or ""


def test_u_right_after_submitting_opens_the_submission(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    before = token(page)
    answer(page)
    page.keyboard.press("Enter")
    expect(page.locator("#progress-done")).to_have_text("1")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("u")
    page.wait_for_url(f"**/{before}/")
    expect(page.locator("#submit")).to_contain_text("Submit changes")


def test_a_skip_is_taken_back_by_a_key(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    before = token(page)
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator("#skipped")).to_contain_text("Take it back")
    assert token(page) != before
    page.wait_for_load_state("networkidle")
    page.keyboard.press("u")
    expect(page.locator("#workspace")).to_have_attribute("data-token", before)
    assert str(Assignment.objects.get(state=State.LEASED).token) == before


def test_saved_never_stands_for_what_does_not_count(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    page.keyboard.press("y")
    expect(page.locator("#save-state")).to_have_text("Saved")
    pause(campaign)
    page.keyboard.press("y")
    expect(page.locator(".label-notice")).to_contain_text("paused: this item can be finished, and counts")
    close(campaign)
    page.keyboard.press("y")
    expect(page.locator(".label-notice")).to_contain_text("does not count")
    expect(page.locator("#save-state")).to_have_text("Kept, see above")


def test_answers_at_odds_are_asked_about_and_may_be_meant(visitor: Visitor, campaign: Campaign) -> None:
    CampaignFactory(dataset=campaign.dataset, items=2, kind=Campaign.Kind.PREFERENCE, slug="odds")
    page = visitor("ada")
    page.goto("/label/mine/odds/")
    page.get_by_role("button", name="start labelling").click()
    ready(page)
    page.keyboard.press("1")
    page.keyboard.press("7")
    page.keyboard.press("Enter")
    expect(page.locator("#save-state")).to_contain_text("You chose A, and 7 on the scale is on the side of B.")
    assert not Assignment.objects.filter(item__campaign__slug="odds", state=State.SUBMITTED).exists()
    page.keyboard.press("Enter")
    expect(page.locator("#progress-done")).to_have_text("1")
    assert Annotation.objects.filter(assignment__item__campaign__slug="odds").count() == 2
