"""Unsure is an answer that counts as none; an item set aside comes back at the end; what one has done today is told."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.consensus.labels import counted
from annotation.errors import AnswerUnknown
from annotation.labelling import answers, routing
from annotation.labelling.sheets import sheet_of
from annotation.models import Assignment, Campaign
from annotation.monitoring.progress import unsure_in
from annotation.quality.rules import told_when_closed
from conflictscope.stats.labels import MISSING
from tests.factories.annotation import ParticipantFactory, all_passing

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(campaign):
    return ParticipantFactory(campaign=campaign)


def test_unsure_is_refused_where_the_campaign_does_not_allow_it(place):
    assignment = routing.claim(place)
    assert all(question.unsure is None for question in sheet_of(assignment).questions)
    with pytest.raises(AnswerUnknown):
        answers.submit(assignment, all_passing(assignment.item.subject) | {"realism": "unsure"})


def test_unsure_is_stored_counts_as_no_answer_and_its_rate_is_told(campaign, place):
    Campaign.objects.update(unsure=True)
    assignment = routing.claim(place)
    assert sheet_of(assignment).questions[0].unsure.shortcut == "X"
    answers.submit(assignment, all_passing(assignment.item.subject) | {"realism": "unsure"})
    labels = counted(Campaign.objects.get())
    assert labels.codes["realism"].tolist() == [[MISSING]]
    assert labels.codes["specificity"].tolist() != [[MISSING]]
    assert unsure_in(campaign).value == pytest.approx(1 / 8)
    assert sheet_of(Assignment.objects.get(pk=assignment.pk)).questions[0].unsure.chosen


def test_the_second_of_two_twins_says_its_hint_in_short(place):
    first, second = [q for q in sheet_of(routing.claim(place)).questions if q.field.startswith("feasibility")]
    assert second.hint == f"As for question {first.number}."
    assert len(first.hint) > len(second.hint)


def test_an_item_set_aside_keeps_its_answers_and_comes_back_at_the_end(client: Client, campaign, place):
    client.force_login(place.user)
    assignment = routing.claim(place)
    answers.save(assignment, {"realism": "no"})
    address = reverse("annotation:label_later", args=[campaign.study.slug, campaign.slug, assignment.token])
    page = client.post(address, follow=True).content.decode()
    assert "Set aside" in page
    following = Assignment.objects.get(participant=place, state=Assignment.State.LEASED)
    assert following.item_id != assignment.item_id
    answers.submit(routing.claim(place), all_passing(following.item.subject))
    again = routing.claim(place)
    assert again.item_id == assignment.item_id
    assert dict(again.annotations.values_list("question", "answer")) == {"realism": "no"}
    assert "Today: 1 item" in client.get(reverse("annotation:my_work")).content.decode()


def test_how_one_agreed_is_told_only_when_the_campaign_is_closed(client: Client, campaign, place):
    Campaign.objects.update(told=Campaign.Told.OTHERS)
    other = ParticipantFactory(campaign=campaign)
    for each in (place, other):
        for _ in range(2):
            assignment = routing.claim(each)
            answers.submit(assignment, all_passing(assignment.item.subject))
    client.force_login(place.user)
    mine = reverse("annotation:my_work")
    assert "most of the others" not in client.get(mine).content.decode()
    assert told_when_closed(place.user) == []
    Campaign.objects.update(state=Campaign.State.CLOSED)
    assert "most of the others" in client.get(mine).content.decode()
