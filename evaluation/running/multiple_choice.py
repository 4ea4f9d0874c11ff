"""Expressed preferences: the target picks A or B in each option order, and rates each action on its own.

Baseline datasets have two actions and no values; there `value_1` and `value_2` stand for action 1 and action 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conflictscope.llm.client import Door
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Prompt, Reply
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import action_behind, as_shown
from evaluation.models import CHOICE_OF_ACTION, Judgement, Rating, Response, Run
from evaluation.running.asking import CHOICE, RATING, TargetCall, refused, render, response_outcome, transcript
from evaluation.running.parsing import ParsedChoice, parse_choice, parse_rating
from evaluation.running.runs import scenarios_of

THERE_ALREADY = "there already"


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
        if not reply.complete:
            return ParsedChoice(None, reply.problem)
        if reply.outcome == "refused":
            return ParsedChoice(None, "The provider says that the target refused.")
        return parse_choice(reply.text, option_a=self.option_a, option_b=self.option_b)


class ChoiceStep:
    """Pick A or B, once for a scenario, order and sample."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> ChoiceQuestion:
        return self._about(run, payload, Scenario.objects.get(pk=payload["scenario"]))

    def prepare_all(self, run: Run, payloads: Sequence[dict[str, Any]]) -> list[ChoiceQuestion]:
        scenarios = Scenario.objects.in_bulk({payload["scenario"] for payload in payloads})
        return [self._about(run, payload, scenarios[payload["scenario"]]) for payload in payloads]

    def _about(self, run: Run, payload: dict[str, Any], scenario: Scenario) -> ChoiceQuestion:
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
        return self.store_all(run_id, [(payload, outcome)])[0]

    def store_all(self, run_id: int, ended: Sequence[tuple[dict[str, Any], Chosen]]) -> list[str]:
        scenarios = {payload["scenario"] for payload, _ in ended}
        there = set(
            Response.objects.filter(run=run_id, scenario__in=scenarios).values_list("scenario", "order", "sample")
        )
        fresh = [
            (self._response(run_id, payload, outcome), outcome)
            for payload, outcome in ended
            if (payload["scenario"], payload["order"], payload["sample"]) not in there
        ]
        Response.objects.bulk_create(response for response, _ in fresh)
        link_calls(Response, [(response, outcome.reply.call_ids) for response, outcome in fresh])
        judgements = [self._judgement(response, outcome) for response, outcome in fresh]
        Judgement.objects.bulk_create(judgements)
        notes = {
            (response.scenario_id, response.order, response.sample): self._note(response, judgement, outcome)
            for (response, outcome), judgement in zip(fresh, judgements, strict=True)
        }
        return [
            notes.get((payload["scenario"], payload["order"], payload["sample"]), THERE_ALREADY) for payload, _ in ended
        ]

    def _response(self, run_id: int, payload: dict[str, Any], outcome: Chosen) -> Response:
        return Response(
            run_id=run_id,
            scenario_id=payload["scenario"],
            order=payload["order"],
            sample=payload["sample"],
            transcript=transcript(outcome.question, outcome.reply.text),
            outcome=response_outcome(outcome.reply),
            refused=outcome.parsed.letter is None and refused(outcome.reply),
        )

    def _judgement(self, response: Response, outcome: Chosen) -> Judgement:
        return Judgement(
            response=response,
            source=Judgement.Source.PARSED,
            choice=choice_of(outcome.parsed.letter, response.order),
            order=response.order,
            reason=outcome.parsed.problem,
        )

    def _note(self, response: Response, judgement: Judgement, outcome: Chosen) -> str:
        if response.outcome != Response.Outcome.ANSWERED:
            return str(response.outcome)
        return "" if outcome.parsed.letter else ("refused" if response.refused else judgement.choice)


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
        return self.prepare_all(run, [payload])[0]

    def prepare_all(self, run: Run, payloads: Sequence[dict[str, Any]]) -> list[RatingQuestion]:
        scenarios = Scenario.objects.in_bulk({payload["scenario"] for payload in payloads})
        return [self._about(run, payload, scenarios[payload["scenario"]]) for payload in payloads]

    def _about(self, run: Run, payload: dict[str, Any], scenario: Scenario) -> RatingQuestion:
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
        return self.store_all(run_id, [(payload, outcome)])[0]

    def store_all(self, run_id: int, ended: Sequence[tuple[dict[str, Any], tuple[Reply, Reply]]]) -> list[str]:
        scenarios = {payload["scenario"] for payload, _ in ended}
        there = set(Rating.objects.filter(run=run_id, scenario__in=scenarios).values_list("scenario", "sample"))
        fresh = [
            (self._rating(run_id, payload, outcome), outcome)
            for payload, outcome in ended
            if (payload["scenario"], payload["sample"]) not in there
        ]
        Rating.objects.bulk_create(rating for rating, _ in fresh)
        link_calls(Rating, [(rating, [call for reply in both for call in reply.call_ids]) for rating, both in fresh])
        notes = {
            (rating.scenario_id, rating.sample): "no rating" if None in (rating.rating_1, rating.rating_2) else ""
            for rating, _ in fresh
        }
        return [notes.get((payload["scenario"], payload["sample"]), THERE_ALREADY) for payload, _ in ended]

    def _rating(self, run_id: int, payload: dict[str, Any], outcome: tuple[Reply, Reply]) -> Rating:
        ratings = [parse_rating(reply.answer) for reply in outcome]
        unread = [
            "" if number else reply.text or f"({reply.problem})" for number, reply in zip(ratings, outcome, strict=True)
        ]
        return Rating(
            run_id=run_id,
            scenario_id=payload["scenario"],
            sample=payload["sample"],
            rating_1=ratings[0],
            rating_2=ratings[1],
            unread_1=unread[0],
            unread_2=unread[1],
        )


def link_calls(table: type[Response | Rating], rows: Sequence[tuple[Response | Rating, Sequence[int]]]) -> None:
    """Note for new rows which calls they came of. In their order each once: both replies of a pair may be one call of the log."""
    through: Any = table.calls.through
    column = f"{table._meta.model_name}_id"
    through.objects.bulk_create(
        through(**{column: row.pk, "call_id": call}) for row, calls in rows for call in dict.fromkeys(calls)
    )
