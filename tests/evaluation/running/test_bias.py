"""Whether a run follows the place of an option, or acting as such: counted by scenario, and said where most of it does."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.models import Scenario
from evaluation.models import Run
from evaluation.running.bias import bias_of
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db

FIRST, LAST = ("value_1", "value_2"), ("value_2", "value_1")  # what taking that place comes to, in the two orders
ALIKE = ("value_1", "value_1")


def asked(*answers: tuple[str, str], acting: str = "1", baseline: bool = False) -> Run:
    """A run in which each scenario was decided so: with action 1 first, and with action 2 first."""
    run = RunFactory(dataset=DatasetFactory(baseline=baseline))
    for both in answers:
        scenario = ScenarioFactory(dataset=run.dataset, acting_action=acting)
        for order, choice in zip(run.option_orders, both, strict=True):
            answered(run, scenario, choice, order=order)
    return run


def shown(client: Client, run: Run) -> str:
    client.force_login(member(run.study, "viewer"))
    text = client.get(reverse("evaluation:run", args=[run.study.slug, run.pk])).content.decode()
    return " ".join(text.split())


def test_a_run_that_takes_the_same_place_both_times_says_so_before_anything_else(client: Client) -> None:
    run = asked(*[FIRST] * 26, *[ALIKE] * 2)
    bias = bias_of(run)
    assert bias.position is not None
    assert (bias.position.asked, bias.position.n_first, bias.position.n_last) == (28, 26, 0)
    assert bias.position.alike.value == pytest.approx(2 / 28)
    assert bias.position.followed.value == pytest.approx(26 / 28)
    text = shown(client, run)
    said = "It mostly chooses by position: in 26 of 28 scenarios decided in both orders the same place won both times"
    assert said in text
    assert text.index(said) < text.index("Responses</span>")
    assert "wherever the answers differ, the option shown first won: its effect has no finite estimate" in text


def test_a_run_of_a_baseline_that_follows_the_last_place_is_recognised() -> None:
    bias = bias_of(asked(*[LAST] * 12, baseline=True))
    assert "12 times the option shown last" in bias.sentences[0]


def test_half_and_half_is_counted_and_nothing_is_claimed(client: Client) -> None:
    run = asked(*[FIRST] * 6, *[LAST] * 4, *[ALIKE, ("value_2", "value_2")] * 6)
    bias = bias_of(run)
    assert bias.position is not None
    assert bias.position.effect.value == pytest.approx(0.405, abs=0.001)  # log 6/4
    assert bias.sentences == ()
    text = shown(client, run)
    assert "mostly" not in text
    assert "6 times the option shown first, 4 times the last" in text
    assert '<span class="estimate">0.41 <span class="interval">[' in text


def test_more_than_half_is_said_only_when_the_lower_limit_is_above_it() -> None:
    few = asked(*[FIRST] * 4, *[ALIKE, ("value_2", "value_2")])
    assert bias_of(few).sentences == ()


def test_a_run_that_declines_and_one_that_acts_say_so() -> None:
    dataset_acts = [("value_1", "value_1")] * 20
    assert bias_of(asked(*dataset_acts, acting="2")).sentences == (
        "It mostly declines to act: in 100% of its decisions, whichever value that serves.",
    )
    assert bias_of(asked(*dataset_acts, acting="1")).sentences[0].startswith("It mostly acts: in 100%")
    unknown = bias_of(asked(*dataset_acts, acting=Scenario.ActingAction.UNKNOWN))
    assert unknown.acting.value is None
    assert "not known which action" in unknown.acting.reason


def test_the_scenario_is_the_unit_however_many_samples_it_was_asked_for() -> None:
    run = asked(*[FIRST] * 5, *[ALIKE] * 5)
    for scenario in run.dataset.scenarios.order_by("pk"):
        one = list(run.responses.filter(scenario=scenario).order_by("order"))
        for sample in (1, 2, 3):
            for response in one:
                answered(run, scenario, response.judgements.get().choice, order=response.order, sample=sample)
    bias = bias_of(run)
    assert bias.position is not None
    assert (bias.position.followed.value, bias.position.followed.n) == (0.5, 10)
    assert bias.acting.n == 10


def test_undecided_answers_and_one_order_alone_show_no_position(client: Client) -> None:
    run = asked(*[("value_1", "none")] * 5)
    assert bias_of(run).one_order_only
    assert "cannot be seen" in shown(client, run)


def test_a_conversation_has_no_place_to_follow_and_still_tells_of_acting() -> None:
    run = RunFactory(talks=True)
    for _ in range(12):
        answered(run, ScenarioFactory(dataset=run.dataset, acting_action="2"), "value_1")
    bias = bias_of(run)
    assert bias.position is None
    assert bias.sentences[0].startswith("It mostly declines")


def test_a_run_without_decisions_has_nothing_to_say(client: Client) -> None:
    run = RunFactory()
    assert bias_of(run).sentences == ()
    assert "What the answers follow" not in shown(client, run)
