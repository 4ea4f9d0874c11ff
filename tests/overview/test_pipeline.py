"""The counts behind a study's flow, and what they suggest to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from annotation.labelling.routing import claim
from annotation.models import Campaign
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.overview.guidance import next_step
from conflictscope.overview.pipeline import StudyCounts, counts_of, stages_of
from conflictscope.scenarios.models import Dimension
from conflictscope.studies.permissions import MAY, Action, Role
from evaluation.models import Ranking, Response, Run, Target
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, VerdictFactory, judged
from tests.factories.studies import StudyFactory

RESEARCHER = MAY[Role.RESEARCHER]
VIEWER = MAY[Role.VIEWER]


def counts(study):
    return counts_of([study])[study.pk]


def run_with_responses(dataset, scenarios, *, mode=Run.Mode.MULTIPLE_CHOICE, target=None):
    target = target or Target.objects.create(endpoint=EndpointFactory(), label=f"target {Target.objects.count()}")
    talks = mode == Run.Mode.SIMULATED_USER
    run = Run.objects.create(
        study=dataset.study,
        dataset=dataset,
        mode=mode,
        target=target,
        user_simulator=EndpointFactory() if talks else None,
        judge=JudgeFactory() if talks else None,
    )
    Response.objects.bulk_create(Response(run=run, scenario=scenario, outcome="answered") for scenario in scenarios)
    return run


@pytest.fixture
def dataset(db):
    return DatasetFactory()


def test_scenarios_are_counted_by_what_became_of_them(dataset):
    judge = JudgeFactory()
    dataset.primary_judge = judge
    dataset.save()
    twin = judged(ScenarioFactory(dataset=dataset), judge)
    judged(ScenarioFactory(dataset=dataset), judge, realism="fail")
    judged(ScenarioFactory(dataset=dataset), judge, realism="unparsable")
    ScenarioFactory(dataset=dataset)
    ScenarioFactory(dataset=dataset, status="outlined")
    ScenarioFactory(dataset=dataset, status="duplicate", duplicate_of=twin)
    found = counts(dataset.study)
    assert (found.values, found.generated, found.imported) == (3, 6, 0)
    assert (found.outlined, found.drafted, found.filtered, found.to_filter) == (1, 4, 3, 1)
    assert {stage.key: stage.count for stage in stages_of(found)} == {
        "values": 3,
        "outlined": 6,
        "deduplicated": 5,
        "drafted": 4,
        "filtered": 3,
        "labelled": 0,
        "evaluated": 0,
        "ranked": 0,
        "exported": 0,
    }
    [filtered] = [stage for stage in stages_of(found) if stage.key == "filtered"]
    assert [(part.label, part.count) for part in filtered.parts] == [("kept", 1), ("dropped", 1), ("undecided", 1)]


def test_values_of_a_set_that_two_datasets_share_are_counted_once(dataset):
    DatasetFactory(study=dataset.study, value_set_version=dataset.value_set_version)
    found = counts(dataset.study)
    assert (found.datasets, found.values) == (2, 3)


def test_what_another_study_has_is_not_counted(dataset):
    ScenarioFactory(dataset=dataset)
    CampaignFactory(dataset=dataset, items=2)
    assert counts(StudyFactory()) == StudyCounts()


def test_an_imported_baseline_was_never_outlined_and_waits_for_no_filter(db):
    dataset = DatasetFactory(baseline=True)
    ScenarioFactory.create_batch(2, dataset=dataset)
    found = counts(dataset.study)
    assert (found.to_filter, found.to_evaluate) == (0, 2)
    titles = {stage.key: stage.title for stage in stages_of(found)}
    assert "outlined" not in titles
    assert titles["drafted"] == "Imported"


def test_imported_messages_are_no_outlines_to_draft_and_the_advice_leads_to_their_dataset(client, dataset):
    imported = DatasetFactory(study=dataset.study, slug="prompts", variant="imported", generator=None)
    ScenarioFactory(dataset=imported, status="outlined", action_1="", action_2="")
    client.force_login(dataset.study.created_by)
    found = counts(dataset.study)
    assert (found.outlined, found.drafted, found.messages_alone) == (0, 0, {"prompts": 1})
    page = client.get(dataset.study.get_absolute_url())
    assert "opening messages alone" in page.context["suggestion"].sentence
    assert f'href="{imported.get_absolute_url()}">See the dataset' in page.text

    ScenarioFactory(dataset=dataset, status="outlined")
    page = client.get(dataset.study.get_absolute_url())
    assert "1 outline waits to be drafted" in page.context["suggestion"].sentence
    assert f'href="{dataset.get_absolute_url()}">See the dataset' in page.text


def test_labels_people_and_finished_items_are_counted(dataset):
    campaign = CampaignFactory(dataset=dataset, overlap=2)
    first, second = ItemFactory.create_batch(2, campaign=campaign)
    ItemFactory(campaign=campaign, is_training=True)
    ada, grace = ParticipantFactory.create_batch(2, campaign=campaign)
    labelled(first, ada)
    labelled(first, grace)
    labelled(second, ada)
    found = counts(dataset.study)
    assert (found.items, found.items_complete, found.labels, found.people) == (2, 1, 3, 2)

    labelled(second, grace, surplus=True)
    labelled(second, ParticipantFactory(campaign=campaign, excluded=True, excluded_reason="bot"))
    assert (counts(dataset.study).labels, counts(dataset.study).people) == (3, 2)


def test_an_item_that_somebody_holds_is_not_complete(dataset):
    campaign = CampaignFactory(dataset=dataset, overlap=1)
    item = ItemFactory(campaign=campaign)
    claim(ParticipantFactory(campaign=campaign, consented_at=timezone.now()))
    item.refresh_from_db()
    assert item.open_slots == 0
    assert counts(dataset.study).items_complete == 0


def test_a_scenario_is_validated_when_one_panel_passed_it_on_all_dimensions(dataset):
    whole, by_two_panels, failed = ScenarioFactory.create_batch(3, dataset=dataset)
    for number, dimension in enumerate(Dimension):
        VerdictFactory(scenario=whole, dimension=dimension, human=True, panel="p")
        VerdictFactory(scenario=by_two_panels, dimension=dimension, human=True, panel=f"p{number % 2}")
        outcome = "fail" if dimension == Dimension.REALISM else "pass"
        VerdictFactory(scenario=failed, dimension=dimension, human=True, panel="p", outcome=outcome)
    assert counts(dataset.study).validated == 1


def test_a_baseline_needs_no_value_guidance_to_be_validated(db):
    scenario = ScenarioFactory(dataset=DatasetFactory(baseline=True))
    for dimension in Dimension:
        if dimension != Dimension.VALUE_GUIDANCE:
            VerdictFactory(scenario=scenario, dimension=dimension, human=True)
    assert counts(scenario.dataset.study).validated == 1


def test_responses_are_counted_by_mode_and_rankings_by_run(dataset):
    scenarios = ScenarioFactory.create_batch(3, dataset=dataset, status="kept")
    said = run_with_responses(dataset, scenarios)
    run_with_responses(dataset, scenarios[:2])
    run_with_responses(dataset, scenarios[:1], mode=Run.Mode.SIMULATED_USER, target=said.target)
    for digest in ("a", "b"):  # two snapshots of one run
        Ranking.objects.create(
            study=dataset.study,
            dataset=dataset,
            run=said,
            inputs_digest=digest,
            decider="parsed",
            method="mle",
            parameters_digest="",
            results={},
        )
    found = counts(dataset.study)
    assert found.responses_by_mode == {"multiple_choice": 5, "simulated_user": 1}
    assert (found.responses, found.rankable_runs, found.ranked_runs) == (6, 3, 1)


def test_running_and_paused_jobs_are_told_apart_and_mark_their_stage(dataset):
    Job.objects.create(study=dataset.study, kind="scenarios.filter", subject="1", title="Filter")
    Job.objects.create(study=dataset.study, kind="evaluation.evaluate", subject="2", title="E", state="paused")
    Job.objects.create(study=dataset.study, kind="evaluation.evaluate", subject="3", title="E", state="done")
    found = counts(dataset.study)
    assert (found.live_kinds, found.paused_jobs) == ({"scenarios.filter": 1}, 1)
    assert [stage.key for stage in stages_of(found) if stage.running] == ["filtered"]


def test_many_studies_take_as_many_queries_as_one(dataset, django_assert_num_queries):
    ScenarioFactory(dataset=dataset)
    with django_assert_num_queries(9):
        counts_of([dataset.study])
    others = [DatasetFactory().study for _ in range(5)]
    with django_assert_num_queries(9):
        found = counts_of([dataset.study, *others])
    assert [found[study.pk].datasets for study in others] == [1] * 5
    assert found[dataset.study.pk].scenarios == 1


# --- what to do next ------------------------------------------------------------------------------------------------------

FILTERED = StudyCounts(datasets=1, generated=80, statuses={"duplicate": 8, "kept": 48, "dropped": 24})
LABELLING = replace(FILTERED, campaigns={Campaign.State.OPEN: 1}, items=40, items_complete=12, labels=90, people=3)
SAID = {"multiple_choice": 192}
BOTH = SAID | {"simulated_user": 96}


@pytest.mark.parametrize(
    ("given", "says", "url_name"),
    [
        (StudyCounts(), "There are no scenarios yet", "scenarios:datasets"),
        (
            StudyCounts(statuses={"outlined": 1}, to_draft={"hhh": 1}),
            "1 outline waits to be drafted",
            "scenarios:dataset",
        ),
        (StudyCounts(statuses={"drafted": 72}), "Filter the 72 drafted scenarios.", "scenarios:datasets"),
        (replace(FILTERED, paused_jobs=1), "1 job is paused", "jobs:jobs"),
        (FILTERED, "label a sample of the 72 judged scenarios", "annotation:campaigns"),
        (replace(FILTERED, campaigns={"draft": 1}), "A campaign is drafted but not open", "annotation:campaigns"),
        (LABELLING, "Evaluate a target on the 48 scenarios that stand.", "evaluation:runs"),
        (
            StudyCounts(imported=680, statuses={"drafted": 680}, baseline_drafted=680),
            "Evaluate a target on the 680 scenarios that stand.",
            "evaluation:runs",
        ),
        (replace(LABELLING, responses_by_mode=SAID, rankable_runs=2), "with a simulated user, too", "evaluation:runs"),
        (
            replace(LABELLING, responses_by_mode=BOTH, rankable_runs=4, ranked_runs=1),
            "3 runs have no ranking",
            "evaluation:rankings",
        ),
        (
            replace(LABELLING, responses_by_mode=BOTH, rankable_runs=4, ranked_runs=4),
            "28 items wait for labels (12 of 40 complete)",
            "annotation:campaigns",
        ),
        (
            replace(LABELLING, responses_by_mode=BOTH, rankable_runs=4, ranked_runs=4, items_complete=40),
            "see how far they agree",
            "annotation:agreement",
        ),
        (
            replace(FILTERED, campaigns={"closed": 1}, responses_by_mode=BOTH, rankable_runs=4, ranked_runs=4),
            "Everything stands: export it.",
            "exports:exports",
        ),
        (
            replace(LABELLING, responses_by_mode=BOTH, missing_runs=2, unasked=8, unasked_scope="kept"),
            "8 kept scenarios have no response in 2 runs: ask for what is missing.",
            "evaluation:ask_missing",
        ),
        (replace(LABELLING, missing_runs=1), "Responses are missing in 1 run", "evaluation:ask_missing"),
        (
            replace(LABELLING, missing_runs=1, failed_kinds={"evaluation.evaluate": 1}),
            "1 job ended with something undone: see why",
            "jobs:jobs",
        ),
        (
            StudyCounts(statuses={"drafted": 72}, failed_kinds={"scenarios.filter": 1}),
            "1 job ended with something undone",
            "jobs:jobs",
        ),
        (
            replace(LABELLING, responses_by_mode=BOTH, rankable_runs=4, ranked_runs=4, stale_runs=3),
            "3 rankings are out of date",
            "evaluation:rankings",
        ),
        (
            replace(
                FILTERED,
                statuses=FILTERED.statuses | {"undecided": 2},
                campaigns={"closed": 1},
                responses_by_mode=BOTH,
                rankable_runs=4,
                ranked_runs=4,
                failed_kinds={"scenarios.tag": 1},
            ),
            "export it. Left open: 2 scenarios are undecided, as a reply of the judge could not be read; 1 job ended",
            "exports:exports",
        ),
        (replace(FILTERED, live_kinds={"scenarios.filter": 2}), "2 jobs are running", "jobs:jobs"),
    ],
)
def test_a_researcher_is_told_the_first_thing_that_is_missing(given, says, url_name):
    suggestion = next_step(given, may=RESEARCHER)
    assert suggestion is not None
    assert says in suggestion.sentence
    assert suggestion.url_name == url_name


@pytest.mark.parametrize(
    ("given", "url_name"),
    [
        (StudyCounts(statuses={"drafted": 72}), "scenarios:datasets"),
        (LABELLING, "annotation:agreement"),
        (replace(LABELLING, ranked_runs=1), "evaluation:rankings"),
    ],
)
def test_a_viewer_is_shown_what_there_is_to_read_and_asked_to_do_nothing(given, url_name):
    suggestion = next_step(given, may=VIEWER)
    assert suggestion is not None
    assert suggestion.url_name == url_name


def test_a_viewer_of_an_empty_study_has_nothing_to_do():
    assert next_step(StudyCounts(), may=VIEWER) is None


def test_an_adjudicator_is_sent_to_the_disagreements():
    suggestion = next_step(LABELLING, may={Action.SEE, Action.ADJUDICATE})
    assert suggestion is not None
    assert suggestion.url_name == "annotation:campaigns"


def test_runs_that_lack_something_are_counted_and_offered_at_once(dataset):
    scenarios = ScenarioFactory.create_batch(2, dataset=dataset, status="kept")
    run_with_responses(dataset, scenarios[:1])
    imported = run_with_responses(dataset, scenarios[:1])
    Run.objects.filter(pk=imported.pk).update(imported=True)
    found = counts(dataset.study)
    assert (found.missing_runs, found.unasked, found.responses) == (1, 1, 2)
    suggestion = next_step(replace(found, campaigns={"open": 1}), may=RESEARCHER)
    assert suggestion.at_once
    assert suggestion.url_name == "evaluation:ask_missing"
    assert "1 kept scenario has no response in 1 run" in suggestion.sentence


def test_a_dataset_out_of_sight_has_no_responses_to_count_or_to_ask_for(dataset):
    run_with_responses(dataset, [ScenarioFactory(dataset=dataset, status="kept")])
    ScenarioFactory(dataset=dataset, status="kept")
    type(dataset).objects.update(hidden_at=timezone.now())
    assert (counts(dataset.study).responses, counts(dataset.study).missing_runs) == (0, 0)


def test_jobs_that_failed_are_counted_until_they_are_started_again(dataset):
    failed = Job.objects.create(study=dataset.study, kind="scenarios.filter", subject="1", title="F", state="done")
    WorkItem.objects.create(job=failed, key="a", state="failed")
    Job.objects.create(study=dataset.study, kind="scenarios.generate", subject="2", title="G", state="failed")
    Job.objects.create(study=dataset.study, kind="scenarios.generate", subject="3", title="G", state="done")
    assert counts(dataset.study).failed_kinds == {"scenarios.filter": 1, "scenarios.generate": 1}
    Job.objects.create(study=dataset.study, kind="scenarios.generate", subject="2", title="G", state="done")
    assert counts(dataset.study).failed_kinds == {"scenarios.filter": 1}
