"""Submissions changed by the person who made them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from annotation.errors import AnswersMissing, AnswerUnknown, NotEditable
from annotation.labelling import answers as labelling
from annotation.labelling import editing, routing
from annotation.models import Annotation, Assignment, Campaign, Participant
from conflictscope.scenarios.filtering.dimensions import NO
from tests.factories.annotation import ItemFactory, ParticipantFactory, all_passing, held_by, labelled

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def place(campaign: Campaign) -> Participant:
    return ParticipantFactory(campaign=campaign)


@pytest.fixture
def submission(campaign: Campaign, place: Participant) -> Assignment:
    """All answers pass, with a comment on one."""
    assignment = routing.claim(place, now=NOON)
    labelling.submit(assignment, all_passing(assignment.item.scenario), comments={"realism": "Quite."}, now=NOON)
    return assignment


def test_changed_answers_stand_and_what_stood_before_is_kept(submission):
    changed = all_passing(submission.item.scenario) | {"realism": NO}
    assert editing.edit(submission, changed, now=NOON + timedelta(hours=1))
    assert dict(submission.annotations.values_list("question", "answer")) == changed
    assert submission.annotations.get(question="realism").comment == ""
    (before,) = submission.revisions.all()
    assert (before.number, before.replaced_at) == (1, NOON + timedelta(hours=1))
    assert before.answers["realism"] == ["yes", "Quite."]
    assert {key: answer for key, (answer, _) in before.answers.items()} == all_passing(submission.item.scenario)


def test_every_change_is_a_revision_and_the_same_answers_again_are_none(submission):
    first = all_passing(submission.item.scenario)
    for answers in (first | {"realism": NO}, first | {"realism": NO}, first | {"specificity": NO}):
        editing.edit(submission, answers)
    assert [one.answers["realism"][0] for one in submission.revisions.all()] == ["yes", "no"]


def test_a_change_moves_no_slot_and_no_time_of_submission(campaign, submission):
    before = list(campaign.items.values_list("open_slots", flat=True))
    editing.edit(submission, all_passing(submission.item.scenario) | {"realism": NO})
    submission.refresh_from_db()
    assert (submission.state, submission.submitted_at, submission.surplus) == ("submitted", NOON, False)
    assert list(campaign.items.values_list("open_slots", flat=True)) == before


def test_a_change_that_is_incomplete_or_unknown_leaves_everything_as_it_was(submission):
    full = all_passing(submission.item.scenario)
    with pytest.raises(AnswersMissing, match=r"question 1 too\. Until then") as missing:
        editing.edit(submission, {key: answer for key, answer in full.items() if key != "realism"})
    assert missing.value.details == {"missing": ["realism"]}
    with pytest.raises(AnswerUnknown):
        editing.edit(submission, full | {"realism": "perhaps"})
    assert dict(submission.annotations.values_list("question", "answer")) == full
    assert not submission.revisions.exists()


def test_the_ten_latest_submissions_can_be_changed_and_an_older_one_cannot(campaign, place):
    made = [labelled(ItemFactory(campaign=campaign), place) for _ in range(11)]
    for hours, assignment in enumerate(made):
        Assignment.objects.filter(pk=assignment.pk).update(submitted_at=NOON + timedelta(hours=hours))
    told = editing.latest(place, most=20)
    assert [one.assignment.pk for one in told] == [one.pk for one in reversed(made)]
    assert [one.editable for one in told] == [True] * 10 + [False]
    changed = all_passing(made[0].item.scenario) | {"realism": NO}
    with pytest.raises(NotEditable, match="older"):
        editing.edit(held_by(place, made[0].token), changed)
    assert editing.edit(held_by(place, made[1].token), changed)
    assert editing.latest(place, most=20)[9].changes == 1


@pytest.mark.parametrize(("state", "may"), [("open", True), ("paused", True), ("closed", False)])
def test_once_the_campaign_is_closed_answers_stand(campaign, place, submission, state, may):
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    place.campaign.refresh_from_db()
    assert editing.latest(place)[0].editable is may
    changed = all_passing(submission.item.scenario) | {"realism": NO}
    found = held_by(place, submission.token)
    if may:
        assert editing.edit(found, changed)
    else:
        with pytest.raises(NotEditable, match="closed"):
            editing.edit(found, changed)


def test_what_is_not_submitted_is_not_edited(place):
    leased = routing.claim(place)
    with pytest.raises(NotEditable, match="not submitted"):
        editing.edit(leased, all_passing(leased.item.scenario))


def test_a_submission_is_opened_changed_and_stored_by_the_page(client: Client, campaign, place, submission):
    client.force_login(place.user)
    address = [campaign.study.slug, campaign.slug, submission.token]
    page = client.get(reverse("annotation:label_submitted", args=address))
    assert page.context["sheet"].answered == 8
    assert page["Cache-Control"].startswith("max-age=0")
    fields = {
        question.field: next(option.value for option in question.options if option.chosen)
        for question in page.context["sheet"].questions
    }
    edit = reverse("annotation:label_edit", args=address)
    answer = client.post(edit, {name: value for name, value in fields.items() if name != "realism"})
    assert answer.status_code == 422
    assert "the answers that you submitted stand" in answer.content.decode()
    assert client.post(edit, fields | {"realism": "no"}).status_code == 302
    assert Annotation.objects.get(assignment=submission, question="realism").answer == "no"


def test_nobody_opens_or_changes_the_submission_of_another(client: Client, campaign, submission):
    client.force_login(ParticipantFactory(campaign=campaign).user)
    address = [campaign.study.slug, campaign.slug, submission.token]
    assert client.get(reverse("annotation:label_submitted", args=address)).status_code == 404
    assert client.post(reverse("annotation:label_edit", args=address), {"realism": "no"}).status_code == 404
