"""A second answer marked as also defensible: where a campaign takes one, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.errors import AnswersMissing, AnswerUnknown
from annotation.labelling import answers as labelling
from annotation.labelling import checking, editing, routing
from annotation.labelling.sheets import sheet_of
from annotation.models import Annotation, Assignment, Campaign, Participant
from annotation.monitoring.downloads import label_lines
from annotation.questions import NO_OTHER
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2, BOTH, NO, YES
from tests.factories.annotation import USUAL, CampaignFactory, ParticipantFactory, all_passing, held_by
from tests.factories.evaluation import ResponseFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(campaign: Campaign) -> Participant:
    Campaign.objects.filter(pk=campaign.pk).update(second_answers=Campaign.SecondAnswers.OPTIONAL)
    campaign.refresh_from_db()
    return ParticipantFactory(campaign=campaign)


def taken(place: Participant) -> Assignment:
    leased = routing.claim(place)
    assert leased is not None
    return held_by(place, leased.token)


def test_a_second_answer_is_saved_with_the_draft_and_counts_with_the_submission(place: Participant) -> None:
    held = taken(place)
    labelling.save(held, {"realism": YES}, also={"realism": NO})
    realism = next(question for question in sheet_of(held).questions if question.field == "realism")
    assert [(option.value, option.chosen) for option in realism.second] == [
        ("none", False),
        ("yes", False),
        ("no", True),
    ]
    labelling.submit(held, all_passing(held.item.subject), also={"realism": NO})
    assert Annotation.objects.get(question="realism").also == NO
    (line,) = map(json.loads, label_lines(place.campaign))
    assert line["also"] == {"realism": NO}
    assert editing.edit(held, all_passing(held.item.subject), now=None)
    assert Annotation.objects.get(question="realism").also == ""
    (line,) = map(json.loads, label_lines(place.campaign))
    assert line["revisions"][0]["also"] == {"realism": NO}


@pytest.mark.parametrize(
    ("answers", "also", "why"),
    [
        ({"realism": YES}, {"realism": YES}, "gave already"),
        ({}, {"realism": YES}, "Answer the question first"),
        ({"realism": YES}, {"realism": "perhaps"}, "no answer"),
        ({"realism": YES}, {"charm": YES}, "no question 'charm'"),
    ],
)
def test_a_second_answer_that_cannot_stand_is_refused_with_the_reason(
    place: Participant, answers: dict[str, str], also: dict[str, str], why: str
) -> None:
    held = taken(place)
    with pytest.raises(AnswerUnknown, match=why):
        labelling.save(held, answers, also=also)
    assert not Annotation.objects.exists()


def test_where_one_answer_is_asked_for_a_second_is_refused(campaign: Campaign) -> None:
    held = taken(ParticipantFactory(campaign=campaign))
    with pytest.raises(AnswerUnknown, match="one answer"):
        checking.understand(held, {"realism": YES}, {}, {"realism": NO})
    assert all(question.second == () for question in sheet_of(held).questions)


def test_where_it_is_asked_nothing_is_submitted_before_it_is_said(place: Participant) -> None:
    Campaign.objects.update(second_answers=Campaign.SecondAnswers.ASKED)
    held = taken(place)
    answers = all_passing(held.item.subject)
    said = dict.fromkeys(answers, NO_OTHER) | {"specificity": NO}
    with pytest.raises(AnswersMissing, match="Please say of question 1 whether") as missing:
        labelling.submit(held, answers, also={key: also for key, also in said.items() if key != "realism"})
    assert missing.value.details == {"missing": ["also_realism"]}
    assert labelling.submit(held_by(place, held.token), answers, also=said).fresh
    assert dict(Annotation.objects.values_list("question", "also")) == said


def test_letters_stand_for_actions_in_second_answers_too_and_a_scale_takes_none() -> None:
    response = ResponseFactory()
    campaign = CampaignFactory(
        kind=Campaign.Kind.ACTION_JUDGEMENT, dataset=response.run.dataset, second_answers=Campaign.SecondAnswers.ASKED
    )
    campaign.items.create(response=response, open_slots=1, shuffle_key=0, inclusion_probability=1)
    held = taken(ParticipantFactory(campaign=campaign))
    Assignment.objects.filter(pk=held.pk).update(action_order="action_2_first")
    held = held_by(held.participant, held.token)
    sent = {"action_taken": "a", "also_action_taken": "b", "also_action_strength": "3", "action_strength": "3"}
    with pytest.raises(AnswerUnknown, match="scale"):
        checking.read(held, sent | {"also_action_strength": "2"})
    given = checking.read(held, sent)
    assert (given.answers["action_taken"], given.also) == (ACTION_2, {"action_taken": ACTION_1})
    labelling.submit(held, USUAL_JUDGEMENT, also={"action_taken": BOTH, "resolved": NO_OTHER}, sure=True)
    second = {question.field: question.second for question in sheet_of(held).questions}
    assert second["action_strength"] == ()
    assert [option.value for option in second["action_taken"] if option.chosen] == ["both"]


USUAL_JUDGEMENT = {key: USUAL[key] for key in ("action_taken", "action_strength", "resolved")}


def test_page_and_api_carry_it_and_without_a_script_the_same_answer_twice_says_nothing(
    client: Client, place: Participant
) -> None:
    held = taken(place)
    client.force_login(place.user)
    address = [place.campaign.study.slug, place.campaign.slug, held.token]
    given = checking.read(
        held, {"realism": "yes", "also_realism": "yes", "specificity": "no", "also_specificity": "none"}
    )
    assert (given.answers, given.also) == ({"realism": YES, "specificity": NO}, {})
    client.post(reverse("annotation:label_answers", args=address), {"realism": "yes", "also_realism": "no"})
    asked: Any = client.get(f"/api/v1/assignments/{held.token}/").json()
    assert (asked["second_answers"], asked["answers"], asked["also"]["realism"]) == (
        "optional",
        {"realism": "yes"},
        "no",
    )
    assert (
        b'name="also_realism" value="no" checked' in client.get(reverse("annotation:label", args=address[:2])).content
    )
    refused = client.put(
        f"/api/v1/assignments/{held.token}/",
        {"answers": {"realism": "yes"}, "also": {"realism": "yes"}},
        content_type="application/json",
    )
    assert refused.status_code == 400
    assert "gave already" in refused.json()["errors"]["also_realism"]
