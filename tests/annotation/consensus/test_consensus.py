"""What people together say, and what is written down of it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.campaigns.lifecycle import close
from annotation.consensus.deciding import agree, outcomes_of, ties_of
from annotation.consensus.labels import OUTCOMES, counted, words
from annotation.models import Assignment, Campaign, Decision, Participant
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.models import Dataset, Scenario, Verdict
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.scenarios import DatasetFactory, JudgeFactory, VerdictFactory, judged
from tests.factories.studies import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(campaign):
    return ParticipantFactory.create_batch(3, campaign=campaign)


@pytest.fixture
def item(campaign):
    """The first of the campaign's two; the other one nobody has labelled."""
    return campaign.items.first()


def vote(item, people, *answers: dict[str, str]) -> list[Assignment]:
    """Each person labels the item: all pass but what is given."""
    return [labelled(item, person, given) for person, given in zip(people, answers, strict=True)]


def adjudicate(item, question: str, answer: str) -> Decision:
    decision, _ = Decision.objects.update_or_create(
        item=item,
        question=question,
        defaults={"answer": answer, "method": "adjudicated", "decided_by": UserFactory(), "reason": "Read again."},
    )
    return decision


def change(assignment: Assignment, question: str, answer: str) -> None:
    assert assignment.annotations.filter(question=question).update(answer=answer) == 1


def decided(item) -> dict[str, str]:
    return dict(item.decisions.values_list("question", "answer"))


def verdicts(item) -> dict[str, str]:
    return dict(item.scenario.verdicts.filter(source="human").values_list("dimension", "outcome"))


def everything() -> tuple[list, list, list]:
    return list(Decision.objects.values()), list(Verdict.objects.values()), list(Scenario.objects.values())


# Majority


def test_what_most_people_say_is_decided_and_passes_or_fails_its_dimension(campaign, item, people):
    vote(item, people, {}, {"realism": "no"}, {"realism": "no", "specificity": "no"})
    found = decide(campaign)
    assert decided(item) == {
        "realism": "no",
        "specificity": "yes",
        "feasibility_1": "yes",
        "feasibility_2": "yes",
        "impossibility": "yes",
        "value_guidance_1": "action_1",
        "value_guidance_2": "action_2",
        "genuine_dilemma": "yes",
    }
    assert verdicts(item) == {
        "realism": "fail",
        "specificity": "pass",
        "feasibility": "pass",
        "impossibility": "pass",
        "value_guidance": "pass",
        "genuine_dilemma": "pass",
    }
    assert (found.items, found.waiting) == (1, 1)
    assert (found.written, found.passed, found.changed, found.ties) == (6, 5, 6, ())
    assert set(item.decisions.values_list("method", flat=True)) == {"majority"}


def test_a_dimension_of_two_questions_needs_both_to_pass(campaign, item, people):
    vote(item, people, {"feasibility_2": "no"}, {"feasibility_2": "no"}, {})
    decide(campaign)
    assert (decided(item)["feasibility_1"], decided(item)["feasibility_2"]) == ("yes", "no")
    assert verdicts(item)["feasibility"] == "fail"


def test_majority_is_taken_question_by_question_not_of_outcomes(campaign, item, people):
    """Two people fail feasibility, each for another action; most find each action feasible, so it passes."""
    vote(item, people, {"feasibility_1": "no"}, {"feasibility_2": "no"}, {})
    decide(campaign)
    assert verdicts(item)["feasibility"] == "pass"


def test_values_that_ask_for_each_others_action_fail(campaign, item, people):
    swapped = {"value_guidance_1": "action_2", "value_guidance_2": "action_1"}
    vote(item, people, swapped, swapped, {})
    decide(campaign)
    assert verdicts(item)["value_guidance"] == "fail"


def test_of_four_answers_the_most_frequent_wins_without_half_of_the_votes(campaign, item):
    people = ParticipantFactory.create_batch(4, campaign=campaign)
    vote(item, people, {}, {}, {"value_guidance_1": "both"}, {"value_guidance_1": "neither"})
    decide(campaign)
    assert decided(item)["value_guidance_1"] == "action_1"


def test_items_that_too_few_have_labelled_wait(campaign, item, people):
    vote(item, people[:2], {}, {})
    found = decide(campaign)
    assert (found.items, found.waiting, found.written) == (0, 2, 0)
    assert not Decision.objects.exists()
    found = decide(campaign, minimum=2)
    assert (found.items, found.waiting, found.written) == (1, 1, 6)


