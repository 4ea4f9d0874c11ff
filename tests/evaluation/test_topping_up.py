"""More of a run that is there: asked for on its page, started as one job, never another run."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Judge, Scenario
from conflictscope.studies.permissions import Role
from evaluation.models import Response, Run
from evaluation.running.judge_columns import judge_columns
from evaluation.running.runs import RunSettings, create_or_find_run, top_up, unasked_scenarios
from evaluation.running.variants import variants
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import member
from tests.llm.scripted import ScriptedServer, openai_reply

pytestmark = pytest.mark.django_db


def address(run: Run, name: str = "top_up") -> str:
    return reverse(f"evaluation:{name}", args=[run.study.slug, run.pk])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def run(provider: ScriptedServer) -> Run:
    """By multiple choice, in one order, of one kept scenario."""
    dataset = DatasetFactory()
    ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
    provider.afterwards = openai_reply("A")
    target = TargetFactory(endpoint=EndpointFactory(base_url=f"{provider.base_url}/v1"))
    return RunFactory(dataset=dataset, scope="kept", target=target, option_orders=["action_1_first"])


@pytest.mark.django_db(transaction=True)
def test_orders_samples_and_scenarios_that_came_since_are_asked_from_the_run_s_page(
    client: Client, run: Run, provider: ScriptedServer
) -> None:
    call = {"study": run.study.slug, "dataset": run.dataset.slug, "targets": [run.target.label], "stdout": StringIO()}
    call_command("evaluate_targets", orders="action_1_first", **call)
    assert len(provider.seen) == 3
    late = ScenarioFactory(dataset=run.dataset, status=Scenario.Status.KEPT)
    client.force_login(member(run.study, Role.RESEARCHER))
    assert "1 kept scenario has no response from" in text_of(client.get(address(run, "run")))
    assert "1 scenario in its scope was not asked about yet" in text_of(client.get(address(run)))

    answer = client.post(address(run), {"samples": 2, "orders": "both"})
    assert answer.status_code == 302
    worker.work_on(Job.objects.latest("pk"))
    run.refresh_from_db()
    assert (run.samples, run.option_orders) == (2, ["action_1_first", "action_2_first"])
    assert Response.objects.filter(run=run).count() == 2 * 2 * 2
    assert Response.objects.filter(run=run, scenario=late).count() == 4
    assert not unasked_scenarios(run).exists()
    assert len(provider.seen) == 8 + 2 * 2 * 2  # choices, and two ratings a scenario and sample; none of before
    call_command("evaluate_targets", orders="both", samples=2, **call)
    assert len(provider.seen) == 16
    assert Run.objects.count() == 1


def test_an_estimate_of_what_is_missing_starts_nothing(client: Client, run: Run) -> None:
    client.force_login(member(run.study, Role.RESEARCHER))
    text = text_of(client.post(address(run), {"samples": 3, "orders": "both", "estimate": "1"}))
    run.refresh_from_db()
    assert (run.samples, Job.objects.count()) == (1, 0)
    assert "12" in text  # 3 samples in 2 orders, and 3 pairs of ratings


def test_a_run_is_never_made_smaller(client: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(samples=3)
    client.force_login(member(run.study, Role.RESEARCHER))
    response = client.post(address(run), {"samples": 2, "orders": "action_1_first"})
    assert response.status_code == 400
    assert "The run has 3: it keeps what it has" in text_of(response)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR, Role.ANNOTATOR])
def test_only_who_runs_the_pipeline_adds_to_a_run(client: Client, run: Run, role: str) -> None:
    client.force_login(member(run.study, role))
    assert client.get(address(run)).status_code == 404
    assert client.post(address(run), {"samples": 3}).status_code == 404
    assert not Job.objects.exists()


def test_an_imported_run_cannot_be_added_to(client: Client) -> None:
    run = RunFactory(target=TargetFactory(endpoint=None), imported=True)
    client.force_login(member(run.study, Role.RESEARCHER))
    assert client.get(address(run)).status_code == 404
    with pytest.raises(Conflict, match="came with a file"):
        top_up(run, samples=2)


def test_what_a_mode_does_not_have_cannot_be_added(run: Run) -> None:
    with pytest.raises(InvalidInput, match="no further turns, and no judges"):
        top_up(run, max_turns=3)
    with pytest.raises(InvalidInput, match="no option orders"):
        top_up(RunFactory(talks=True), option_orders=["action_1_first"])
    with pytest.raises(InvalidInput, match="from 1 to 20 turns"):
        top_up(RunFactory(talks=True), max_turns=21)


def test_a_second_judge_is_a_column_and_a_second_user_simulator_another_run() -> None:
    dataset = DatasetFactory()
    ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
    first, second = JudgeFactory(name="first"), JudgeFactory(name="second")
    asked: dict[str, Any] = {"target": TargetFactory(), "mode": "simulated_user"}
    one_user, other_user = EndpointFactory(name="one-user"), EndpointFactory(name="other-user")
    run = create_or_find_run(dataset, **asked, settings=RunSettings(user_simulator=one_user, judge=first))
    assert create_or_find_run(dataset, **asked, settings=RunSettings(user_simulator=one_user, judge=second)) == run
    run.refresh_from_db()
    assert (run.judge, list(run.further_judges.all())) == (first, [second])
    other = create_or_find_run(
        dataset, **asked, settings=RunSettings(user_simulator=other_user, judge=first, further_judges=[second])
    )
    assert other != run
    assert list(other.further_judges.all()) == [second]
    labels = variants([run, other])
    assert "user one-user" in labels[run.pk]
    assert "user other-user" in labels[other.pk]


def test_judges_stand_side_by_side_by_their_names(client: Client) -> None:
    strict: Judge = JudgeFactory(name="strict-judge")
    run = RunFactory(talks=True, judge=JudgeFactory(name="own-judge"))
    run.further_judges.add(strict)
    for number in range(10):
        response = answered(run, ScenarioFactory(dataset=run.dataset), "value_1" if number % 2 else "value_2")
        theirs = "value_1" if number < 6 else "neither" if number == 9 else "value_2"
        JudgementFactory(response=response, source="judge", judge=strict, choice=theirs)
    own, other = judge_columns(run)
    assert (own.judge.name, own.judged, own.choices["value_1"], own.agreement) == ("own-judge", 10, 5, None)
    assert (other.judge, other.choices["value_1"], other.undecided.value) == (strict, 6, 0.1)
    assert other.agreement is not None
    assert other.agreement.raw.value == 0.5
    client.force_login(member(run.study, "viewer"))
    text = text_of(client.get(address(run, "run")))
    assert 'aria-label="Judges of this run"' in text
    assert 'own-judge <span class="muted">the run\'s own</span>' in text
    assert "by strict-judge" in text
