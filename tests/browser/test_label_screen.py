"""What annotators can rely on at the label screen: nothing gets lost, whatever happens to the connection, the page or the tab."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from annotation.models import Annotation, Assignment, Campaign, Revision
from tests.browser.conftest import ALL_EIGHT, PHONE, answer, fits, start
from tests.factories.annotation import CampaignFactory
from tests.factories.studies import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]
CUT = "ERR_INTERNET_DISCONNECTED"
State = Assignment.State


def submitted() -> int:
    return Assignment.objects.filter(participant__user__username="ada", state=State.SUBMITTED).count()


def prefetched(page: Page) -> None:
    """The next item has been looked at ahead."""
    page.wait_for_load_state("networkidle")


def token(page: Page) -> str:
    return page.locator("#workspace").get_attribute("data-token") or ""


def done(page: Page, number: int) -> None:
    expect(page.locator("#progress-done")).to_have_text(str(number))


def test_an_item_takes_nine_keys_and_the_next_one_is_read_first(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    prefetched(page)
    held = Assignment.objects.filter(state=State.LEASED).count()
    assert held == 1  # what is looked at ahead is nobody's yet
    answer(page)
    before = token(page)
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text("Next item.")
    assert token(page) != before
    expect(page.locator(".label-item")).to_be_focused()
    done(page, 1)
    lease = Assignment.objects.get(state=State.LEASED)
    assert str(lease.token) == token(page)


def test_two_items_submitted_without_a_connection_arrive_when_it_is_back(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected=CUT)
    start(page)
    prefetched(page)
    page.context.set_offline(True)
    for _ in range(2):
        answer(page)
        page.keyboard.press("Enter")
    expect(page.locator(".label-notice")).to_contain_text("2 submissions are kept in this browser")
    expect(page.locator("#save-state")).to_have_text("Offline: will retry")
    assert submitted() == 0
    page.context.set_offline(False)
    done(page, 2)
    expect(page.locator(".label-notice")).to_have_count(0)
    mine = Assignment.objects.filter(participant__user__username="ada", state=State.SUBMITTED)
    assert [each.annotations.exclude(answer="").count() for each in mine] == [8, 8]
    assert not any(each.surplus for each in mine)
    answer(page)
    page.keyboard.press("Enter")
    done(page, 3)


def test_a_submission_that_the_server_did_not_get_is_sent_after_a_reload(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected="503")
    start(page)
    prefetched(page)

    def down(route: Route) -> None:
        route.fulfill(status=503, body="The server is being restarted.")

    page.route("**/submit/", down)
    answer(page)
    page.keyboard.press("Enter")
    expect(page.locator(".label-notice")).to_contain_text("Your submission is kept in this browser")
    assert submitted() == 0
    page.unroute("**/submit/")
    page.reload()
    done(page, 1)
    assert submitted() == 1


def test_what_was_answered_ahead_counts_even_if_others_were_faster(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected=CUT)
    start(page)
    prefetched(page)
    page.context.set_offline(True)
    answer(page)
    page.keyboard.press("Enter")
    answer(page, "y")
    # Meanwhile the others take all there is.
    campaign.items.update(open_slots=0)
    page.context.set_offline(False)
    done(page, 1)
    answer(page, ALL_EIGHT[1:])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="That is all")).to_be_visible()
    late = Assignment.objects.filter(participant__user__username="ada", state=State.SUBMITTED).order_by("pk").last()
    assert late is not None
    assert late.surplus
    assert late.annotations.count() == 8


def test_two_tabs_follow_each_other(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    other = page.context.new_page()
    other.goto("/label/mine/check/")
    assert token(other) == token(page)
    page.bring_to_front()
    answer(page, "n")
    expect(other.locator("input[name=realism][value=no]")).to_be_checked()
    answer(page, ALL_EIGHT[1:])
    first = token(page)
    page.keyboard.press("Enter")
    done(page, 1)
    other.bring_to_front()
    expect(other.locator(".label-notice")).to_contain_text("in another tab")
    done(other, 1)
    assert token(other) == token(page) != first
    assert Assignment.objects.filter(participant__user__username="ada").count() == 2


def test_a_latest_submission_is_changed_and_one_is_back_where_one_was(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    answer(page)
    page.keyboard.press("Enter")
    done(page, 1)
    answer(page, "yn")
    going_on = token(page)
    page.keyboard.press("l")
    page.get_by_role("dialog", name="My latest submissions").get_by_role("link", name="Change").click()
    expect(page.get_by_text("You submitted this item.")).to_be_visible()
    answer(page, "n")
    expect(page.locator("#save-state")).to_have_text("Changed, not submitted yet")
    realism = Annotation.objects.get(
        question="realism", assignment__state=State.SUBMITTED, assignment__participant__user__username="ada"
    )
    assert realism.answer == "yes"
    page.keyboard.press("Enter")
    expect(page.locator(".label-notice")).to_contain_text("Your changed answers are stored.")
    realism.refresh_from_db()
    assert realism.answer == "no"
    assert Revision.objects.get().assignment_id == realism.assignment_id
    assert token(page) == going_on
    expect(page.locator("input[name=specificity][value=no]")).to_be_checked()
    page.reload()
    assert token(page) == going_on


def test_signed_out_in_the_middle_nothing_is_lost(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected="403")
    start(page)
    page.context.clear_cookies()
    answer(page)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    done(page, 1)
    assert submitted() == 1


def test_a_scale_is_answered_by_its_digits_on_a_phone_and_by_keyboard(visitor: Visitor, campaign: Campaign) -> None:
    CampaignFactory(dataset=campaign.dataset, slug="ask", name="Bakery ask", kind="preference", items=2)
    page = visitor("ada")
    page.goto("/label/mine/ask/")
    page.get_by_role("button", name="I have read it: start labelling").click()
    answer(page, "16")
    page.keyboard.press("Enter")
    done(page, 1)
    given = Assignment.objects.get(state=State.SUBMITTED, item__campaign__slug="ask")
    straight = given.action_order == "action_1_first"
    assert dict(given.annotations.values_list("question", "answer")) == {
        "preferred_action": "action_1" if straight else "action_2",
        "preference_strength": "6" if straight else "2",
    }
    page.set_viewport_size(PHONE)
    assert fits(page)


def test_on_a_phone_every_target_is_big_enough_for_a_thumb(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", viewport=PHONE, has_touch=True)
    start(page)
    small = page.evaluate(
        """() => [...document.querySelectorAll("a, button, summary, .option")]
            .filter((each) => each.checkVisibility() && !each.closest("dialog, .skip-link") && !each.matches(".skip-link"))
            .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
            .filter(([, box]) => box.height < 44 || box.width < 44)
            .map(([words, box]) => `${words}: ${box.width} x ${box.height}`)"""
    )
    assert small == []
    assert fits(page)


def test_who_idles_is_told_in_time_and_keeps_the_item_by_moving(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    page.clock.install()
    start(page)
    prefetched(page)
    page.clock.fast_forward("28:00")
    expect(page.locator("#lease")).to_have_text("held for 2 min")
    expect(page.locator("#announcer")).to_contain_text("goes to somebody else soon")
    with page.expect_response("**/heartbeat/"):
        page.mouse.move(200, 200)
    expect(page.locator("#lease")).to_have_text("held for 30 min")