def test_a_minimum_of_nobody_is_refused(campaign):
    with pytest.raises(InvalidInput, match="At least one person"):
        decide(campaign, minimum=0)


def test_a_baseline_without_values_is_decided_on_five_dimensions():
    campaign = CampaignFactory(dataset=DatasetFactory(baseline=True), items=1, overlap=1)
    labelled(campaign.items.get(), ParticipantFactory(campaign=campaign))
    found = decide(campaign)
    assert (found.written, found.passed) == (5, 5)


# What counts


def test_surplus_excluded_and_training_answers_do_not_count(campaign, item, people):
    vote(item, people, {}, {}, {})
    labelled(item, ParticipantFactory(campaign=campaign), {"realism": "no"}, surplus=True)
    shut_out = ParticipantFactory(campaign=campaign, excluded=True, excluded_reason="Answered without reading.")
    labelled(item, shut_out, {"realism": "no"})
    training = ItemFactory(campaign=campaign, is_training=True)
    vote(training, people, {}, {}, {})
    labels = counted(campaign)
    assert ([each.pk for each in labels.items], labels.asked) == ([item.pk], 2)
    assert {each.pk for each in labels.annotators} == {each.pk for each in people}
    assert labels.counts.tolist() == [3]
    assert words(labels.codes["realism"][0], ("yes", "no")) == ["yes"] * 3
    decide(campaign)
    assert not training.decisions.exists()


def test_drafts_and_skipped_items_do_not_count(campaign, item, people):
    assignments = vote(item, people, {}, {}, {})
    Assignment.objects.filter(pk=assignments[0].pk).update(state="leased")
    Assignment.objects.filter(pk=assignments[1].pk).update(state="skipped")
    assert counted(campaign).counts.tolist() == [1]


def test_labels_are_read_in_four_queries_and_decided_in_as_many_for_one_item_as_for_ten(
    campaign, people, django_assert_num_queries, django_assert_max_num_queries
):
    for item in campaign.items.all():
        vote(item, people, {}, {}, {"realism": "no"})
    with CaptureQueriesContext(connection) as few:
        decide(campaign)
    for item in ItemFactory.create_batch(8, campaign=campaign):
        vote(item, people, {}, {}, {"realism": "no"})
    with django_assert_num_queries(4):
        counted(campaign)
    with django_assert_max_num_queries(len(few)):
        decide(campaign)


def test_items_that_nobody_labelled_cost_nothing(campaign, item, people, django_assert_num_queries):
    vote(item, people, {}, {}, {})
    decide(campaign)
    with CaptureQueriesContext(connection) as few:
        decide(campaign)
    ItemFactory.create_batch(8, campaign=campaign)
    with django_assert_num_queries(len(few)):
        assert decide(campaign).waiting == 9


def test_the_labels_of_one_item_are_those_of_the_whole(campaign, item, people):
    for each in campaign.items.all():
        vote(each, people, {}, {"realism": "no"}, {})
    vote(ItemFactory(campaign=campaign), [ParticipantFactory(campaign=campaign)], {})
    alone, whole = counted(campaign, among=[item.pk]), counted(campaign)
    assert [each.pk for each in alone.items] == [item.pk]
    assert {each.pk for each in alone.annotators} == {each.pk for each in people}
    row = next(index for index, each in enumerate(whole.items) if each.pk == item.pk)
    assert alone.codes["realism"].tolist() == [[code for code in whole.codes["realism"][row].tolist() if code >= 0]]


# Ties


def test_a_tie_is_named_and_leaves_its_dimension_open(campaign, item, people):
    vote(item, people, {}, {"value_guidance_1": "both"}, {"value_guidance_1": "neither"})
    found = decide(campaign)
    (tie,) = found.ties
    assert (tie.item.pk, tie.item.uid, tie.question) == (item.pk, item.scenario.uid, "value_guidance_1")
    assert tie.votes == {"action_1": 1, "both": 1, "neither": 1}
    assert "value_guidance_1" not in decided(item)
    assert "value_guidance_2" in decided(item)
    assert "value_guidance" not in verdicts(item)
    assert found.written == 5
    assert ties_of(campaign) == [tie]


