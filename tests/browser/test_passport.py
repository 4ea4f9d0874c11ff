"""From two people's keys to a judge's passport: agreement by one answer and by sets, a prompt tuned on dev, the test opened once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from annotation.agreement import tuning
from annotation.models import Annotation, Campaign, Item, Unsealing
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.filtering.dimensions import NO, YES
from conflictscope.scenarios.models import Dimension, Judge
from conflictscope.studies.endpoints import allow
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role
from tests.browser.conftest import ALL_EIGHT, PHONE, answer, fits, watched
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled_at_once
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitor = Callable[..., Page]
JUDGE = "/studies/mine/judges/check/the-judge/"


@pytest.fixture
def split_campaign(simulator: Running) -> Campaign:
    """Twelve scenarios, eight for tuning. The judge passes all but two, on which both people agree with it; two wait to be labelled."""
    study = StudyFactory(slug="mine", name="Bakery study")
    users = {name: UserFactory(username=name) for name in ("ada", "bea", "rob")}
    for name, user in users.items():
        role = Role.RESEARCHER if name == "rob" else Role.ANNOTATOR
        Membership.objects.create(study=study, user=user, role=role)
    judge = JudgeFactory(name="the-judge", endpoint=EndpointFactory(base_url=f"{simulator.base_url}/v1"))
    allow(study, [judge.endpoint])
    dataset = DatasetFactory(study=study, slug="hhh", primary_judge=judge, generator=judge.endpoint)
    campaign = CampaignFactory(
        dataset=dataset,
        slug="check",
        name="Bakery check",
        overlap=2,
        dev_share=0.5,
        second_answers=Campaign.SecondAnswers.OPTIONAL,
    )
    items = []
    for number in range(12):
        scenario = judged(
            ScenarioFactory(dataset=dataset, uid=f"hhh-{number}"), judge, realism="fail" if number in (6, 7) else "pass"
        )
        part = Item.Part.DEV if number < 8 else Item.Part.TEST
        items.append(ItemFactory(campaign=campaign, scenario=scenario, part=part))
    for name in ("ada", "bea"):
        place = ParticipantFactory(campaign=campaign, user=users[name], pseudonym=f"a-{name}")
        labelled_at_once(place, {item: {"realism": NO} if item in items[6:8] else {} for item in items[2:]})
    return campaign


def realism(page: Page) -> dict[str, str]:
    """The row of the passport, by the headings of its columns."""
    page.goto(JUDGE)
    page.get_by_text("More figures").click()
    found: dict[str, str] = {}
    for region in ("The passport, dimension by dimension", "More figures, dimension by dimension"):
        row = page.get_by_role("region", name=region).get_by_role("row", name="Realism")
        for cell in row.locator("td").all():
            found[cell.get_attribute("data-label") or ""] = " ".join(cell.inner_text().split())
    return found


def test_two_people_and_a_judge_from_their_keys_to_its_passport(
    visitor: Visitor, split_campaign: Campaign, simulator: Running
) -> None:
    people = {name: visitor(name) for name in ("ada", "bea")}
    # Of the first item ada says yes and bea no; of the second both say no, and the judge passes both.
    for name, keys in (("ada", "yn"), ("bea", "nn")):
        people[name].goto("/label/mine/check/")
        for key in keys:
            answer(people[name], key + ALL_EIGHT[1:])
            people[name].keyboard.press("Enter")
        expect(people[name].get_by_role("heading", name="That is all")).to_be_visible()
    rob = visitor("rob")
    rob.set_default_navigation_timeout(60_000)  # a passport that nobody has looked at yet is worked out first
    before = realism(rob)
    assert before["Items"] == "8"
    assert "[" in before["Judge and a person, κ"]
    # Seven items with a majority, on six of which it agrees; none of the others' sets holds its answer.
    assert before["By sets of answers"].startswith("88 %")  # the tie leaves both answers allowed

    # Ada opens the second item again: that it is realistic can be defended, too.
    ada = people["ada"]
    ada.goto("/label/mine/check/latest/")
    ada.get_by_role("link", name="Change").first.click()
    expect(ada.locator(".question.is-current")).to_be_visible()
    expect(ada.locator("input[name=also_realism][value=none]")).to_be_checked()
    ada.locator("input[name=realism][value=no]").focus()
    ada.keyboard.press("d")
    expect(ada.locator("input[name=also_realism][value=yes]")).to_be_checked()
    expect(ada.locator("input[name=also_realism][value=no]")).to_be_hidden()
    ada.get_by_role("button", name="Submit changes").click()
    expect(ada.get_by_text("Your changed answers are stored.")).to_be_visible()
    assert Annotation.objects.get(also=YES).assignment.participant.pseudonym == "a-ada"
    marked = realism(rob)
    assert marked["By sets of answers"].startswith("100 %")
    assert marked["Majority, κ"] == before["Majority, κ"]

    # The tie is settled: one item more has an answer of people, and the judge's is not it.
    rob.goto("/studies/mine/campaigns/check/ties/")
    rob.get_by_role("table").get_by_role("link").first.click()
    rob.locator("select[name=realism]").select_option(NO)
    rob.locator("[name=reason]").fill("No bakery opens at three.")
    rob.get_by_role("button", name="Settle").click()
    settled = realism(rob)
    assert settled["Majority, κ"] != marked["Majority, κ"]
    assert settled["Majority, κ"].endswith("n = 8")

    # A milder prompt, tried on the dev part alone.
    simulator.script({"json": {"passed": True, "reason": "It could be."}}, contains="Be mild.", times=0)
    rob.get_by_role("link", name="Tune its prompt").click()
    expect(rob.get_by_role("heading", name="Where judge and people disagree on realism")).to_be_visible()
    words = tuning.prompt_text(Judge.objects.get(name="the-judge"), Dimension.REALISM)
    rob.get_by_label("The prompt").fill(f"Be mild.\n{words}")
    rob.get_by_label("Name of the new version").fill("the-judge-2")
    rob.get_by_role("button", name="Try it on the dev part").click()
    watched(rob)
    rob.goto("/studies/mine/judges/check/the-judge-2/tune/?dimension=realism")
    expect(rob.get_by_role("region", name="Judges compared")).to_contain_text("the-judge")

    # The test is opened once, by name, and the log says so wherever it is spoken of.
    rob.goto("/studies/mine/judges/check/the-judge-2/")
    expect(rob.get_by_text("Dev part only.")).to_be_visible()
    rob.get_by_label("What it is opened for").fill("The paper's table 2.")
    rob.get_by_role("button", name="Open the test for the-judge-2").click()
    expect(rob.get_by_text("Opened so far: 1")).to_be_visible()
    expect(rob.get_by_role("button", name="Open the test for the-judge-2")).to_have_count(0)
    expect(rob.locator("#sealed")).to_contain_text("by rob, on 4 labelled items: The paper's table 2.")
    assert Unsealing.objects.get().judge.name == "the-judge-2"
    rob.goto("/studies/mine/campaigns/check/report/?dimension=realism")
    expect(rob.get_by_text("Opened so far: 1")).to_be_visible()
    expect(rob.get_by_role("region", name="by pair of values").first).to_be_visible()
    rob.get_by_role("button", name="Keep a snapshot").click()
    expect(rob.get_by_text("This address stays what it is.")).to_be_visible()
    rob.get_by_role("link", name="Work it out again").click()
    expect(rob.get_by_role("status").filter(has_text="every number is the same")).to_be_visible()

    rob.set_viewport_size(PHONE)
    for address in (JUDGE, "/studies/mine/judges/", "/studies/mine/campaigns/check/report/", f"{JUDGE}again/"):
        rob.goto(address)
        assert fits(rob), address
