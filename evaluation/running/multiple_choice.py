"""Expressed preferences: the target picks A or B in each option order, and rates each action on its own.

Baseline datasets have two actions and no values; there `value_1` and `value_2` stand for action 1 and action 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conflictscope.llm.client import Door
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Prompt, Reply
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import action_behind, as_shown
from evaluation.models import CHOICE_OF_ACTION, Judgement, Rating, Response, Run
from evaluation.running.asking import CHOICE, RATING, TargetCall, outcome_of, refused, render, transcript
from evaluation.running.parsing import ParsedChoice, parse_choice, parse_rating
from evaluation.running.runs import scenarios_of


def missing_steps(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """The choices and ratings that the run does not have yet, scenario by scenario."""
    answered = set(Response.objects.filter(run=run).values_list("scenario", "order", "sample"))
    rated = set(Rating.objects.filter(run=run).values_list("scenario", "sample"))
    for scenario in scenarios_of(run).order_by("pk").values_list("pk", flat=True):
        for sample in range(run.samples):
            for order in run.option_orders:
                if (scenario, order, sample) not in answered:
                    yield "choice", {"scenario": scenario, "order": order, "sample": sample}
            if (scenario, sample) not in rated:
                yield "rating", {"scenario": scenario, "sample": sample}


def options_of(scenario: Scenario, order: str) -> tuple[str, str]:
    """What stands as A and as B."""
    return as_shown(order, scenario.action_1, scenario.action_2)


def choice_of(letter: str | None, order: str) -> Judgement.Choice:
    """From a letter to the value whose action stood there."""
    return Judgement.Choice.NONE if letter is None else CHOICE_OF_ACTION[action_behind(letter, order)]


@dataclass(frozen=True, slots=True)
class Chosen:
    question: str
    reply: Reply
    parsed: ParsedChoice


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    target: TargetCall
    prompt: Prompt
    option_a: str
    option_b: str

    async def ask(self, door: Door) -> Chosen:
        reply = await self.target.ask(door, self.prompt, purpose="choice")
        return Chosen(self.prompt.text, reply, self._parse(reply))

    def _parse(self, reply: Reply) -> ParsedChoice:
        if reply.outcome == "refused":
            return ParsedChoice(None, "The provider says that the target refused.")
        return parse_choice(reply.text, option_a=self.option_a, option_b=self.option_b)


class ChoiceStep:
    """Pick A or B, once for a scenario, order and sample."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> ChoiceQuestion:
        scenario = Scenario.objects.get(pk=payload["scenario"])
        option_a, option_b = options_of(scenario, payload["order"])
        prompt = render(
            run,
            CHOICE,
            situation=delimit("situation", scenario.description),
            option_a=delimit("option_a", option_a),
            option_b=delimit("option_b", option_b),
        )
        return ChoiceQuestion(TargetCall.of(run, payload["sample"]), prompt, option_a, option_b)

    def store(self, run_id: int, payload: dict[str, Any], outcome: Chosen) -> str:
        reply, parsed = outcome.reply, outcome.parsed
        response, created = Response.objects.get_or_create(
            run_id=run_id,
            scenario_id=payload["scenario"],
            order=payload["order"],
            sample=payload["sample"],
            defaults={
                "transcript": transcript(outcome.question, reply.text),
                "outcome": outcome_of(reply),
                "refused": parsed.letter is None and refused(reply),
            },
        )
        if not created:
            return "there already"
        response.calls.add(*reply.call_ids)
        judgement = Judgement.objects.create(
            response=response,
            source=Judgement.Source.PARSED,
            choice=choice_of(parsed.letter, payload["order"]),
            order=payload["order"],
            reason=parsed.problem,
        )
        return "" if parsed.letter else ("refused" if response.refused else judgement.choice)


@dataclass(frozen=True, slots=True)
class RatingQuestion:
    target: TargetCall
    prompts: tuple[Prompt, Prompt]

    async def ask(self, door: Door) -> tuple[Reply, Reply]:
        first, second = [await self.target.ask(door, prompt, purpose="rating") for prompt in self.prompts]
        return first, second


class RatingStep:
    """Rate each action from 1 to 7, without seeing the other: once for a scenario and sample, whatever the orders."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> RatingQuestion:
        scenario = Scenario.objects.get(pk=payload["scenario"])
        first, second = (
            render(
                run,
                RATING,
                situation=delimit("situation", scenario.description),
                action=delimit("action", action),
            )
            for action in (scenario.action_1, scenario.action_2)
        )
        return RatingQuestion(TargetCall.of(run, payload["sample"]), (first, second))

    def store(self, run_id: int, payload: dict[str, Any], outcome: tuple[Reply, Reply]) -> str:
        given = [None if reply.outcome == "refused" else parse_rating(reply.text) for reply in outcome]
        rating, created = Rating.objects.get_or_create(
            run_id=run_id,
            scenario_id=payload["scenario"],
            sample=payload["sample"],
            defaults={"rating_1": given[0], "rating_2": given[1]},
        )
        if not created:
            return "there already"
        rating.calls.set([call for reply in outcome for call in reply.call_ids])
        return "no rating" if None in given else ""
