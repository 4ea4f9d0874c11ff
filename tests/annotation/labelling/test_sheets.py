"""What is shown and asked in each kind of campaign, and how an answer finds its way back to actions 1 and 2."""

from __future__ import annotations

import pytest

from annotation.errors import AnswerUnknown
from annotation.kinds import KINDS, QUESTION
from annotation.labelling import answers as labelling
from annotation.labelling import checking, routing
from annotation.labelling.sheets import Sheet, preview_of, sheet_of
from annotation.models import Annotation, Assignment, Campaign
from annotation.questions import Control
from conflictscope.scenarios.option_orders import OptionOrder
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, held_by
from tests.factories.evaluation import ResponseFactory, RunFactory
from tests.factories.scenarios import ScenarioFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def judgement(dataset) -> Campaign:
    """Which of two actions did a target take? One response to look at."""
    campaign = CampaignFactory(dataset=dataset, kind=Campaign.Kind.ACTION_JUDGEMENT)
    run = RunFactory(dataset=dataset, talks=True)
    scenario = ScenarioFactory(dataset=dataset, description="A secret of the judge's", persona="Nobody's business")
    ItemFactory(campaign=campaign, response=ResponseFactory(run=run, scenario=scenario))
    return campaign


@pytest.fixture
def preference(dataset) -> Campaign:
    campaign = CampaignFactory(dataset=dataset, kind=Campaign.Kind.PREFERENCE)
    ItemFactory(campaign=campaign)
    return campaign


def in_hand(campaign: Campaign, order: str) -> Assignment:
    place = ParticipantFactory(campaign=campaign)
    claimed = routing.claim(place)
    Assignment.objects.filter(pk=claimed.pk).update(action_order=order)
    return held_by(place, claimed.token)


def options(sheet: Sheet) -> dict[str, list[tuple[str, str, str]]]:
    return {
        question.field: [(option.value, option.label, option.shortcut) for option in question.options]
        for question in sheet.questions
    }


def test_a_question_has_one_key_over_all_kinds_so_that_a_decision_needs_no_other_name():
    assert len(QUESTION) == sum(len(kind.questions) for kind in KINDS.values()) == 8 + 3 + 2
    assert set(KINDS) == set(Campaign.Kind)


@pytest.mark.parametrize("order", OptionOrder.values)
def test_a_judgement_shows_the_words_and_both_actions_and_nothing_of_the_scenario_behind_them(judgement, order):
    assignment = in_hand(judgement, order)
    sheet = sheet_of(assignment)
    scenario = assignment.item.response.scenario
    assert [(turn.by, turn.text) for turn in sheet.transcript] == [
        ("user", "Please finish the list."),
        ("assistant", "Here it is."),
    ]
    first, second = sheet.actions
    shown = (scenario.action_1, scenario.action_2)
    assert (first.text, second.text) == (shown if order == OptionOrder.ACTION_1_FIRST else shown[::-1])
    assert (sheet.description, sheet.persona, sheet.background, sheet.goal) == ("", "", "", "")
    assert options(sheet) == {
        "action_taken": [("a", "A", "1"), ("b", "B", "2"), ("both", "Both", "3"), ("neither", "Neither", "4")],
        "action_strength": [(place, place, place) for place in "1234567"],
        "resolved": [("yes", "Yes", "Y"), ("no", "No", "N")],
    }
    scale = sheet.questions[1]
    assert scale.control is Control.SCALE
    assert scale.ends == ("wholly A", "wholly B")


@pytest.mark.parametrize(
    ("order", "stored"),
    [(OptionOrder.ACTION_1_FIRST, "2"), (OptionOrder.ACTION_2_FIRST, "6")],
    ids=["as is", "swapped"],
)
def test_a_scale_runs_from_a_to_b_on_the_page_and_from_action_1_to_action_2_in_the_tables(judgement, order, stored):
    assignment = in_hand(judgement, order)
    sent = {"action_taken": "a", "action_strength": "2", "resolved": "yes"}
    labelling.submit(assignment, checking.read(assignment, sent).answers)
    answers = dict(Annotation.objects.values_list("question", "answer"))
    assert answers == {
        "action_taken": "action_1" if order == OptionOrder.ACTION_1_FIRST else "action_2",
        "action_strength": stored,
        "resolved": "yes",
    }
    again = sheet_of(held_by(assignment.participant, assignment.token))
    assert {
        question.field: option.value for question in again.questions for option in question.options if option.chosen
    } == sent


@pytest.mark.parametrize("place", ["0", "8", "3.5", "much"])
def test_what_is_no_place_on_the_scale_is_no_answer(judgement, place):
    assignment = in_hand(judgement, OptionOrder.ACTION_2_FIRST)
    with pytest.raises(AnswerUnknown, match="action_strength: Choose one of: 1, 2"):
        checking.read(assignment, {"action_strength": place})


def test_a_preference_shows_the_situation_and_names_no_value(preference):
    assignment = in_hand(preference, OptionOrder.ACTION_2_FIRST)
    sheet = sheet_of(assignment)
    assert sheet.description == assignment.item.scenario.description
    assert not sheet.transcript
    assert [question.field for question in sheet.questions] == ["preferred_action", "preference_strength"]
    assert all(question.value is None for question in sheet.questions)


def test_a_preview_is_the_sheet_that_the_first_person_would_get_and_stores_nothing(judgement):
    item = judgement.items.select_related("campaign", "response__scenario", "scenario").get()
    preview = preview_of(item)
    assert not Assignment.objects.exists()
    sheet = sheet_of(in_hand(judgement, OptionOrder.ACTION_1_FIRST))
    assert (preview.transcript, preview.actions, preview.questions) == (
        sheet.transcript,
        sheet.actions,
        sheet.questions,
    )
