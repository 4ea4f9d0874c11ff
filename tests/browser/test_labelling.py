"""From the login page to a changed kappa: labelling as annotators do it, and what researchers then see."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from annotation.models import Annotation, Assignment, Campaign
from tests.browser.conftest import ALL_EIGHT, PHONE, answer, fits, start, watched

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]


def realism(researcher: Page) -> str:
    """The row of the agreement page."""
    researcher.goto("/studies/mine/agreement/")
    row = researcher.get_by_role("region", name="Agreement by dimension").get_by_role("row", name="Realism")
    return " ".join(row.inner_text().split())


@pytest.mark.backends
def test_three_scenarios_labelled_by_keyboard_change_the_agreement_that_researchers_see(
    visitor: Visitor, campaign: Campaign
) -> None:
    researcher = visitor("rob")
    assert realism(researcher).startswith("Realism 1 100 %")
    assert "undefined" in realism(researcher)

    annotator = visitor("ada")
    annotator.get_by_role("link", name="Bakery check").click()
    expect(annotator.get_by_role("heading", name="Read with care")).to_be_visible()
    annotator.get_by_role("button", name="I have read it: start labelling").press("Enter")
    expect(annotator.locator("#progress-done")).to_have_text("0")
    for done, keys in enumerate((ALL_EIGHT, "n" + ALL_EIGHT[1:], ALL_EIGHT), start=1):
        answer(annotator, keys)
        annotator.keyboard.press("Enter")
        expect(annotator.locator("#progress-done")).to_have_text(str(done))
    annotator.get_by_role("link", name="Leave").click()
    expect(annotator.get_by_text("3 done · up to 2 left")).to_be_visible()

    # The judge says pass, pass, pass, fail, and people pass, fail, pass, fail: 3 of 4 agree, and by chance 2 of 4 would.
    after = realism(researcher)
    assert after.startswith("Realism 4 75 %")
    assert "0.50 [" in after
    mine = Annotation.objects.filter(assignment__participant__user__username="ada", question="realism")
    assert sorted(mine.values_list("answer", flat=True)) == ["no", "yes", "yes"]


def test_answers_survive_a_reload_and_a_lost_connection(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    answer(page, "yn")
    expect(page.locator("#save-state")).to_have_text("Saved")
    page.reload()
    expect(page.locator("input[name=realism][value=yes]")).to_be_checked()
    expect(page.locator("input[name=specificity][value=no]")).to_be_checked()
    # No reply comes, as when a tunnel swallows the train; the page is closed and opened again in there.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/answers/", hold)
    answer(page, "y")
    expect(page.locator("#save-state")).to_have_text("Saving…")
    page.reload()
    expect(page.locator("input[name=feasibility_a][value=yes]")).to_be_checked()
    assert not Annotation.objects.filter(question__startswith="feasibility", answer="yes", assignment__state="leased")
    page.unroute("**/answers/")
    expect(page.locator("#save-state")).to_have_text("Saved")
    stored = Annotation.objects.filter(assignment__participant__user__username="ada").exclude(answer="")
    assert stored.count() == 3


def test_a_comment_is_typed_without_answering_and_a_slip_is_undone(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    answer(page, "n")
    page.keyboard.press("u")
    expect(page.locator("input[name=realism]:checked")).to_have_count(0)
    page.keyboard.press("c")
    page.keyboard.type("yes and no, 1 or 2?")
    page.keyboard.press("Escape")
    expect(page.locator("input[type=radio]:checked")).to_have_count(0)
    answer(page)
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    expect(page.locator("#save-state")).to_have_text("One question is left")
    expect(page.locator("#progress-done")).to_have_text("0")
    answer(page, "n")
    page.keyboard.press("Enter")
    expect(page.locator("#progress-done")).to_have_text("1")
    given = {
        row.question: row for row in Annotation.objects.filter(assignment__participant__user__username="ada").all()
    }
    assert given["realism"].comment == "yes and no, 1 or 2?"
    assert (given["realism"].answer, given["genuine_dilemma"].answer) == ("yes", "no")


def test_an_item_is_flagged_and_skipped_by_keyboard(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("ada")
    start(page)
    page.keyboard.press("f")
    page.keyboard.type("The street has no number 14.")
    page.keyboard.press("Enter")
    expect(page.locator("#flags")).to_contain_text("Flagged: The street has no number 14.")
    page.keyboard.press("s")
    page.keyboard.type("I know them.")
    page.keyboard.press("Enter")
    expect(page.locator(".label-progress")).to_contain_text("1 skipped")
    skipped = Assignment.objects.get(state=Assignment.State.SKIPPED)
    assert skipped.skip_reason == "I know them."
    assert skipped.flags.get().reason == "The street has no number 14."


def test_when_the_last_item_is_done_the_screen_says_so(visitor: Visitor, campaign: Campaign) -> None:
    campaign.items.exclude(scenario__uid="hhh-1").update(open_slots=0)
    page = visitor("ada")
    start(page)
    answer(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="That is all")).to_be_visible()


def test_a_researcher_draws_opens_and_reads_a_campaign(visitor: Visitor, campaign: Campaign) -> None:
    page = visitor("rob")
    page.goto("/studies/mine/campaigns/")
    page.get_by_role("link", name="New campaign").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name").fill("Second look")
    page.get_by_label("Scenarios", exact=True).fill("4")
    page.get_by_label("Stratified").check()
    page.get_by_role("button", name="Draw the items").click()
    expect(page.get_by_role("heading", name="Second look")).to_be_visible()
    page.get_by_role("button", name="Open the campaign").click()
    expect(page.get_by_role("status")).to_contain_text("Second look is open")
    page.goto("/studies/mine/campaigns/check/")
    page.get_by_label("Labels needed").fill("1")
    page.get_by_role("button", name="Write down what people agree on").click()
    watched(page)
    expect(page.get_by_text("6 verdicts of people stand, 5 passed and 1 failed")).to_be_visible()
    page.goto("/studies/mine/datasets/hhh/scenarios/hhh-5/")
    labels = page.get_by_role("region", name="Labels in Bakery check")
    expect(labels.get_by_role("row", name=re.compile("really happen"))).to_contain_text("majority")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_room_fits_a_phone(visitor: Visitor, campaign: Campaign, scheme: str) -> None:
    researcher = visitor("rob", viewport=PHONE, color_scheme=scheme)
    for address in (
        "/studies/mine/campaigns/",
        "/studies/mine/new-campaign/",
        "/studies/mine/campaigns/check/",
        "/studies/mine/agreement/",
        "/studies/mine/agreement/check/items/all/",
        "/studies/mine/agreement/?campaign=check&dimension=realism",
        "/studies/mine/datasets/hhh/scenarios/hhh-5/",
    ):
        researcher.goto(address)
        researcher.wait_for_load_state("networkidle")
        assert fits(researcher), address
    annotator = visitor("ada", viewport=PHONE, color_scheme=scheme, has_touch=True)
    annotator.goto("/label/mine/check/")
    assert fits(annotator)
    start(annotator)
    annotator.get_by_text("Yes").first.tap()
    expect(annotator.locator("#save-state")).to_have_text("Saved")
    assert fits(annotator)
