"""From a dataset to an open campaign and people's places in it."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command

from annotation.campaigns.creating import (
    CampaignSettings,
    create_campaign,
    extend_campaign,
    judgeable_runs,
    open_campaign,
)
from annotation.campaigns.lifecycle import add_guideline, campaign_named, close, consent, join, pause, start
from annotation.errors import CampaignClosed, CampaignExists, ChangedMeanwhile, NothingToLabel, PopulationChanged
from annotation.models import Campaign, Item, Participant
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.models import Scenario
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement, Response, Run
from tests.factories.annotation import CampaignFactory
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def filtered(dataset):
    """Twelve kept scenarios and four that the judge dropped."""
    judge = JudgeFactory()
    dataset.primary_judge = judge
    dataset.save()
    for number in range(16):
        judged(ScenarioFactory(dataset=dataset), judge, **({"realism": "fail"} if number % 4 == 0 else {}))
    return dataset


def opened(dataset, **changed) -> Campaign:
    settings = {"name": "First check", "size": 8, "overlap": 2, "seed": 5} | changed
    return open_campaign(dataset.study, dataset, CampaignSettings(**settings))


def test_opening_draws_items_with_all_their_slots_and_a_guideline_to_start_with(filtered):
    campaign = opened(filtered)
    assert (campaign.slug, campaign.state, campaign.kind) == ("first-check", "open", "scenario_filter")
    items = campaign.items.all()
    assert {item.open_slots for item in items} == {2}
    assert {item.inclusion_probability for item in items} == {0.5}
    assert len({item.scenario_id for item in items}) == 8
    assert campaign.guidelines.get().version == 1
    assert campaign.sampling_plan["drawn"] == 8
    assert campaign.sampling_plan["population_by_outcome"] == {"kept": 12, "dropped": 4}


def test_a_stratified_campaign_keeps_every_items_chance_and_stratum(filtered):
    campaign = opened(filtered, plan="stratified")
    chances = {item.stratum.split(" · ")[-1]: item.inclusion_probability for item in campaign.items.all()}
    assert chances == {"kept": pytest.approx(4 / 12), "dropped": pytest.approx(4 / 4)}
    # Weighted back, the sample stands for all sixteen scenarios.
    assert sum(1 / item.inclusion_probability for item in campaign.items.all()) == pytest.approx(16)


def test_opening_again_with_the_same_settings_finds_the_campaign_and_draws_nothing(filtered):
    first = opened(filtered)
    ScenarioFactory(dataset=filtered, status=Scenario.Status.KEPT)
    assert opened(filtered) == first
    assert (Campaign.objects.count(), Item.objects.count()) == (1, 8)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"size": 9}, "another size"),
        ({"overlap": 3}, "another overlap"),
        ({"seed": 6, "plan": "stratified"}, "another plan and seed"),
        ({"quota": 4}, "another quota"),
    ],
)
def test_the_same_name_with_other_settings_is_refused_and_says_which_differ(filtered, changed, named):
    opened(filtered)
    with pytest.raises(CampaignExists, match=named):
        opened(filtered, **changed)
    assert Campaign.objects.count() == 1


def test_settings_that_make_no_campaign_are_all_named_at_once(filtered):
    with pytest.raises(InvalidInput) as caught:
        opened(filtered, name="!", size=0, overlap=0, plan="clever", quota=0, lease_minutes=0, kind="poll")
    for named in ("name", "kind", "sampling plan", "item", "overlap", "quota", "lease"):
        assert named in caught.value.sentence
    assert not Campaign.objects.exists()


def test_a_dataset_of_another_study_makes_no_campaign(filtered):
    with pytest.raises(InvalidInput, match="belongs to another study"):
        open_campaign(StudyFactory(), filtered, CampaignSettings(name="Check", size=3))


def test_a_dataset_without_actions_to_judge_has_nothing_to_label(dataset):
    ScenarioFactory(dataset=dataset, status=Scenario.Status.OUTLINED)
    with pytest.raises(NothingToLabel, match="no scenario with two actions"):
        opened(dataset)
    assert not Campaign.objects.exists()


def test_a_stratified_sample_too_small_for_the_judges_outcomes_is_refused_in_a_sentence(filtered):
    with pytest.raises(InvalidInput, match="at least 2 scenarios"):
        opened(filtered, size=1, plan="stratified")


def test_a_baseline_without_values_can_be_labelled_too():
    dataset = DatasetFactory(baseline=True)
    ScenarioFactory.create_batch(3, dataset=dataset)
    campaign = opened(dataset)
    assert campaign.items.count() == 3


def test_a_draft_opens_once_and_a_closed_campaign_stays_closed(filtered):
    campaign = create_campaign(filtered.study, filtered, CampaignSettings(name="Check", size=3))
    assert campaign.state == Campaign.State.DRAFT
    assert start(campaign)
    assert not start(campaign)
    assert close(campaign)
    assert not close(campaign)
    with pytest.raises(CampaignClosed, match="another name"):
        start(campaign)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.CLOSED


def test_opening_a_closed_campaign_by_name_leaves_it_closed(filtered):
    close(opened(filtered))
    assert opened(filtered).state == Campaign.State.CLOSED


def test_a_changed_guideline_is_a_new_version_and_the_same_text_is_none(campaign):
    second = add_guideline(campaign, "# Read twice\r\n\r\nThen answer.")
    assert (second.version, second.markdown) == (2, "# Read twice\n\nThen answer.")
    assert add_guideline(campaign, "# Read twice\n\nThen answer.  ") == second
    with pytest.raises(InvalidInput, match="some text"):
        add_guideline(campaign, " \r\n ")
    close(campaign)
    with pytest.raises(CampaignClosed):
        add_guideline(campaign, "Too late.")
    assert campaign.guidelines.count() == 2


def test_joining_twice_is_one_place_under_one_pseudonym_that_does_not_give_the_name_away(campaign):
    user = UserFactory(username="rosalind")
    place = join(campaign, user)
    assert join(campaign, user) == place
    assert "rosalind" not in place.pseudonym
    assert not place.simulated
    assert Participant.objects.count() == 1


def test_pseudonyms_differ_within_a_campaign_and_tell_who_is_simulated(campaign):
    people = [join(campaign, UserFactory(), simulated=number < 20).pseudonym for number in range(60)]
    assert len(set(people)) == 60
    assert all(name.startswith("simulated-") for name in people[:20])
    assert not any(name.startswith("simulated-") for name in people[20:])


def test_consent_keeps_the_time_at_which_it_was_first_given(campaign):
    place = join(campaign, UserFactory())
    assert place.consented_at is None
    consent(place)
    first = place.consented_at
    assert first is not None
    consent(place)
    assert place.consented_at == first


def test_an_unknown_campaign_is_answered_with_the_studys_own(campaign):
    CampaignFactory()  # of another study
    assert campaign_named(campaign.study, campaign.slug) == campaign
    with pytest.raises(NotFound, match=rf"Campaigns: {campaign.slug}\."):
        campaign_named(campaign.study, "nowhere")
    with pytest.raises(NotFound, match="none yet"):
        campaign_named(StudyFactory(), campaign.slug)


# --- more of the same, later ---


def weights(campaign: Campaign) -> float:
    return sum(1 / item.inclusion_probability for item in campaign.items.all())


@pytest.mark.parametrize("plan", ["random", "stratified", "uncertainty"])
def test_an_extended_campaign_keeps_its_items_and_stands_for_the_whole_dataset_as_before(filtered, plan):
    campaign = opened(filtered, plan=plan, size=6)
    before = set(campaign.items.values_list("scenario", flat=True))
    added = extend_campaign(campaign, size=12)
    items = campaign.items.all()
    assert before < {item.scenario_id for item in items}
    assert len(items) == 6 + added
    assert campaign.sampling_plan["drawn"] == len(items)
    assert abs(len(items) - 12) <= (plan == "uncertainty")
    assert {item.open_slots for item in items} == {2}
    if plan != "uncertainty":  # there the sum is right on average only
        assert weights(campaign) == pytest.approx(16)
    assert extend_campaign(campaign, size=12) == 0


def test_more_people_for_each_item_open_slots_for_others(filtered):
    campaign = opened(filtered, size=3)
    extend_campaign(campaign, overlap=5)
    assert campaign.overlap == 5
    assert {item.open_slots for item in campaign.items.all()} == {5}
    with pytest.raises(InvalidInput, match="for 5 people already"):
        extend_campaign(campaign, overlap=4)


def test_a_sample_is_not_enlarged_from_what_it_was_not_drawn_from(filtered):
    campaign = opened(filtered, size=3)
    judged(ScenarioFactory(dataset=filtered), filtered.primary_judge)
    with pytest.raises(PopulationChanged, match="has changed since"):
        extend_campaign(campaign, size=5)
    assert campaign.items.count() == 3
    with pytest.raises(InvalidInput, match="can only grow"):
        extend_campaign(campaign, size=2)
    close(campaign)
    with pytest.raises(CampaignClosed):
        extend_campaign(campaign, size=5)


def test_a_paused_campaign_hands_out_nothing_and_goes_on_when_it_is_opened(filtered):
    campaign = opened(filtered)
    assert pause(campaign)
    assert not pause(campaign)
    assert campaign.state == Campaign.State.PAUSED
    assert start(campaign)
    close(campaign)
    with pytest.raises(CampaignClosed):
        pause(campaign)


# --- the other kinds ---


@pytest.fixture
def talked(filtered):
    """Two runs with a simulated user on the twelve kept scenarios; the judge says which action each answer took."""
    for target in (TargetFactory(), TargetFactory()):
        run = RunFactory(dataset=filtered, talks=True, target=target)
        for place, scenario in enumerate(filtered.scenarios.filter(status="kept").order_by("pk")):
            answered(run, scenario, ["value_1", "value_2", "both"][place % 3])
    return filtered


def test_an_action_judgement_draws_scenarios_with_all_the_responses_of_its_runs(talked):
    campaign = opened(talked, kind="action_judgement", runs=talked.runs.all(), size=5)
    items = campaign.items.select_related("response")
    assert len(items) == 10
    assert all(item.scenario is None for item in items)
    by_scenario = Counter(item.response.scenario_id for item in items)
    assert set(by_scenario.values()) == {2}
    assert all(item.inclusion_probability == pytest.approx(5 / 12) for item in items)
    assert {item.stratum.rpartition(" · ")[2] for item in items} <= {"value_1", "value_2", "both"}
    assert set(campaign.runs.all()) == set(talked.runs.all())


def test_answers_are_marked_as_shown_and_conversations_that_go_on_are_not_drawn(talked):
    going_on, *_ = answers = list(Response.objects.order_by("pk"))
    Run.objects.filter(pk=going_on.run_id).update(max_turns=3)
    Response.objects.exclude(pk=going_on.pk).update(ended="resolved")
    campaign = opened(talked, kind="action_judgement", runs=talked.runs.all(), size=12)
    drawn = set(campaign.items.values_list("response", flat=True))
    assert drawn == {each.pk for each in answers} - {going_on.pk}
    assert set(Response.objects.filter(shown_to_people=True).values_list("pk", flat=True)) == drawn


def test_answers_that_campaigns_of_before_asked_about_are_marked_by_the_migration(talked):
    opened(talked, kind="action_judgement", runs=talked.runs.all(), size=5)
    Response.objects.update(shown_to_people=False)
    import_module("annotation.migrations.0010_what_people_are_shown").mark(apps, None)
    marked = Response.objects.filter(shown_to_people=True)
    assert set(marked) == set(Response.objects.filter(items__isnull=False))
    assert marked.count() == 10


def test_the_command_finds_a_campaign_of_answers_whatever_runs_came_since(talked):
    where = ["--study", talked.study.slug, "--dataset", talked.slug, "--items", "5"]
    command = ["open_campaign", *where, "--name", "Talk", "--kind", "action_judgement"]
    call_command(*command, stdout=StringIO())
    runs = set(Campaign.objects.get().runs.all())
    answered(RunFactory(dataset=talked, talks=True), talked.scenarios.filter(status="kept").first(), "value_1")
    call_command(*command, stdout=StringIO())
    assert set(Campaign.objects.get().runs.all()) == runs


def test_an_action_judgement_of_selected_answers_draws_from_those_alone_with_their_chances(talked):
    campaign = opened(talked, kind="action_judgement", runs=talked.runs.all(), size=3, among="?choice=both")
    responses = Response.objects.with_decision().filter(items__campaign=campaign)
    assert {response.decision for response in responses} == {"both"}
    # Of twelve scenarios four were answered by both at once, by each of two targets; three of these are drawn.
    assert (campaign.sampling_plan["population"], campaign.items.count()) == (4, 6)
    assert {item.inclusion_probability for item in campaign.items.all()} == {0.75}
    assert extend_campaign(campaign, size=4) == 2
    with pytest.raises(CampaignExists, match="another among"):
        opened(talked, kind="action_judgement", runs=talked.runs.all(), size=3)
    with pytest.raises(NothingToLabel, match="choose another filter"):
        opened(talked, name="None", kind="action_judgement", runs=talked.runs.all(), size=3, among="choice=neither")
    with pytest.raises(InvalidInput, match="no choice 'odd'"):
        opened(talked, name="Odd", kind="action_judgement", runs=talked.runs.all(), size=3, among="choice=odd")
    with pytest.raises(InvalidInput, match="only an action judgement"):
        opened(talked, name="Filter", size=3, among="choice=both")


def test_what_was_drawn_from_is_what_the_judge_of_each_responses_own_run_said(talked):
    one, other = talked.runs.order_by("pk")
    Judgement.objects.filter(response__run=one).update(choice="value_1")
    Judgement.objects.filter(response__run=other).update(choice="value_1")
    for response in one.responses.all():
        JudgementFactory(response=response, judge=other.judge, choice="value_2")
    campaign = opened(talked, kind="action_judgement", runs=talked.runs.all(), size=12)
    assert {item.stratum.rpartition(" · ")[2] for item in campaign.items.all()} == {"value_1"}


def test_one_response_of_each_scenario_has_half_the_chance_where_there_are_two(talked):
    campaign = opened(talked, kind="action_judgement", runs=talked.runs.all(), size=6, responses_each=1)
    items = campaign.items.all()
    assert len(items) == 6
    assert all(item.inclusion_probability == pytest.approx(6 / 12 / 2) for item in items)
    assert extend_campaign(campaign, size=12) == 6
    assert {item.inclusion_probability for item in campaign.items.all()} == {0.5}


def test_an_answer_that_is_empty_is_not_judged(talked):
    Response.objects.filter(run=talked.runs.first()).update(outcome="empty")
    campaign = opened(talked, kind="action_judgement", runs=talked.runs.all(), size=12)
    assert campaign.items.count() == 12


def test_an_action_judgement_names_what_is_wrong_with_its_runs(talked):
    with pytest.raises(InvalidInput, match="needs at least one run"):
        opened(talked, kind="action_judgement")
    with pytest.raises(InvalidInput, match="every run must be on the dataset"):
        opened(talked, kind="action_judgement", runs=[RunFactory(talks=True)])
    with pytest.raises(InvalidInput, match="only runs with a simulated user"):
        opened(talked, kind="action_judgement", runs=[RunFactory(dataset=talked)])
    with pytest.raises(InvalidInput, match="only an action judgement"):
        opened(talked, runs=talked.runs.all())


def test_a_preference_asks_about_kept_scenarios_in_equal_parts_of_the_pairs(filtered):
    campaign = opened(filtered, kind="preference", plan="stratified", size=8)
    assert {item.scenario.status for item in campaign.items.select_related("scenario")} == {"kept"}
    assert campaign.guidelines.get().markdown.startswith("# What should the assistant do?")


def test_a_baseline_without_values_has_no_order_of_values_to_ask_for():
    with pytest.raises(InvalidInput, match="has no values"):
        opened(DatasetFactory(baseline=True), kind="preference")


# --- who is asked ---


def test_only_chosen_annotators_are_asked_where_some_are_chosen(filtered):
    chosen, other = (member(filtered.study, Role.ANNOTATOR) for _ in range(2))
    for_all, for_one = opened(filtered, name="All"), opened(filtered, name="One", invited=[chosen])
    draft = create_campaign(filtered.study, filtered, CampaignSettings(name="Draft", size=2))
    assert set(Campaign.objects.labelled_by(chosen)) == {for_all, for_one}
    assert set(Campaign.objects.labelled_by(other)) == {for_all}
    assert draft not in Campaign.objects.labelled_by(chosen)
    with pytest.raises(InvalidInput, match="only annotators of the study can be asked"):
        opened(filtered, name="Strangers", invited=[UserFactory()])


# Two people at once


def test_the_second_of_two_who_edit_a_guideline_is_told_and_overwrites_nothing(campaign):
    first = add_guideline(campaign, "# First", seen=1)
    assert first.version == 2
    with pytest.raises(ChangedMeanwhile, match=r"version 2 .* since you began with version 1"):
        add_guideline(campaign, "# Second", seen=1)
    assert campaign.guidelines.last() == first
    assert add_guideline(campaign, "# Both", seen=2).version == 3
    assert add_guideline(campaign, "# Both", seen=1).version == 3  # what stands already needs no decision


def test_nobody_is_asked_about_a_run_that_is_imported_by_half(dataset):
    run = RunFactory(dataset=dataset, talks=True)
    assert list(judgeable_runs(dataset)) == [run]
    Run.objects.filter(pk=run.pk).update(imported=True, import_unfinished=True)
    assert not judgeable_runs(dataset).exists()


def test_the_second_of_two_who_extend_a_campaign_is_told(filtered):
    campaign = opened(filtered, size=4)
    assert extend_campaign(campaign, size=6, overlap=2, seen=(4, 2)) == 2
    with pytest.raises(ChangedMeanwhile, match="6 scenarios now, each for 2 people"):
        extend_campaign(campaign, size=5, overlap=3, seen=(4, 2))
    assert extend_campaign(campaign, size=6, overlap=2, seen=(4, 2)) == 0  # the same wish twice
    assert extend_campaign(campaign, size=6, overlap=3, seen=(6, 2)) == 0
    campaign.refresh_from_db()
    assert campaign.overlap == 3
