"""What annotators can rely on at the label screen: nothing gets lost, whatever happens to the connection, the page or the tab."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, Request, Route, expect

from annotation.models import Annotation, Assignment, Campaign, Revision
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role
from tests.browser.conftest import ALL_EIGHT, PHONE, answer, fits, ready, start
from tests.factories.annotation import CampaignFactory
from tests.factories.studies import PASSWORD, UserFactory

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


def questions(page: Page) -> list[str]:
    """The kinds of question that the browser will ask by itself; it gets a yes."""
    asked: list[str] = []

    def answered(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answered)
    return asked


def down(route: Route) -> None:
    route.fulfill(status=503, body="The server is being restarted.")


def test_a_submission_that_the_server_did_not_get_is_sent_after_a_reload(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected="503")
    start(page)
    prefetched(page)
    asked = questions(page)
    page.route("**/submit/", down)
    answer(page)
    page.keyboard.press("Enter")
    expect(page.locator(".label-notice")).to_contain_text("Your submission is kept in this browser")
    assert submitted() == 0
    page.unroute("**/submit/")
    page.reload()
    assert asked == ["beforeunload"]  # who leaves is told that something has not been sent
    done(page, 1)
    assert submitted() == 1


def test_an_item_looked_at_ahead_is_nobodys_while_a_submission_waits(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected="503")
    start(page)
    prefetched(page)
    page.route("**/submit/", down)
    answer(page)
    page.keyboard.press("Enter")
    expect(page.locator(".label-notice")).to_contain_text("kept in this browser")
    beats: list[str] = []

    def heard(request: Request) -> None:
        if request.url.endswith("/heartbeat/"):
            beats.append(request.url)

    page.on("request", heard)
    with page.expect_response("**/submit/"):
        page.evaluate("dispatchEvent(new Event('online'))")
    assert beats == []
    assert Assignment.objects.filter(participant__user__username="ada").count() == 1
    page.unroute("**/submit/")
    done(page, 1)
    with page.expect_response("**/heartbeat/"):
        page.evaluate("dispatchEvent(new Event('online'))")


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


def test_a_tab_goes_on_when_another_has_at_last_sent_what_both_show(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada", expected="503")
    start(page)
    prefetched(page)
    waiting = page.context.new_page()  # shows the item when it is submitted
    waiting.goto("/label/mine/check/")
    ready(waiting)
    page.route("**/submit/", down)
    page.bring_to_front()
    answer(page)
    first = token(page)
    page.keyboard.press("Enter")
    expect(waiting.locator("#workspace")).to_have_attribute("aria-busy", "true")
    sending = page.context.new_page()  # is opened when it has been submitted, and would send it too
    sending.route("**/submit/", down)
    sending.goto("/label/mine/check/")
    expect(sending.locator(".label-notice")).to_contain_text("kept in this browser")
    waiting.bring_to_front()
    with page.expect_response("**/submit/"):  # by now all have seen that it takes time
        pass
    assert token(waiting) == token(sending) == first
    page.unroute("**/submit/")
    page.evaluate("dispatchEvent(new Event('online'))")
    for tab in (page, waiting, sending):
        tab.bring_to_front()
        done(tab, 1)
        expect(tab.locator("#workspace")).not_to_have_attribute("aria-busy", "true")
        assert token(tab) != first
    expect(waiting.locator(".label-notice")).to_contain_text("in another tab")
    assert submitted() == 1


def test_what_takes_the_place_of_a_submission_under_way_is_sent_too(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    prefetched(page)
    held: list[Route] = []
    page.route("**/submit/", lambda route: held.append(route), times=1)
    answer(page)
    with page.expect_request("**/submit/"):
        page.keyboard.press("Enter")
    page.evaluate(
        """() => {
            const key = Object.keys(localStorage).find((each) => each.includes(":outbox:"));
            const kept = JSON.parse(localStorage.getItem(key));
            kept.entries[0].at += 1;
            localStorage.setItem(key, JSON.stringify(kept));
        }"""
    )
    with page.expect_request("**/submit/"):
        held[0].continue_()
    done(page, 1)
    assert submitted() == 1


def test_a_page_never_takes_over_the_item_of_whoever_logs_in_next(visitor: Visitor, campaign: Campaign) -> None:
    eve = UserFactory(username="eve")
    Membership.objects.create(study=campaign.study, user=eve, role=Role.ANNOTATOR)
    page = visitor("ada", expected="403")
    start(page)
    mine = token(page)
    page.context.clear_cookies()
    other = page.context.new_page()
    other.goto("/")
    other.get_by_label("Username").fill("eve")
    other.get_by_label("Password").fill(PASSWORD)
    with other.expect_navigation():
        other.get_by_role("button", name="Log in").click()
    start(other)
    assert token(other) != mine
    page.bring_to_front()
    # What makes the page ask for its item: word from another tab of the same person.
    key = f"conflictscope-label:{page.locator('#workspace').get_attribute('data-person')}"
    other.evaluate("([key, token]) => new BroadcastChannel(key).postMessage({ kind: 'left', token })", [key, mine])
    expect(page.locator(".label-notice")).to_contain_text("You are signed out")
    assert token(page) == mine


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
    asked = questions(page)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    done(page, 1)
    assert submitted() == 1
    assert asked == []  # signing in is no leaving


def test_a_scale_is_answered_by_its_digits_on_a_phone_and_by_keyboard(visitor: Visitor, campaign: Campaign) -> None:
    CampaignFactory(dataset=campaign.dataset, slug="ask", name="Bakery ask", kind="preference", items=2)
    page = visitor("ada")
    page.goto("/label/mine/ask/")
    page.get_by_role("button", name="I have read it: start labelling").click()
    answer(page, "26")
    page.keyboard.press("Enter")
    done(page, 1)
    given = Assignment.objects.get(state=State.SUBMITTED, item__campaign__slug="ask")
    straight = given.action_order == "action_1_first"
    assert dict(given.annotations.values_list("question", "answer")) == {
        "preferred_action": "action_2" if straight else "action_1",
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
