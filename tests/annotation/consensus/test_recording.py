"""What people's answers become in the kinds of campaign that are no scenario filter."""

from __future__ import annotations

import numpy as np
import pytest
from django.utils import timezone

from annotation.agreement.measures import measure
from annotation.agreement.reports import agreement_report
from annotation.agreement.tables import tables_of
from annotation.campaigns.lifecycle import close
from annotation.consensus.deciding import middle_of, settle, ties_of
from annotation.consensus.labels import words
from annotation.consensus.reports import decision_report
from annotation.models import Campaign, Decision
from annotation.quality.excluding import exclude
from conflictscope.errors import InvalidInput
from conflictscope.jobs.models import Job
from conflictscope.values.models import TargetRanking
from evaluation.measures.decisions import Decider, trials_of
from evaluation.models import Judgement, Steering
from evaluation.rankings.fitting import fit_run, stale_runs
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import ScenarioFactory
from tests.factories.studies import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(dataset):
    return RunFactory(dataset=dataset, talks=True)


@pytest.fixture
def judgements(dataset, run) -> Campaign:
    """Four responses. The judge says value 1, wholly and resolved, of all of them."""
    campaign = CampaignFactory(dataset=dataset, kind=Campaign.Kind.ACTION_JUDGEMENT, slug="panel", overlap=3)
    campaign.runs.add(run)
    for _ in range(4):
        response = answered(run, ScenarioFactory(dataset=dataset, status="kept"), "value_1")
        response.judgements.update(strength=1, resolved=True)
        ItemFactory(campaign=campaign, response=response, inclusion_probability=0.5)
    return campaign


@pytest.fixture
def people(judgements):
    return ParticipantFactory.create_batch(3, campaign=judgements)


def vote(item, people, *answers: dict[str, str]) -> None:
    for person, given in zip(people, answers, strict=False):
        labelled(item, person, given)


A = {"action_taken": "action_1", "action_strength": "2"}
B = {"action_taken": "action_2", "action_strength": "6"}


def test_a_majority_becomes_a_judgement_that_comes_before_the_judges(judgements, people, run):
    first = judgements.items.first()
    vote(first, people, B, B | {"action_strength": "7", "resolved": "no"}, A)
    found = decide(judgements)
    assert (found.written, found.changed, found.waiting) == (1, 1, 3)
    mine = Judgement.objects.get(source="human")
    assert (mine.response, mine.panel, mine.choice) == (first.response, "panel", "value_2")
    assert (mine.strength, mine.resolved, mine.inclusion_probability) == (6, True, 0.5)
    assert mine.reason == "1 × Action 1, 2 × Action 2"
    assert set(Decision.objects.values_list("judgement", flat=True)) == {mine.pk}
    trials = trials_of(run)
    assert trials.by(Decider.PEOPLE).choice == ["value_2"]
    assert trials.by(Decider.JUDGE).choice == ["value_1"] * 4


def test_deciding_again_changes_nothing_and_a_changed_mind_makes_rankings_out_of_date(judgements, people, run):
    first = judgements.items.first()
    vote(first, people, A, A, A)
    decide(judgements)
    before = list(Judgement.objects.values())
    assert decide(judgements).changed == 0
    assert list(Judgement.objects.values()) == before
    fitted = fit_run(run, replicates=100)
    assert not stale_runs([fitted.run])
    first.assignments.first().annotations.filter(question="action_taken").update(answer="both")
    first.assignments.last().annotations.filter(question="action_taken").update(answer="both")
    assert decide(judgements).changed == 1
    assert Judgement.objects.get(source="human").choice == "both"
    assert stale_runs([fitted.run]) == {run.pk}


def test_a_tie_on_which_action_writes_no_judgement_and_withdraws_one_that_stood(judgements, people):
    first = judgements.items.first()
    vote(first, people[:2], A, B)
    assert decide(judgements, minimum=2).written == 0
    (tie,) = ties_of(judgements, minimum=2)
    assert (tie.item.pk, tie.question, tie.votes) == (first.pk, "action_taken", {"action_1": 1, "action_2": 1})
    labelled(first, people[2], A)
    assert decide(judgements).written == 1
    first.assignments.last().annotations.filter(question="action_taken").update(answer="neither")
    found = decide(judgements)
    assert (found.written, found.changed) == (0, 1)
    assert not Judgement.objects.filter(source="human").exists()
    assert "1 tie waits" in decision_report(judgements, minimum=3, since=timezone.now())


@pytest.mark.parametrize(
    ("given", "stands"),
    [("2", "2"), ("26", "4"), ("23", "3"), ("56", "5"), ("226", "2"), ("", None), ("1177", "4")],
)
def test_on_a_scale_the_median_stands_and_between_two_places_the_one_that_claims_less(given, stands):
    codes = np.array([[int(place) - 1 for place in given] + [-1]], dtype=np.int8)
    assert words(middle_of(codes), "1234567") == [stands]


def test_an_adjudicator_settles_a_tie_with_a_reason_and_the_votes_do_not_undo_it(judgements, people):
    first = judgements.items.select_related("campaign").first()
    vote(first, people[:2], A, B)
    with pytest.raises(InvalidInput, match="Say in a few words why"):
        settle(first, {"action_taken": "action_2"}, by=UserFactory(), reason=" ")
    with pytest.raises(InvalidInput, match="on offer to action_taken"):
        settle(first, {"action_taken": "yes"}, by=UserFactory(), reason="Because.")
    assert not Decision.objects.exists()
    settle(first, {"action_taken": "action_2"}, by=UserFactory(), reason="It wrote the letter.")
    mine = Judgement.objects.get(source="human")
    assert mine.choice == "value_2"
    assert mine.reason.startswith("Adjudicated: It wrote the letter. (1 × Action 1, 1 × Action 2)")
    labelled(first, people[2], A)
    assert decide(judgements).ties == ()
    assert Judgement.objects.get(source="human").choice == "value_2"


