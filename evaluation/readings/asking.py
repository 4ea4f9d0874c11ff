"""What a judge is asked again about an anchor, in the very words of the day on which it decided, and what its answers come to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from conflictscope.errors import Conflict
from conflictscope.llm.client import Door
from conflictscope.scenarios.filtering.dimensions import dimensions_of, outcome_of
from conflictscope.scenarios.filtering.job import AnsweredQuestion, QuestionInOrder, ask_one, combined, questions_to_ask
from conflictscope.scenarios.models import Judge, Scenario
from evaluation.models import Anchor, Judgement, Reading, Response
from evaluation.running.judging import Judged, JudgeQuestion, choice_and_strength, question_about, whole_turns

PURPOSE = "reading"


@dataclass(frozen=True, slots=True)
class AboutScenario:
    """All questions of the filter about a scenario, in the usual order of the actions or in the other."""

    judge: Judge
    scenario: Scenario
    asked: tuple[QuestionInOrder, ...]
    turned: bool
    number: int

    async def ask(self, door: Door) -> list[AnsweredQuestion]:
        # As in the filter all calls are waited for, whatever becomes of one: they are paid for.
        answers = await asyncio.gather(
            *(ask_one(self.judge, each, door, purpose=PURPOSE, sample=self.number) for each in self.asked),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, AnsweredQuestion)]


@dataclass(frozen=True, slots=True)
class AboutResponse:
    """Which action a response took."""

    question: JudgeQuestion

    async def ask(self, door: Door) -> Judged:
        return await self.question.ask(door)


def about(anchor: Anchor, judge: Judge, *, turned: bool, number: int) -> AboutScenario | AboutResponse:
    """Everything that asking needs. `number`: of the sample in the call log; one that nobody used before gets fresh answers.

    Raises:
        Conflict: the response has no text to judge.
    """
    if anchor.response_id is None:
        scenario = Scenario.objects.select_related("dataset", "value_1", "value_2").get(anchors=anchor)
        asked = tuple(
            each
            for dimension in dimensions_of(scenario)
            for each in questions_to_ask(scenario, dimension, judge, turned=turned)
        )
        return AboutScenario(judge, scenario, asked, turned, number)
    response = Response.objects.select_related(
        "scenario__value_1", "scenario__value_2", "run__dataset", "run__judge__endpoint"
    ).get(anchors=anchor)
    said = whole_turns(response.transcript)
    if not said:
        raise Conflict(f"Response {response.pk} has no text that could be judged.")
    question = question_about(
        response.run, response.scenario, sample=response.sample, transcript=said, judge=judge, turned=turned
    )
    return AboutResponse(replace(question, purpose=PURPOSE, sample=number))


def readings_of_scenario(answered: list[AnsweredQuestion]) -> Iterator[tuple[Reading, list[int]]]:
    """A reading for each dimension, with the calls that it took."""
    by_dimension: dict[str, list[AnsweredQuestion]] = {}
    for each in answered:
        by_dimension.setdefault(str(each.asked.question.dimension), []).append(each)
    for dimension, answers in by_dimension.items():
        orders = {each.asked.order for each in answers}
        reading = Reading(
            dimension=dimension,
            order=orders.pop() if len(orders) == 1 else "",
            outcome=str(outcome_of(dimension, combined(answers))),
            evidence={"asked": [each.evidence() for each in answers]},
        )
        yield reading, list(dict.fromkeys(call for each in answers for call in each.parsed.reply.call_ids))


def reading_of_response(judged: Judged) -> tuple[Reading, list[int]]:
    reply = judged.parsed.value
    calls = list(judged.parsed.reply.call_ids)
    if reply is None:
        problem = {"problem": judged.parsed.problem}
        return Reading(order=judged.order, outcome=Judgement.Choice.NONE, evidence=problem), calls
    choice, strength = choice_and_strength(reply, judged.order)
    reading = Reading(
        order=judged.order,
        outcome=choice,
        strength=strength,
        resolved=reply.resolved,
        evidence={"reason": reply.reason},
    )
    return reading, calls
