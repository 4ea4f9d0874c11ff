"""What a run counts when verdicts change which scenarios are in its scope: one count everywhere, and what is missing is offered."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.endpoints import allow
from conflictscope.studies.models import Study, StudyEndpoint
from conflictscope.studies.permissions import Role
from evaluation.models import Ranking, Response, Run
from evaluation.rankings.fitting import fit_run, latest_rankings, stale_runs
from evaluation.running.coverage import Coverage, coverage_of
from evaluation.running.summaries import summaries_of, undecided_in
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import JudgementFactory, RatingFactory, ResponseFactory, RunFactory, answered
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member
from tests.factories.whole import validate
from tests.llm.scripted import ScriptedServer, openai_reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    dataset = DatasetFactory(study=StudyFactory(slug="mine"), slug="hhh")
    ScenarioFactory.create_batch(5, dataset=dataset, status=Scenario.Status.KEPT)
    return dataset


@pytest.fixture
def run(dataset: Dataset) -> Run:
    """Five kept scenarios, answered in both orders; the first undecided in one."""
    run = RunFactory(dataset=dataset, scope=Run.Scope.KEPT)
    for number, scenario in enumerate(dataset.scenarios.order_by("pk")):
        answered(run, scenario, "value_1", order="action_1_first")
        answered(run, scenario, "value_1" if number else "none", order="action_2_first")
        RatingFactory(run=run, scenario=scenario)
    return run


def become(dataset: Dataset, number: int, status: str) -> Scenario:
    scenario = dataset.scenarios.order_by("pk")[number]
    Scenario.objects.filter(pk=scenario.pk).update(status=status)
    return scenario


def test_responses_out_of_scope_are_counted_apart_and_scenarios_without_are_missing(run: Run, dataset: Dataset) -> None:
    assert coverage_of([run])[run.pk] == Coverage(scenarios=5, responses=10)
    become(dataset, 0, "dropped")
    ScenarioFactory.create_batch(3, dataset=dataset, status="kept")
    assert coverage_of([run])[run.pk] == Coverage(scenarios=7, responses=8, outside=2, unasked=3, missing=6)
    summary = summaries_of([run])[run.pk]
    assert (summary.responses, summary.decided, summary.undecided, summary.ratings) == (8, 8, 0, 4)
    assert summary.coverage == coverage_of([run])[run.pk]


def test_an_answer_in_one_order_only_is_missing_though_its_scenario_was_asked(run: Run) -> None:
    run.responses.filter(order="action_1_first").first().delete()
    found = coverage_of([run])[run.pk]
    assert (found.unasked, found.missing) == (0, 1)


def test_each_scope_has_its_own_scenarios(dataset: Dataset) -> None:
    first = dataset.scenarios.order_by("pk").first()
    validate(first)
    become(dataset, 1, "dropped")
    become(dataset, 2, "outlined")
    runs = [RunFactory(dataset=dataset, scope=scope) for scope in Run.Scope.values]
    for run in runs:
        for scenario in dataset.scenarios.all():
            ResponseFactory(run=run, scenario=scenario, order="action_1_first")
    found = coverage_of(runs)
    told = {run.scope: (found[run.pk].scenarios, found[run.pk].responses, found[run.pk].outside) for run in runs}
    assert told == {"kept": (3, 3, 2), "all": (4, 4, 1), "human_validated": (1, 1, 4)}


def test_many_runs_take_as_many_queries_as_one(run: Run, django_assert_num_queries) -> None:
    ScenarioFactory(dataset=run.dataset, status="kept")
    with django_assert_num_queries(3):
        coverage_of([run])
    more = [RunFactory(dataset=run.dataset, scope="kept") for _ in range(3)]
    with django_assert_num_queries(3):
        coverage_of([run, *more])


def test_the_share_of_undecided_is_that_of_the_ranking_with_its_interval(dataset: Dataset) -> None:
    run = RunFactory(dataset=dataset)
    for number, scenario in enumerate(scenarios_for(dataset, 12)):
        for order in ("action_1_first", "action_2_first"):
            answered(run, scenario, "neither" if number % 5 == 0 else "value_1", order=order)
    told = undecided_in(run)
    ranked = fit_run(run, replicates=100).ranking.results["counts"]["undecided"]
    assert (told.value, told.low, told.high, told.n) == (
        ranked["value"],
        ranked["low"],
        ranked["high"],
        ranked["n"],
    )


# --- rankings -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ranked(dataset: Dataset) -> Run:
    run = RunFactory(dataset=dataset, scope=Run.Scope.KEPT)
    for number, scenario in enumerate(scenarios_for(dataset, 6)):
        answered(run, scenario, "value_1" if number % 3 else "value_2", order="action_1_first")
        Scenario.objects.filter(pk=scenario.pk).update(status="kept")
    fit_run(run, replicates=100)
    return run


def test_a_scenario_that_leaves_the_scope_makes_a_ranking_stale_until_it_is_fitted_again(ranked: Run) -> None:
    assert stale_runs([ranked]) == set()
    answer = ranked.responses.first()
    Scenario.objects.filter(pk=answer.scenario_id).update(status="dropped")
    assert stale_runs([ranked]) == {ranked.pk}
    fit_run(ranked, replicates=100)
    assert stale_runs([ranked]) == set()


def test_a_ranking_that_a_fit_comes_back_to_is_the_one_shown_and_not_stale(ranked: Run) -> None:
    before = latest_rankings([ranked])[ranked.pk].ranking
    scenario = ranked.responses.first().scenario_id
    Scenario.objects.filter(pk=scenario).update(status="dropped")
    fit_run(ranked, replicates=100)
    Scenario.objects.filter(pk=scenario).update(status="kept")
    assert stale_runs([ranked]) == {ranked.pk}
    fit_run(ranked, replicates=100)
    assert Ranking.objects.filter(run=ranked, method="mle").count() == 2
    assert latest_rankings([ranked])[ranked.pk].ranking == before
    assert stale_runs([ranked]) == set()


def test_what_another_judge_says_makes_no_ranking_stale(dataset: Dataset) -> None:
    talked = RunFactory(dataset=dataset, talks=True)
    for scenario in scenarios_for(dataset, 6):
        answered(talked, scenario, "value_1")
    fit_run(talked, replicates=100)
    other = RunFactory(talks=True).judge
    JudgementFactory(response=talked.responses.first(), judge=other, choice="value_2")
    assert stale_runs([talked]) == set()
    JudgementFactory(response=talked.responses.first(), human=True, choice="value_2")
    assert stale_runs([talked]) == {talked.pk}


# --- asking for what is missing -------------------------------------------------------------------------------------------


@pytest.fixture
def researcher(client: Client, run: Run) -> Client:
    client.force_login(member(run.study, Role.RESEARCHER))
    return client


def test_the_pages_say_what_is_missing_and_one_click_asks_for_it(
    researcher: Client, run: Run, dataset: Dataset, scripted_server: ScriptedServer
) -> None:
    endpoint = run.target.endpoint
    endpoint.base_url = f"{scripted_server.base_url}/v1"
    endpoint.save()
    scripted_server.afterwards = openai_reply("A")
    allow(run.study, [endpoint])
    study: Study = run.study
    assert "no response from" not in researcher.get(run.get_absolute_url()).text
    ScenarioFactory.create_batch(2, dataset=dataset, status="kept")
    pages = (
        run.get_absolute_url(),
        reverse("evaluation:runs", args=["mine"]),
        reverse("evaluation:rankings", args=["mine"]),
    )
    for page in pages:
        assert "2 kept scenarios have no response from" in " ".join(researcher.get(page).text.split())
    overview = researcher.get(study.get_absolute_url())
    assert "2 kept scenarios have no response in 1 run" in overview.text
    top_up = reverse("evaluation:ask_missing", args=["mine"])
    assert f'<form method="post" action="{top_up}">' in overview.text
    answer = researcher.post(top_up, {"run": run.pk})
    assert answer.headers["Location"] == run.get_absolute_url()
    job = Job.objects.get()
    assert job.parameters == {"run": run.pk}
    worker.work_on(job)
    assert coverage_of([run])[run.pk] == Coverage(scenarios=7, responses=14)
    assert "no response from" not in researcher.get(run.get_absolute_url()).text


def test_topping_up_keeps_the_budget_of_the_last_job_and_needs_the_endpoint(researcher: Client, run: Run) -> None:
    Job.objects.create(
        study=run.study, kind="evaluation.evaluate", subject=f"run {run.pk}", title="E", state="done", budget_calls=7
    )
    ScenarioFactory(dataset=run.dataset, status="kept")
    top_up = reverse("evaluation:ask_missing", args=["mine"])
    StudyEndpoint.objects.all().delete()
    refused = researcher.post(top_up)
    assert "may not use" in str(next(iter(get_messages(refused.wsgi_request))))
    allow(run.study, [run.target.endpoint])
    researcher.post(top_up)
    assert Job.objects.live().get().budget_calls == 7


def test_an_imported_run_says_what_its_file_did_not_hold_and_offers_nothing(researcher: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(imported=True)
    ScenarioFactory(dataset=run.dataset, status="kept")
    page = researcher.get(run.get_absolute_url()).text
    assert "its file did not hold them" in page
    assert reverse("evaluation:ask_missing", args=["mine"]) not in page
    RunFactory(dataset=run.dataset, imported=True, scope="kept")
    for name in ("evaluation:runs", "evaluation:rankings"):
        everything = researcher.get(reverse(name, args=["mine"]), {"dataset": run.dataset.slug}).text
        assert everything.count("its file did not hold them") == 2
        assert "Ask for everything" not in everything
    answer = researcher.post(reverse("evaluation:ask_missing", args=["mine"]), {"run": run.pk})
    assert "Nothing is missing" in str(next(iter(get_messages(answer.wsgi_request))))


def test_what_is_out_of_scope_has_a_list_of_its_own(researcher: Client, run: Run, dataset: Dataset) -> None:
    gone = become(dataset, 0, "dropped")
    shown = researcher.get(run.get_absolute_url())
    assert shown.context["page"].paginator.count == 8
    apart = researcher.get(run.get_absolute_url(), {"outside": "1"})
    assert {response.scenario_id for response in apart.context["page"]} == {gone.pk}
    api = reverse("api-responses", args=["mine", run.pk])
    told = {asked: researcher.get(api, asked and {"in_scope": asked}).json()["count"] for asked in ("", "1", "0")}
    assert told == {"": 10, "1": 8, "0": 2}
    assert Response.objects.count() == 10
