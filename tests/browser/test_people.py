"""Whoever settles five items by keyboard stays blind; leaving somebody out and taking them back changes the estimates both ways."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Campaign, Decision
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role
from tests.browser.conftest import PHONE, fits
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def disputed() -> Campaign:
    """Six items. On five of them one of two says no to the second question, and "odd-one" no to everything on all."""
    study = StudyFactory(slug="mine", name="Bakery study")
    for username, role in (("ari", Role.ADJUDICATOR), ("rob", Role.RESEARCHER)):
        Membership.objects.create(study=study, user=UserFactory(username=username), role=role)
    dataset = DatasetFactory(study=study, slug="hhh", name="HHH", primary_judge=JudgeFactory(name="the-judge"))
    campaign = CampaignFactory(dataset=dataset, slug="check", name="Bakery check", overlap=3)
    ann, bea, odd = (ParticipantFactory(campaign=campaign, pseudonym=name) for name in ("ann", "bea", "odd-one"))
    for number in range(6):
        scenario = judged(ScenarioFactory(dataset=dataset, uid=f"hhh-{number}"), dataset.primary_judge)
        item = ItemFactory(campaign=campaign, scenario=scenario)
        labelled(item, ann)
        labelled(item, bea, {"specificity": NO} if number else {})
        if number == 5:
            labelled(item, odd, {"realism": NO})
    Campaign.objects.update(sampling_plan={"plan": "random", "drawn": 6, "population": 6, "seed": 0})
    return campaign


def test_an_adjudicator_settles_five_items_by_keyboard(visitor: Callable[..., Page], disputed: Campaign) -> None:
    page = visitor("ari")
    page.get_by_role("link", name="Bakery check").click()
    assert "the-judge" not in page.content()
    page.get_by_role("link", name="Begin with the first").click()
    for number in range(5):
        expect(page.locator(".question.is-current")).to_be_visible()
        waiting = page.locator("#settle-form .question").count()
        for _ in range(waiting):
            page.keyboard.press("2")  # no
        page.keyboard.type(f"Read again, {number}.")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("Settled, and written down.")).to_be_visible()
        assert "the-judge" not in page.content()
    expect(page.get_by_text("5 are settled")).to_be_visible()
    settled = Decision.objects.filter(method=Decision.Method.ADJUDICATED)
    assert settled.values("item").distinct().count() == 5
    assert not settled.filter(blind=False).exists()
    assert set(settled.filter(question="specificity").values_list("answer", flat=True)) == {NO}
    page.set_viewport_size(PHONE)
    assert fits(page)


def test_leaving_somebody_out_changes_the_estimates_and_taking_them_back_does_again(
    visitor: Callable[..., Page], disputed: Campaign
) -> None:
    page = visitor("rob")

    def alpha() -> str:
        fragment = page.request.get("/studies/mine/campaigns/check/so-far/").text()
        found = re.search(r"Between people, α</dt>\s*<dd>.*?estimate\">([^<\s]+)", fragment, re.DOTALL)
        assert found is not None
        return found.group(1)

    def labels() -> str:
        page.goto("/studies/mine/campaigns/check/")
        return page.get_by_role("region", name="Items by what the judge made of them").inner_text()

    before, counted = alpha(), labels()
    page.goto("/studies/mine/campaigns/check/people/odd-one/")
    page.get_by_label("Why").fill("Says no to everything.")
    page.get_by_role("button", name="Leave odd-one out").click()
    expect(page.get_by_text("Left out: Says no to everything.")).to_be_visible()
    assert (alpha(), labels()) != (before, counted)
    assert labels() != counted
    page.goto("/studies/mine/campaigns/check/people/odd-one/")
    page.get_by_role("button", name="Take odd-one back").click()
    expect(page.get_by_text(re.compile("1 submissions? counts? again"))).to_be_visible()
    assert (alpha(), labels()) == (before, counted)
    page.set_viewport_size(PHONE)
    for address in ("people/", "people/odd-one/", "rules/", "consensus/", "flags/"):
        page.goto(f"/studies/mine/campaigns/check/{address}")
        assert fits(page), address