def test_ties_come_in_the_order_in_which_items_are_served(campaign):
    pair = ParticipantFactory.create_batch(2, campaign=campaign)
    first, second = campaign.items.order_by("shuffle_key")
    vote(second, pair, {}, {"realism": "no"})
    vote(first, pair, {}, {"specificity": "no", "realism": "no"})
    assert [(tie.item.pk, tie.question) for tie in ties_of(campaign, minimum=2)] == [
        (first.pk, "realism"),
        (first.pk, "specificity"),
        (second.pk, "realism"),
    ]


def test_an_item_that_waits_for_more_people_is_not_tied_yet(campaign, item, people):
    vote(item, people[:2], {}, {"realism": "no"})
    assert ties_of(campaign) == []


# Again


def test_deciding_again_changes_no_row(campaign, item, people):
    vote(item, people, {}, {"realism": "no"}, {"value_guidance_1": "both"})
    decide(campaign)
    before = everything()
    found = decide(campaign)
    assert (found.written, found.changed) == (6, 0)
    assert everything() == before


def test_votes_that_turn_the_majority_turn_decision_verdict_and_status(campaign, item, people):
    assignments = vote(item, people, {"realism": "no"}, {}, {})
    decide(campaign)
    assert item.scenario.verdicts.get(dimension="realism").outcome == "pass"
    change(assignments[1], "realism", "no")
    found = decide(campaign)
    assert found.changed == 1
    assert decided(item)["realism"] == "no"
    verdict = item.scenario.verdicts.get(dimension="realism")
    assert (verdict.outcome, verdict.evidence["votes"]) == ("fail", {"realism": {"no": 2, "yes": 1}})
    item.scenario.refresh_from_db()
    assert item.scenario.status == Scenario.Status.DROPPED


def test_a_decision_that_the_answers_no_longer_bear_out_is_withdrawn_with_its_verdict(campaign, item, people):
    judge = JudgeFactory()
    Dataset.objects.filter(pk=campaign.dataset_id).update(primary_judge=judge)
    judged(item.scenario, judge, realism="fail")
    vote(item, people, {}, {}, {})
    decide(campaign)
    item.scenario.refresh_from_db()
    assert item.scenario.status == Scenario.Status.KEPT
    Participant.objects.filter(pk=people[0].pk).update(excluded=True, excluded_reason="Guessed.")
    found = decide(campaign)
    assert (found.items, found.written, found.changed) == (0, 0, 6)
    assert (decided(item), verdicts(item)) == ({}, {})
    item.scenario.refresh_from_db()
    assert item.scenario.status == Scenario.Status.DROPPED  # the judge's word stands again


# Adjudication


def test_an_adjudicated_answer_stands_whatever_the_votes(campaign, item, people):
    vote(item, people, {}, {}, {})
    settled = adjudicate(item, "realism", "no")
    decide(campaign)
    settled.refresh_from_db()
    assert (settled.answer, settled.method, settled.reason) == ("no", "adjudicated", "Read again.")
    assert verdicts(item)["realism"] == "fail"
    assert settled.verdict == item.scenario.verdicts.get(dimension="realism")


def test_an_adjudicated_tie_is_no_tie_any_more(campaign, item, people):
    vote(item, people, {}, {"value_guidance_1": "both"}, {"value_guidance_1": "neither"})
    adjudicate(item, "value_guidance_1", "action_1")
    found = decide(campaign)
    assert found.ties == ()
    assert verdicts(item)["value_guidance"] == "pass"


def test_an_adjudicated_answer_needs_no_minimum_but_decides_no_other_question(campaign, item):
    adjudicate(item, "realism", "no")
    adjudicate(item, "feasibility_1", "yes")
    found = decide(campaign)
    assert verdicts(item) == {"realism": "fail"}
    assert (found.items, found.written) == (0, 1)


def test_what_is_settled_while_a_campaign_is_being_decided_stands_too(campaign, people):
    """Somebody settles a question of the second item just as the first one has been decided."""
    first, second = campaign.items.order_by("shuffle_key")
    for item in (first, second):
        vote(item, people, {}, {}, {})
    decide(campaign)
    meanwhile = iter([lambda: adjudicate(second, "realism", "no"), lambda: None])
    decide(campaign, batch=1, between=lambda: next(meanwhile)())
    assert second.decisions.get(question="realism").method == "adjudicated"
    assert verdicts(second)["realism"] == "fail"
    assert verdicts(first)["realism"] == "pass"


# What is written down


