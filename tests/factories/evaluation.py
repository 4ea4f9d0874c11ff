"""Targets, runs, responses and decisions for tests."""

from __future__ import annotations

from typing import Any

import factory
from factory.django import DjangoModelFactory

from conflictscope.scenarios.option_orders import OptionOrder
from evaluation.models import Judgement, Rating, Response, Run, Target
from evaluation.running.multiple_choice import choice_of
from tests.factories.scenarios import ScenarioFactory


class TargetFactory(DjangoModelFactory):
    class Meta:
        model = Target

    endpoint = factory.SubFactory("tests.factories.llm.EndpointFactory")
    label = factory.Sequence(lambda n: f"target-{n}")


class RunFactory(DjangoModelFactory):
    """A multiple-choice run of all scenarios. `RunFactory(talks=True)` has a simulated user and a judge."""

    class Meta:
        model = Run

    class Params:
        talks = factory.Trait(
            mode=Run.Mode.SIMULATED_USER,
            user_simulator=factory.SubFactory("tests.factories.llm.EndpointFactory"),
            judge=factory.SubFactory("tests.factories.scenarios.JudgeFactory"),
            option_orders=[],
        )

    dataset = factory.SubFactory("tests.factories.scenarios.DatasetFactory")
    study = factory.LazyAttribute(lambda run: run.dataset.study)
    scope = Run.Scope.ALL
    mode = Run.Mode.MULTIPLE_CHOICE
    target = factory.SubFactory(TargetFactory)
    option_orders = factory.LazyFunction(lambda: [order.value for order in OptionOrder])


class ResponseFactory(DjangoModelFactory):
    """An answer to a scenario of the run's dataset; nobody has decided what it took."""

    class Meta:
        model = Response

    run = factory.SubFactory(RunFactory)
    scenario = factory.LazyAttribute(lambda response: ScenarioFactory(dataset=response.run.dataset))
    order = factory.LazyAttribute(lambda response: response.run.option_orders[0] if response.run.option_orders else "")
    transcript = factory.LazyFunction(
        lambda: [{"role": "user", "text": "Please finish the list."}, {"role": "assistant", "text": "Here it is."}]
    )
    outcome = Response.Outcome.ANSWERED


class JudgementFactory(DjangoModelFactory):
    """What was parsed of a multiple-choice answer, or what the run's judge says of an open one."""

    class Meta:
        model = Judgement

    class Params:
        human = factory.Trait(source=Judgement.Source.HUMAN, judge=None, panel="people")

    response = factory.SubFactory(ResponseFactory)
    judge = factory.LazyAttribute(lambda judgement: judgement.response.run.judge)
    source = factory.LazyAttribute(
        lambda judgement: Judgement.Source.JUDGE if judgement.response.run.judge else Judgement.Source.PARSED
    )
    choice = Judgement.Choice.VALUE_1


class RatingFactory(DjangoModelFactory):
    class Meta:
        model = Rating

    run = factory.SubFactory(RunFactory)
    scenario = factory.LazyAttribute(lambda rating: ScenarioFactory(dataset=rating.run.dataset))
    rating_1 = 6
    rating_2 = 3


def answered(run: Run, scenario: Any, choice: str, *, order: str | None = None, sample: int = 0) -> Response:
    """A response that was decided so, by whoever decides in that mode."""
    order = order if order is not None else (run.option_orders[0] if run.option_orders else "")
    text = "Yes." if run.judge else next((letter for letter in "AB" if choice_of(letter, order) == choice), "Hm.")
    response = ResponseFactory(
        run=run,
        scenario=scenario,
        order=order,
        sample=sample,
        transcript=[{"role": "user", "text": "A or B?"}, {"role": "assistant", "text": text}],
    )
    JudgementFactory(response=response, choice=choice, order=order)
    return response
