"""What an annotator sees, and what becomes of what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from annotation.campaigns.lifecycle import close, pause
from annotation.errors import AlreadySubmitted, AnswersMissing, AnswerUnknown, AtOdds, SubmittedOtherwise
from annotation.labelling import answers as labelling
from annotation.labelling import checking, routing
from annotation.labelling.progress import progress_of, queue_of, standing_notice
from annotation.labelling.sheets import sheet_of
from annotation.models import Annotation, Assignment, Campaign, Flag, Participant
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Dataset
from conflictscope.scenarios.option_orders import OptionOrder
from tests.factories.annotation import (
    CampaignFactory,
    ItemFactory,
    ParticipantFactory,
    all_passing,
    held_by,
    labelled,
)
from tests.factories.scenarios import DatasetFactory, JudgeFactory, judged
from tests.factories.studies import MembershipFactory, member

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORDERS = OptionOrder.values
FIELDS = [
    "realism",
    "specificity",
    "feasibility_a",
    "feasibility_b",
    "impossibility",
    "value_guidance_1",
    "value_guidance_2",
    "genuine_dilemma",
]


@pytest.fixture
def person(campaign):
    return ParticipantFactory(campaign=campaign)


@pytest.fixture
def assignment(person) -> Assignment:
    """In hand, with action 2 shown as A: the order in which a mix-up would show."""
    return in_hand(person, OptionOrder.ACTION_2_FIRST)


def in_hand(person, order: str) -> Assignment:
    claimed = routing.claim(person, now=NOON)
    Assignment.objects.filter(pk=claimed.pk).update(action_order=order)
    return again(claimed)


def again(assignment: Assignment) -> Assignment:
    """As the next request finds it."""
    return held_by(assignment.participant, assignment.token)


def stored(assignment: Assignment) -> dict[str, str]:
    return dict(assignment.annotations.values_list("question", "answer"))


# What is seen


@pytest.mark.parametrize("order", ORDERS)
def test_the_sheet_shows_the_actions_in_the_order_of_the_assignment(person, order):
    assignment = in_hand(person, order)
    scenario = assignment.item.scenario
    sheet = sheet_of(assignment, now=NOON)
    texts = [scenario.action_1, scenario.action_2]
    if order == OptionOrder.ACTION_2_FIRST:
        texts.reverse()
    assert [(action.letter, action.text) for action in sheet.actions] == list(zip("AB", texts, strict=True))
    assert sheet.lease_seconds == assignment.item.campaign.lease_minutes * 60


@pytest.mark.parametrize("order", ORDERS)
def test_the_eight_questions_come_in_one_order_and_speak_of_a_and_b(person, order):
    sheet = sheet_of(in_hand(person, order))
    assert [question.field for question in sheet.questions] == FIELDS
    assert [question.number for question in sheet.questions] == list(range(1, 9))
    said = " ".join(question.text for question in sheet.questions)
    assert "action A" in said
    assert "action B" in said
    assert "action 1" not in said
    assert "action 2" not in said
    guidance = [question for question in sheet.questions if question.value is not None]
    assert [question.value.key for question in guidance] == ["helpfulness", "honesty"]
    assert "only about helpfulness" in guidance[0].text
    assert [[option.value for option in question.options] for question in guidance] == [
        ["a", "b", "both", "neither"]
    ] * 2
    assert [option.shortcut for option in guidance[0].options] == ["1", "2", "3", "4"]
    assert [option.shortcut for option in sheet.questions[0].options] == ["Y", "N"]


def test_a_baseline_without_values_is_asked_no_value_guidance():
    dataset = DatasetFactory(baseline=True)
    person = ParticipantFactory(campaign=CampaignFactory(dataset=dataset, items=1))
    sheet = sheet_of(routing.claim(person))
    assert [question.field for question in sheet.questions] == [f for f in FIELDS if "guidance" not in f]


def test_a_sheet_holds_nothing_that_a_judge_or_another_person_said(campaign, person):
    judge = JudgeFactory(name="a-telltale-judge")
    Dataset.objects.filter(pk=campaign.dataset_id).update(primary_judge=judge)
    for item in campaign.items.all():
        judged(item.scenario, judge, realism="fail")
        other = labelled(
            item, ParticipantFactory(campaign=campaign, pseudonym=f"telltale-{item.pk}"), {"realism": "no"}
        )
        other.annotations.filter(question="realism").update(comment="telltale comment")
        labelling.flag(other, "telltale flag")
    sheet = sheet_of(routing.claim(person))
    assert "telltale" not in repr(sheet)
    assert sheet.answered == 0
    # Neither what makes it up behind the scenes: which value an action serves, the pair's template, the status.
    for word in ("minor_benefit", "dropped", "action_1", "action_2", "inclusion"):
        assert word not in repr(sheet)


# What is kept


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (OptionOrder.ACTION_1_FIRST, {"feasibility_1": "no", "feasibility_2": "yes", "value_guidance_1": "action_1"}),
        (OptionOrder.ACTION_2_FIRST, {"feasibility_1": "yes", "feasibility_2": "no", "value_guidance_1": "action_2"}),
    ],
)
def test_what_is_said_of_a_and_b_is_kept_of_the_actions_they_were(person, order, expected):
    assignment = in_hand(person, order)
    sent = {
        "feasibility_a": "no",
        "feasibility_b": "yes",
        "value_guidance_1": "a",
        "comment_feasibility_a": "By phone?",
    }
    given = checking.read(assignment, sent)
    assert given.answers == expected
    labelling.save(assignment, given.answers, comments=given.comments)
    # And back on the page it is where it was put.
    shown = {question.field: question for question in sheet_of(again(assignment)).questions}
    chosen = {field: [o.value for o in question.options if o.chosen] for field, question in shown.items()}
    assert (chosen["feasibility_a"], chosen["feasibility_b"]) == (["no"], ["yes"])
    assert chosen["value_guidance_1"] == ["a"]
    assert shown["feasibility_a"].comment == "By phone?"
    assert shown["feasibility_b"].comment == ""


@pytest.mark.parametrize("order", ORDERS)
def test_every_answer_comes_back_from_page_to_table_and_to_page_again(person, order):
    assignment = in_hand(person, order)
    sent = dict(zip(FIELDS, ["yes", "no", "no", "yes", "yes", "b", "neither", "no"], strict=True))
    labelling.save(assignment, checking.read(assignment, sent).answers)
    shown = sheet_of(again(assignment)).questions
    assert {q.field: next(o.value for o in q.options if o.chosen) for q in shown} == sent


def test_fields_that_are_no_question_of_the_item_are_left_alone(assignment):
    given = checking.read(assignment, {"csrfmiddlewaretoken": "x", "realism": " yes ", "specificity": "", "gold": "no"})
    assert given.answers == {"realism": "yes"}
    assert given.comments == {}


def test_comments_are_kept_with_their_question_even_without_an_answer(assignment):
    given = checking.read(assignment, {"comment_realism": " Who would\r\nask this? ", "comment_impossibility": "  "})
    labelling.save(assignment, given.answers, comments=given.comments)
    row = assignment.annotations.get()
    assert (row.question, row.answer, row.comment) == ("realism", "", "Who would\nask this?")
    assert not sheet_of(again(assignment)).questions[0].answered


def test_a_comment_that_does_not_fit_is_refused_and_says_how_much_does(assignment):
    with pytest.raises(AnswerUnknown, match="5000 characters fit"):
        checking.read(assignment, {"comment_realism": "x" * 5001})


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"realism": "maybe"}, "'maybe' is no answer to realism"),
        ({"value_guidance_1": "inconsistent"}, "Choose one of: action_1, action_2, both, neither"),
        ({"weather": "yes"}, "no question 'weather'"),
    ],
)
def test_an_unknown_question_or_answer_is_refused_and_nothing_is_stored(assignment, answers, sentence):
    with pytest.raises(AnswerUnknown, match=sentence):
        labelling.save(assignment, {"specificity": "yes"} | answers)
    assert stored(assignment) == {}


def test_saving_is_of_all_answers_as_they_stand_so_what_is_taken_back_is_gone(assignment):
    labelling.save(assignment, {"realism": "yes", "specificity": "no"})
    labelling.save(assignment, {"realism": "no"})
    assert stored(assignment) == {"realism": "no"}
    labelling.save(assignment, {})
    assert stored(assignment) == {}


def test_saving_the_same_again_changes_no_row(assignment):
    labelling.save(assignment, {"realism": "yes"}, comments={"realism": "Sure."})
    before = list(Annotation.objects.values())
    labelling.save(assignment, {"realism": "yes"}, comments={"realism": "Sure."})
    assert list(Annotation.objects.values()) == before


def test_saving_lets_the_lease_run_anew_and_does_not_count_the_answers(assignment):
    labelling.save(assignment, {"realism": "yes"}, now=NOON + timedelta(minutes=20))
    assignment.refresh_from_db()
    assert assignment.lease_until == NOON + timedelta(minutes=50)
    assert assignment.state == Assignment.State.LEASED


def test_a_draft_outlives_its_lease_and_comes_back_with_the_item(campaign, assignment):
    labelling.save(assignment, {"realism": "yes"}, now=NOON)
    later = NOON + timedelta(hours=3)
    routing.return_expired(campaign, now=later)
    campaign.items.filter(pk=assignment.item_id).update(open_slots=0)
    labelling.save(again(assignment), {"realism": "yes", "specificity": "no"}, now=later)
    assert again(assignment).state == Assignment.State.EXPIRED
    campaign.items.exclude(pk=assignment.item_id).update(open_slots=0)
    campaign.items.filter(pk=assignment.item_id).update(open_slots=1)
    assert routing.claim(assignment.participant, now=later) == assignment
    assert stored(assignment) == {"realism": "yes", "specificity": "no"}


# Submission


def test_a_full_sheet_is_submitted_with_its_answers(assignment):
    answers = all_passing(assignment.item.scenario)
    assert labelling.submit(assignment, answers, comments={"realism": "Quite."}, now=NOON).fresh
    assignment.refresh_from_db()
    assert (assignment.state, assignment.submitted_at, assignment.surplus) == ("submitted", NOON, False)
    assert stored(assignment) == answers


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        (["genuine_dilemma"], "question 8"),
        # Action 2 is shown as A here, so what was left out about it is question 3.
        (["feasibility_2", "value_guidance_1"], "questions 3, 6"),
    ],
)
def test_missing_answers_are_named_by_their_numbers_on_the_page_and_the_others_are_kept(assignment, left_out, named):
    answers = {k: a for k, a in all_passing(assignment.item.scenario).items() if k not in left_out}
    with pytest.raises(AnswersMissing, match=f"{named} too"):
        labelling.submit(assignment, answers)
    assert again(assignment).state == Assignment.State.LEASED
    assert stored(assignment) == answers


def test_a_refused_submission_takes_back_nothing_that_was_answered(assignment):
    labelling.save(assignment, {"realism": "yes", "specificity": "no"}, comments={"realism": "Quite."})
    for sent in ({}, {"realism": "no"}):
        with pytest.raises(AnswersMissing, match="What you have answered is kept"):
            labelling.submit(again(assignment), sent)
    assert stored(assignment) == {"realism": "no", "specificity": "no"}
    assert assignment.annotations.get(question="realism").comment == "Quite."


def test_a_comment_is_no_answer(assignment):
    answers = all_passing(assignment.item.scenario)
    del answers["realism"]
    with pytest.raises(AnswersMissing, match="question 1"):
        labelling.submit(assignment, answers, comments={"realism": "I cannot tell."})


def test_submitting_again_even_with_other_answers_changes_nothing(assignment):
    answers = all_passing(assignment.item.scenario)
    assert labelling.submit(assignment, answers).fresh
    assert not labelling.submit(again(assignment), answers).fresh
    with pytest.raises(SubmittedOtherwise, match="those stand"):
        labelling.submit(again(assignment), answers | {"realism": "no"})
    assert stored(assignment) == answers
    with pytest.raises(AlreadySubmitted, match="its answers stand"):
        labelling.save(again(assignment), {"realism": "no"})
    assert stored(assignment) == answers


def test_an_answer_that_is_not_on_offer_stops_the_submission(assignment):
    with pytest.raises(AnswerUnknown):
        labelling.submit(assignment, all_passing(assignment.item.scenario) | {"realism": "perhaps"})
    assert again(assignment).state == Assignment.State.LEASED


# Time, flags, progress, queue


def test_time_at_work_adds_up_and_what_cannot_be_work_is_not_counted(assignment):
    for seconds in (40, 25, -300):
        labelling.at_work(assignment, seconds=seconds)
    assert again(assignment).active_seconds == 65
    labelling.save(assignment, {"realism": "yes"}, worked=10**9)
    assert again(assignment).active_seconds == 65 + assignment.item.campaign.lease_minutes * 60


def test_the_same_flag_twice_is_one_and_an_empty_one_is_refused(assignment):
    first = labelling.flag(assignment, " Names a real person.\r\n")
    assert labelling.flag(assignment, "Names a real person.") == first
    with pytest.raises(InvalidInput, match="what is wrong"):
        labelling.flag(assignment, "  ")
    assert Flag.objects.count() == 1
    assert sheet_of(again(assignment)).flags == ("Names a real person.",)


def test_an_item_is_flagged_so_often_and_no_more(assignment):
    for number in range(labelling.MOST_FLAGS):
        labelling.flag(assignment, f"Fault {number}")
    with pytest.raises(InvalidInput, match="flagged this item 20 times"):
        labelling.flag(assignment, "One more")
    assert labelling.flag(assignment, "Fault 7").reason == "Fault 7"
    assert Flag.objects.count() == labelling.MOST_FLAGS


def test_progress_counts_towards_the_quota_or_else_all_items(dataset):
    campaign = CampaignFactory(dataset=dataset, items=5, quota=3)
    person = ParticipantFactory(campaign=campaign)
    items = list(campaign.items.all())
    labelled(items[0], person)
    routing.skip(routing.claim(person))
    seen = progress_of(person)
    assert (seen.done, seen.skipped, seen.goal, seen.left) == (1, 1, 3, 1)
    person.quota = 9  # more than there are
    assert progress_of(person).goal == 5
    person.quota, campaign.quota = None, None
    person.campaign = campaign
    assert progress_of(person).goal == 5


def test_the_queue_lists_open_campaigns_in_which_the_person_may_label(campaign, django_assert_num_queries):
    user = member(campaign.study, "annotator")
    for state in ("draft", "paused", "closed"):
        CampaignFactory(dataset=campaign.dataset, state=state, items=1)
    CampaignFactory()  # of a study they are not in
    shut_out = CampaignFactory(dataset=campaign.dataset, items=1)
    out = ParticipantFactory(campaign=shut_out, user=user, excluded=True, excluded_reason="Speed.")
    labelled(shut_out.items.first(), out)
    begun = CampaignFactory(dataset=campaign.dataset, items=2)
    labelled(begun.items.first(), ParticipantFactory(campaign=begun, user=user))
    with django_assert_num_queries(5):
        entries = queue_of(user)
    assert [(e.campaign, e.started, e.progress.done, e.progress.left) for e in entries] == [
        (campaign, False, 0, 2),
        (shut_out, True, 1, 0),
        (begun, True, 1, 1),
    ]
    assert [bool(entry.notice) for entry in entries] == [False, True, False]


def test_my_queue_says_of_each_campaign_why_there_is_no_work(dataset):
    user = member(dataset.study, "annotator")

    def begun(**settings):
        campaign = CampaignFactory(dataset=dataset, items=2, overlap=1, **settings)
        place = ParticipantFactory(campaign=campaign, user=user)
        return campaign, routing.claim(place)

    paused, _ = begun()
    closed, _ = begun()
    pause(paused)
    close(closed)
    full = CampaignFactory(dataset=dataset, items=60, overlap=1)
    full.items.update(open_slots=0)
    said = {entry.campaign.pk: (entry.notice, entry.progress.left) for entry in queue_of(user)}
    assert "paused" in said[paused.pk][0]
    assert "can be finished, and counts" in said[paused.pk][0]
    assert "does not count" in said[closed.pk][0]
    assert said[full.pk] == ("Others have labelled all there is here already.", 0)


# What is said of work that would not count, of answers at odds, and what comes with a submission


def test_a_person_is_told_at_once_where_their_answers_would_not_count(campaign, assignment):
    labelling.save(assignment, {"realism": "yes"})
    assert standing_notice(again(assignment)) == ""
    pause(campaign)
    assert "can be finished, and counts" in standing_notice(again(assignment))
    close(campaign)
    assert "does not count" in standing_notice(again(assignment))
    Campaign.objects.update(state="open")
    Participant.objects.update(excluded=True, excluded_reason="Speed.")
    assert "does not count" in standing_notice(again(assignment))
    Participant.objects.update(excluded=False, excluded_reason="")
    routing.return_expired(campaign, now=NOON + timedelta(days=9999))
    assert "not held for you any more" in standing_notice(again(assignment))
    campaign.items.update(open_slots=0)
    assert "would not count" in standing_notice(again(assignment))
    late = again(assignment)
    labelling.submit(late, all_passing(late.item.scenario))
    assert late.surplus
    assert "do not count" in standing_notice(late)


@pytest.fixture
def preferring(dataset):
    """An item of a preference campaign, held by somebody who was shown action 2 as A."""
    campaign = CampaignFactory(dataset=dataset, items=2, kind=Campaign.Kind.PREFERENCE)
    assignment = routing.claim(ParticipantFactory(campaign=campaign))
    Assignment.objects.filter(pk=assignment.pk).update(action_order=OptionOrder.ACTION_2_FIRST)
    return again(assignment)


@pytest.mark.parametrize(
    ("choice", "place", "asked"),
    [
        ("action_2", "1", True),
        ("action_1", "5", True),
        ("action_1", "4", False),
        ("action_1", "1", False),
        ("both", "7", False),
    ],
)
def test_a_choice_and_a_scale_that_contradict_each_other_are_asked_about(preferring, choice, place, asked):
    answers = {"preferred_action": choice, "preference_strength": place}
    if asked:
        with pytest.raises(AtOdds, match="You chose"):
            labelling.submit(preferring, answers)
        assert stored(preferring) == answers
        assert again(preferring).state == Assignment.State.LEASED
    assert labelling.submit(again(preferring), answers, sure=True).fresh


def test_what_is_at_odds_is_said_in_the_letters_that_the_person_saw(preferring):
    with pytest.raises(AtOdds, match="You chose A, and 7 on the scale, which is on the side of B"):
        labelling.submit(preferring, {"preferred_action": "action_2", "preference_strength": "1"})


def test_a_submission_brings_the_next_item_in_the_same_step(campaign, assignment):
    done = labelling.submit(assignment, all_passing(assignment.item.scenario), then_next=True)
    after = done.handed.assignment
    assert after.state == Assignment.State.LEASED
    assert after.item != assignment.item
    assert routing.claim(assignment.participant) == after
    last = labelling.submit(again(after), all_passing(after.item.scenario), then_next=True)
    assert (last.handed.assignment, last.handed.nothing) == (None, "done")
    assert "been through everything" in last.handed.sentence


def test_a_submission_counts_also_where_nothing_may_follow_it(campaign, assignment):
    pause(campaign)
    done = labelling.submit(again(assignment), all_passing(assignment.item.scenario), then_next=True)
    assert done.fresh
    assert done.handed.nothing == "campaign_not_open"
    assert "paused" in done.handed.sentence
    assert Assignment.objects.counted().count() == 1


@pytest.mark.parametrize("role", ["owner", "researcher", "adjudicator", "viewer"])
def test_nobody_who_sees_results_has_a_queue(campaign, role):
    assert queue_of(MembershipFactory(study=campaign.study, role=role).user) == []


def test_an_item_costs_few_queries_however_many_there_are(person, django_assert_max_num_queries):
    ItemFactory.create_batch(30, campaign=person.campaign)
    Campaign.objects.filter(pk=person.campaign_id).update(sampling_plan={"drawn": 32})
    assignment = again(routing.claim(person))
    with django_assert_max_num_queries(4):
        sheet_of(assignment)
    with django_assert_max_num_queries(16):
        labelling.submit(assignment, all_passing(assignment.item.scenario))