def test_the_judge_is_compared_on_which_action_how_strongly_and_whether_it_is_resolved(judgements, people):
    """People: three times action 1, once action 2; the judge always action 1: raw 3/4, kappa 0 (one rater, one answer)."""
    for place, item in enumerate(judgements.items.all()):
        vote(item, people, *[B if place == 3 else A] * 3)
    measured = measure(tables_of(judgements), resamples=100)
    by_key = {each.key: each for each in measured.dimensions}
    action = by_key["action_taken"]
    assert action.judge_people.raw.value == pytest.approx(3 / 4)
    assert action.judge_people.kappa.value == pytest.approx(0)
    assert action.judge_people.ac1.value is not None
    assert action.alpha.value == pytest.approx(1)
    assert action.judge_people.precision.value is None
    assert by_key["action_strength"].judge_people.weights == "quadratic"
    assert by_key["resolved"].judge_people.raw.value == 1
    said = agreement_report(judgements, measured)
    assert "Which action" in said
    assert str(judgements.runs.get().judge) in said


def test_what_people_say_of_a_selected_set_is_shown_and_in_no_estimate(judgements, people, run):
    judgements.sampling_plan = {"among": "?only=unread"}
    judgements.save(update_fields=["sampling_plan"])
    for item in judgements.items.all():
        vote(item, people, B, B, B)
    decide(judgements)
    assert Judgement.objects.filter(source="human", of_selection=True).count() == 4
    assert {response.decision for response in run.responses.with_decision()} == {"value_2"}
    trials = trials_of(run)
    assert trials.by_people == 0
    assert trials.judge == ["value_1"] * 4


# --- preference ---


@pytest.fixture
def preferences(dataset) -> Campaign:
    """Eight scenarios of each of three pairs: the first value beats the second six times, and so on down the set."""
    campaign = CampaignFactory(
        dataset=dataset, kind=Campaign.Kind.PREFERENCE, slug="order", name="Our order", overlap=1
    )
    person = ParticipantFactory(campaign=campaign)
    values = list(dataset.value_set_version.values.all())
    for first, second in ((0, 1), (1, 2), (0, 2)):
        for place in range(8):
            scenario = ScenarioFactory(dataset=dataset, value_1=values[first], value_2=values[second], status="kept")
            chosen = {"preferred_action": "action_2"} if place < 2 else {}
            labelled(ItemFactory(campaign=campaign, scenario=scenario), person, chosen)
    return campaign


def test_an_order_of_values_grows_from_preferences(preferences, dataset):
    found = decide(preferences)
    ranking = TargetRanking.objects.get()
    assert found.ranking == ranking
    assert (ranking.name, ranking.origin, ranking.version) == ("Our order", "community", dataset.value_set_version)
    expected = list(dataset.value_set_version.values.values_list("key", flat=True))
    assert list(ranking.positions.order_by("rank").values_list("value__key", flat=True)) == expected
    assert [position.rank for position in ranking.positions.order_by("rank")] == [1, 2, 3]
    assert decide(preferences).changed == 0
    assert TargetRanking.objects.count() == 1
    assert "1 Helpfulness" in decision_report(preferences, minimum=1, since=preferences.created_at)


def test_an_order_that_a_steering_prompt_carries_is_not_changed_under_it(preferences):
    first = decide(preferences).ranking
    assert first.study == preferences.study
    Steering.objects.create(study=preferences.study, name="Ours", system_prompt="As they said.", target_ranking=first)
    stands = list(first.positions.values())
    for item in preferences.items.all():
        item.assignments.get().annotations.filter(question="preferred_action").update(answer="action_2")
    item.assignments.get().annotations.filter(question="preferred_action").update(answer="action_1")
    second = decide(preferences).ranking
    assert second != first
    assert second.name == "Our order (2)"
    assert list(first.positions.values()) == stands


def test_the_order_is_fitted_anew_when_somebody_is_left_out(preferences, dataset):
    """Two who say the contrary of everything turn the order round; without them it is that of the one who is left."""
    contrary = ParticipantFactory.create_batch(2, campaign=preferences)
    for item in preferences.items.all():
        said = item.assignments.get().annotations.get(question="preferred_action").answer
        for person in contrary:
            labelled(item, person, {"preferred_action": "action_1" if said == "action_2" else "action_2"})
    ranking = decide(preferences).ranking
    values = list(dataset.value_set_version.values.values_list("key", flat=True))
    assert list(ranking.positions.order_by("rank").values_list("value__key", flat=True)) == values[::-1]
    Job.objects.create(
        study=preferences.study,
        kind="annotation.decide",
        subject=f"campaign {preferences.pk}",
        parameters={"campaign": preferences.pk, "minimum": 1},
    )
    for person in contrary:
        exclude(person, reason="Says the contrary.", by=None)
    assert list(ranking.positions.order_by("rank").values_list("value__key", flat=True)) == values


def test_both_and_neither_count_for_no_side_and_nothing_decided_makes_no_order(preferences):
    for item in preferences.items.all():
        item.assignments.get().annotations.filter(question="preferred_action").update(answer="both")
    assert decide(preferences).ranking is None
    assert not TargetRanking.objects.exists()
    close(preferences)


def test_people_are_compared_with_each_other_on_preferences_and_no_judge_is(preferences):
    measured = measure(tables_of(preferences), resamples=100)
    assert measured.judge is None
    assert [each.key for each in measured.dimensions] == ["preferred_action", "preference_strength"]
    assert measured.dimensions[0].judge_people.kappa.value is None
    assert measured.dimensions[0].judge_people.kappa.reason