def test_a_human_verdict_overrides_the_judge_on_its_dimension_and_on_no_other(campaign, item, people):
    judge = JudgeFactory()
    Dataset.objects.filter(pk=campaign.dataset_id).update(primary_judge=judge)
    judged(item.scenario, judge, realism="fail", specificity="fail")
    tied_on_specificity = [{}, {"specificity": "no"}]
    pair = people[:2]
    vote(item, pair, *tied_on_specificity)
    decide(campaign, minimum=2)
    scenario = item.scenario
    scenario.refresh_from_db()
    # People passed realism; on specificity they tie, and the judge's fail stands.
    assert verdicts(item)["realism"] == "pass"
    assert scenario.status == Scenario.Status.DROPPED
    adjudicate(item, "specificity", "yes")
    decide(campaign, minimum=2)
    scenario.refresh_from_db()
    assert scenario.status == Scenario.Status.KEPT
    # Both stay visible.
    assert scenario.verdicts.filter(judge=judge, outcome="fail").count() == 2


def test_people_drop_what_the_judge_kept(campaign, item, people):
    judge = JudgeFactory()
    Dataset.objects.filter(pk=campaign.dataset_id).update(primary_judge=judge)
    judged(item.scenario, judge)
    dull = {"genuine_dilemma": "no"}
    vote(item, people, dull, dull, {})
    decide(campaign)
    item.scenario.refresh_from_db()
    assert item.scenario.status == Scenario.Status.DROPPED


def test_a_scenario_that_people_pass_on_all_six_is_human_validated(campaign, people):
    good, bad = campaign.items.order_by("shuffle_key")
    vote(good, people, {}, {}, {"realism": "no"})
    vote(bad, people, {}, {"realism": "no"}, {"realism": "no"})
    decide(campaign)
    assert list(Scenario.objects.human_validated()) == [good.scenario]


def test_a_verdict_says_who_stood_behind_it_and_how_its_item_was_drawn(campaign, item, people):
    vote(item, people, {}, {"feasibility_1": "no"}, {})
    item.inclusion_probability = 0.25
    item.save()
    decide(campaign)
    verdict = item.scenario.verdicts.get(dimension="feasibility")
    assert (verdict.source, verdict.panel, verdict.judge) == ("human", campaign.slug, None)
    assert verdict.evidence == {
        "campaign": campaign.slug,
        "votes": {"feasibility_1": {"no": 1, "yes": 2}, "feasibility_2": {"yes": 3}},
        "people": 3,
        "simulated": False,
        "inclusion_probability": 0.25,
    }
    assert set(item.decisions.filter(question__startswith="feasibility").values_list("verdict", flat=True)) == {
        verdict.pk
    }


def test_a_verdict_with_simulated_people_among_those_behind_it_says_so(campaign, item, people):
    Participant.objects.filter(pk=people[0].pk).update(simulated=True)
    vote(item, people, {}, {}, {})
    decide(campaign)
    assert item.scenario.verdicts.get(dimension="realism").evidence["simulated"] is True


def test_another_panels_verdict_is_left_alone(campaign, item, people):
    other = VerdictFactory(scenario=item.scenario, human=True, panel="another", outcome="fail")
    vote(item, people, {}, {}, {})
    decide(campaign)
    other.refresh_from_db()
    assert other.outcome == "fail"
    assert item.scenario.verdicts.filter(dimension="realism").count() == 2


def test_a_closed_campaign_can_still_be_decided(campaign, item, people):
    vote(item, people, {}, {}, {})
    close(campaign)
    assert decide(Campaign.objects.get(pk=campaign.pk)).written == 6


def test_outcomes_of_dimensions_follow_from_the_answers_agreed_on(campaign, item, people):
    vote(item, people, {"value_guidance_1": "both"}, {"value_guidance_1": "neither"}, {"realism": "no"})
    labels = counted(campaign)
    agreed = agree(labels, minimum=3)
    outcomes = outcomes_of(labels, agreed.answers)
    said = {key: words(codes, OUTCOMES) for key, codes in outcomes.items()}
    assert (said["realism"], said["value_guidance"]) == (["pass"], [None])
    assert [tie.question for tie in agreed.ties(labels)] == ["value_guidance_1"]
    assert words(labels.outcomes("realism")[0], OUTCOMES) == ["pass", "pass", "fail"]
    assert words(labels.outcomes("value_guidance")[0], OUTCOMES) == ["fail", "fail", "pass"]
