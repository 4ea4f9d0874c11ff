"""Strangers in a real browser: one whom a platform sends, on a phone, and one who is invited, from the link to the first label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from annotation.models import Assignment, Campaign, Participant
from conflictscope.accounts import inviting
from tests.browser.conftest import LAPTOP, PATIENCE_MS, PHONE, Complaints, answer, fits, ready
from tests.factories.crowd import opened_to, platform

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stranger(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """A page in a browser of their own of somebody who has not logged in; as `visitor` otherwise."""
    contexts = []
    complaints = Complaints(live_server.url)

    def come(**settings: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, **{"viewport": PHONE, **settings})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        complaints.listen(context)
        return context.new_page()

    yield come
    for context in contexts:
        context.close()
    assert complaints.found == []


def submit_one(page: Page) -> None:
    answer(page)
    before = page.locator("#workspace").get_attribute("data-token")
    with page.expect_response(lambda response: response.url.endswith("/submit/")):
        page.keyboard.press("Enter")
    expect(page.locator(f'#workspace[data-token="{before}"]')).to_have_count(0)


def test_a_crowd_participant_from_link_to_code(stranger: Callable[..., Page], campaign: Campaign) -> None:
    """On a phone: what they agree to, a label, a reload in the midst of the next, a second device, a return the next day, the code."""
    Campaign.objects.filter(pk=campaign.pk).update(quota=2)
    link = platform(opened_to(campaign), "5f1e")
    phone = stranger(has_touch=True)
    phone.goto(link)
    expect(phone.get_by_role("heading", name="What you will read")).to_be_visible()
    assert fits(phone)
    phone.get_by_label("I have read this").check()
    phone.get_by_role("button", name="Take part").click()
    phone.get_by_role("button", name="I have read it: start labelling").click()
    ready(phone)
    assert fits(phone)
    expect(phone.get_by_role("link", name="Home")).to_have_count(0)
    submit_one(phone)
    ready(phone)

    phone.keyboard.press("y")
    expect(phone.locator("#save-state")).to_contain_text("Saved")
    phone.reload()
    ready(phone)
    expect(phone.locator("input:checked")).to_have_count(1)

    laptop = stranger(viewport=LAPTOP)
    laptop.goto(link)
    expect(laptop.get_by_text("You have begun already")).to_be_visible()
    laptop.get_by_role("button", name="Go on here").click()
    ready(laptop)
    expect(laptop.locator("input:checked")).to_have_count(0)
    expect(laptop.locator("#progress-done")).to_have_text("1")
    phone.goto(link)
    expect(phone.get_by_text("You have begun already")).to_be_visible()  # ended there

    laptop.close()
    Assignment.objects.filter(state="leased").update(lease_until=timezone.now() - timedelta(days=1))
    tomorrow = laptop.context.new_page()
    tomorrow.goto(link)
    ready(tomorrow)
    submit_one(tomorrow)
    expect(tomorrow.get_by_role("heading", name="That is all")).to_be_visible()
    tomorrow.get_by_role("button", name="Finish here").click()
    expect(tomorrow.get_by_text("DONE-1")).to_be_visible()
    expect(tomorrow.get_by_role("link", name="Back to the platform")).to_be_visible()
    place = Participant.objects.get(guest=True)
    assert Assignment.objects.counted().filter(participant=place).count() == 2


def test_from_an_invitation_to_the_first_label(stranger: Callable[..., Page], campaign: Campaign) -> None:
    made = inviting.invite(campaign.study, role="annotator", by=None)
    page = stranger()
    page.goto(made.get_absolute_url())
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Username").fill("zoe")
    page.get_by_label("Password", exact=True).fill("wet-paper-lamp-9")
    page.get_by_label("Password, once more").fill("wet-paper-lamp-9")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("link", name="Bakery check").first.click()
    page.get_by_role("button", name="I have read it: start labelling").click()
    ready(page)
    submit_one(page)
    assert Assignment.objects.counted().filter(participant__user__username="zoe").count() == 1
