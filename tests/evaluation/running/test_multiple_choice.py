"""What targets say: choices in both orders, and ratings."""

from __future__ import annotations

import pytest

from conflictscope.jobs.models import Job
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.running.multiple_choice import choice_of, options_of
from tests.evaluation.conftest import endpoint_at, work
from tests.factories.evaluation import RunFactory, TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.llm.scripted import ScriptedServer, openai_reply

FIRST, SECOND = OptionOrder.ACTION_1_FIRST, OptionOrder.ACTION_2_FIRST


@pytest.fixture
def run(provider: ScriptedServer) -> Run:
    dataset = DatasetFactory()
    ScenarioFactory(dataset=dataset, status=Scenario.Status.KEPT)
    return RunFactory(dataset=dataset, scope=Run.Scope.KEPT, target=TargetFactory(endpoint=endpoint_at(provider)))


@pytest.mark.parametrize(
    ("letter", "order", "choice"),
    [
        ("A", FIRST, "value_1"),
        ("B", FIRST, "value_2"),
        ("A", SECOND, "value_2"),
        ("B", SECOND, "value_1"),
        (None, FIRST, "none"),
        (None, SECOND, "none"),
    ],
)
def test_a_letter_means_the_action_that_stood_there(letter: str | None, order: str, choice: str) -> None:
    assert choice_of(letter, order) == choice


def test_the_order_says_which_action_stands_first() -> None:
    scenario = Scenario(action_1="serve", action_2="decline")
    assert options_of(scenario, FIRST) == ("serve", "decline")
    assert options_of(scenario, SECOND) == ("decline", "serve")


@pytest.mark.django_db(transaction=True)
def test_a_target_that_always_says_a_takes_each_action_once(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("A.")
    work(run)
    decided = Judgement.objects.filter(response__run=run).order_by("order").values_list("order", "choice", "source")
    assert list(decided) == [(FIRST, "value_1", "parsed"), (SECOND, "value_2", "parsed")]
    scenario = run.dataset.scenarios.get()
    asked = [seen.body["messages"][-1]["content"] for seen in provider.seen]
    choices = [text for text in asked if "<option_a>" in text]
    assert len(choices) == 2
    assert any(f"<option_a>\n{scenario.action_1}\n</option_a>" in text for text in choices)
    assert any(f"<option_a>\n{scenario.action_2}\n</option_a>" in text for text in choices)
    assert not [text for text in asked if scenario.value_1.name in text]  # the target never hears of values


@pytest.mark.django_db(transaction=True)
def test_each_action_is_rated_alone_and_once(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("6")
    work(run)
    rating = Rating.objects.get(run=run)
    assert (rating.rating_1, rating.rating_2) == (6, 6)
    assert rating.calls.count() == 2
    asked = [seen.body["messages"][-1]["content"] for seen in provider.seen]
    assert len([text for text in asked if "<action>" in text]) == 2


@pytest.mark.django_db(transaction=True)
def test_an_unclear_answer_is_kept_and_decides_nothing(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("A or B, it depends.")
    job = work(run)
    judgements = Judgement.objects.filter(response__run=run)
    assert {judgement.choice for judgement in judgements} == {"none"}
    assert all("neither option" in judgement.reason for judgement in judgements)
    assert set(Rating.objects.values_list("rating_1", "rating_2")) == {(None, None)}
    assert set(job.items.values_list("note", flat=True)) == {"none", "no rating"}
    assert Response.objects.filter(refused=True).count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_tagged_and_decides_nothing(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("I'm sorry, but I cannot answer this.")
    work(run)
    responses = Response.objects.filter(run=run)
    assert [(response.refused, response.outcome) for response in responses] == [(True, "answered")] * 2
    assert set(Judgement.objects.values_list("choice", flat=True)) == {"none"}


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_the_provider_reports_decides_nothing_whatever_its_text(
    run: Run, provider: ScriptedServer
) -> None:
    provider.afterwards = openai_reply(None, refusal="A is something I will not discuss.")
    work(run)
    assert set(Response.objects.values_list("refused", flat=True)) == {True}
    assert set(Judgement.objects.values_list("choice", flat=True)) == {"none"}


@pytest.mark.django_db(transaction=True)
def test_an_empty_answer_is_a_trial_without_a_decision(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("")
    work(run)
    assert list(Response.objects.values_list("outcome", flat=True)) == ["empty", "empty"]
    assert {judgement.choice for judgement in Judgement.objects.all()} == {"none"}


@pytest.mark.django_db(transaction=True)
def test_run_again_nothing_is_asked_twice(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("B")
    work(run)
    asked = len(provider.seen)
    again = work(run)
    assert len(provider.seen) == asked == 4
    assert again.items.count() == 0
    assert again.state == Job.State.DONE


@pytest.mark.django_db(transaction=True)
def test_a_scenario_kept_later_is_all_that_a_rerun_asks_about(run: Run, provider: ScriptedServer) -> None:
    provider.afterwards = openai_reply("B")
    work(run)
    ScenarioFactory(dataset=run.dataset, status=Scenario.Status.KEPT)
    ScenarioFactory(dataset=run.dataset, status=Scenario.Status.DROPPED)
    job = work(run)
    assert job.items.count() == 3
    assert Response.objects.filter(run=run).count() == 4


@pytest.mark.django_db(transaction=True)
def test_each_sample_is_asked_for_anew(run: Run, provider: ScriptedServer) -> None:
    Run.objects.filter(pk=run.pk).update(samples=3)
    provider.afterwards = openai_reply("B")
    work(run)
    assert sorted(Response.objects.values_list("sample", flat=True)) == [0, 0, 1, 1, 2, 2]
    assert Rating.objects.count() == 3
    assert Call.objects.count() == len(provider.seen) == 12


@pytest.mark.django_db(transaction=True)
def test_the_target_s_parameters_go_over_the_endpoint_s(provider: ScriptedServer) -> None:
    endpoint = EndpointFactory(base_url=f"{provider.base_url}/v1", parameters={"temperature": 1, "top_p": 0.9})
    run = RunFactory(target=TargetFactory(endpoint=endpoint, parameters={"temperature": 0.3}))
    ScenarioFactory(dataset=run.dataset)
    work(run)
    assert {(seen.body["temperature"], seen.body["top_p"]) for seen in provider.seen} == {(0.3, 0.9)}


@pytest.mark.django_db(transaction=True)
def test_a_run_goes_on_with_the_prompts_it_began_with(run: Run, provider: ScriptedServer) -> None:
    Run.objects.filter(pk=run.pk).update(prompt_versions={"multiple_choice/choice": 99})
    job = work(run)
    assert "has no version 99" in job.items.filter(state="failed").first().error
    assert Response.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_baseline_scenario_without_values_is_asked_the_same(provider: ScriptedServer) -> None:
    dataset = DatasetFactory(baseline=True)
    ScenarioFactory(dataset=dataset)
    run = RunFactory(dataset=dataset, target=TargetFactory(endpoint=endpoint_at(provider)))
    provider.afterwards = openai_reply("A")
    work(run)
    assert list(Judgement.objects.order_by("order").values_list("choice", flat=True)) == ["value_1", "value_2"]
