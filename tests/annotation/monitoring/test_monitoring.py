"""What a researcher sees while people label: pace, items that do not get on, agreement so far, and an item settled by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation.agreement.interim import so_far
from annotation.agreement.tables import tables_of
from annotation.models import Assignment, Decision, Flag
from annotation.monitoring.attention import comments_of, stuck_in
from annotation.monitoring.pace import LabellingPace, pace_of
from conflictscope.scenarios.models import Verdict
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import ResponseFactory, RunFactory
from tests.factories.scenarios import JudgeFactory, judged
from tests.factories.studies import member

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


def at(assignment: Assignment, when: datetime) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(submitted_at=when)


def gone(item, person, state: str, reason: str = "") -> Assignment:
    return Assignment.objects.create(
        item=item,
        participant=person,
        state=state,
        skip_reason=reason,
        token=uuid.uuid4(),
        lease_until=timezone.now(),
        action_order="action_1_first",
    )


def test_the_pace_is_that_of_the_hours_in_which_people_labelled(campaign):
    people = ParticipantFactory.create_batch(3, campaign=campaign)
    first, second = campaign.items.all()
    times = [
        NOON - timedelta(minutes=5),
        NOON - timedelta(minutes=6),
        NOON - timedelta(days=2),
        NOON - timedelta(days=9),
    ]
    sheets = [
        labelled(first, people[0]),
        labelled(first, people[1]),
        labelled(second, people[0]),
        labelled(second, people[1]),
    ]
    for sheet, when in zip(sheets, times, strict=True):
        at(sheet, when)
    pace = pace_of(campaign, left=6, now=NOON)
    assert pace == LabellingPace(last_hour=2, labels=3, working_hours=2, left=6)
    assert (pace.per_hour, pace.hours_left) == (1.5, 4.0)
    still = pace_of(campaign, left=6, now=NOON + timedelta(days=30))
    assert (still.per_hour, still.hours_left) == (None, None)


def test_items_that_do_not_get_on_are_named_with_what_people_say_the_worst_first(campaign):
    people = ParticipantFactory.create_batch(3, campaign=campaign)
    first, second = campaign.items.all()
    third, fourth = ItemFactory.create_batch(2, campaign=campaign)
    gone(first, people[0], "skipped", "Too long")
    gone(first, people[1], "skipped", "Too long")
    gone(second, people[0], "expired")
    gone(second, people[1], "expired")
    gone(third, people[0], "skipped")  # one alone is no pattern
    Flag.objects.create(assignment=labelled(fourth, people[2]), reason="Names a real person")
    assert [(each.item, each.flagged, each.skipped, each.expired, each.reasons) for each in stuck_in(campaign)] == [
        (fourth, 1, 0, 0, ("Names a real person",)),
        (first, 0, 2, 0, ("Too long",)),
        (second, 0, 0, 2, ()),
    ]


def test_agreement_so_far_has_its_interval_and_says_in_words_why_there_is_none(campaign):
    judge = JudgeFactory()
    campaign.dataset.primary_judge = judge
    campaign.dataset.save()
    nothing = so_far(tables_of(campaign))
    assert nothing.measured.judge_people.kappa.value is None
    assert nothing.measured.judge_people.kappa.reason == "no item was answered by both"
    ann, bea = ParticipantFactory.create_batch(2, campaign=campaign)
    first, second = campaign.items.all()
    for item in (first, second):
        judged(item.scenario, judge)
        labelled(item, ann)
    labelled(first, bea, {"realism": "no"})
    labelled(second, bea)
    found = so_far(tables_of(campaign))
    assert found.label == "All six"
    assert found.tied == 1
    # Eight questions on two items; on one of them they say otherwise.
    assert [row.agreement.value for row in found.people] == [15 / 16, 15 / 16]
    assert found.people[0].agreement.n == 16


def test_whoever_clicks_at_random_is_not_said_to_agree(dataset):
    """By hand: on the first question three readers say yes to half of the items, and the fourth always yes: same in half of
    the cases, of which chance (1 x 1/2 + 0 x 1/2) explains all; the other questions have one answer, and tell nothing."""
    campaign = CampaignFactory(dataset=dataset, overlap=4, items=8)
    readers = ParticipantFactory.create_batch(3, campaign=campaign)
    clicker = ParticipantFactory(campaign=campaign)
    for number, item in enumerate(campaign.items.all()):
        for reader in readers:
            labelled(item, reader, {"realism": "no"} if number % 2 else {})
        labelled(item, clicker)
    people = {row.participant: row for row in so_far(tables_of(campaign)).people}
    assert people[clicker].kappa == 0
    assert people[clicker].chance == people[clicker].agreement.value == (7 * 8 + 4) / (8 * 8)
    assert people[readers[0]].kappa == 1
    assert people[readers[0]].chance == (7 + 1 / 2) / 8


def test_what_is_monitored_of_responses_leads_to_their_items(client, dataset):
    """An action judgement has no scenario on its items: flags, comments and the item's page name that of the response."""
    campaign = CampaignFactory(dataset=dataset, kind="action_judgement", overlap=2)
    run = RunFactory(dataset=dataset, talks=True)
    item = ItemFactory(campaign=campaign, response=ResponseFactory(run=run))
    sheet = labelled(item, ParticipantFactory(campaign=campaign))
    Flag.objects.create(assignment=sheet, reason="Cut off")
    sheet.annotations.filter(question="resolved").update(comment="It waits.")
    assert [each.comment for each in comments_of(campaign)] == ["It waits."]
    client.force_login(member(campaign.study, Role.VIEWER))
    where = [campaign.study.slug, campaign.slug]
    text = client.get(reverse("annotation:campaign", args=where)).content.decode()
    assert "Cut off" in text
    assert "It waits." in text
    shown = client.get(reverse("annotation:item", args=[*where, item.pk])).content.decode()
    assert item.response.transcript[1]["text"] in shown
    assert "It waits." in shown
    assert "Settle it" not in shown
    assert client.get(reverse("annotation:so_far", args=where)).status_code == 200


def test_a_researcher_settles_an_item_on_its_page(client, campaign):
    item = campaign.items.first()
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    labelled(item, people[0])
    labelled(item, people[1], {"realism": "no"})
    client.force_login(member(campaign.study, Role.RESEARCHER))
    where = [campaign.study.slug, campaign.slug]
    assert item.scenario.uid in client.get(reverse("annotation:ties", args=where)).content.decode()
    settle = reverse("annotation:settle_item", args=[*where, item.pk])
    assert client.post(settle, {"realism": "no"}).status_code == 400
    page = client.post(settle, {"realism": "no", "reason": "No such ward."}, follow=True).content.decode()
    assert "1 answer is settled" in page
    decision = Decision.objects.get(item=item, question="realism")
    assert (decision.answer, decision.method, decision.reason) == ("no", "adjudicated", "No such ward.")
    assert Verdict.objects.get(source="human", dimension="realism").outcome == "fail"
    assert "No question is tied" in client.get(reverse("annotation:ties", args=where)).content.decode()
