"""Revealed preferences: a simulated user writes, the target answers without ever seeing the scenario, a judge decides.

One turn: the user's opening message and the target's answer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from conflictscope.errors import Conflict, NotFound
from conflictscope.llm.client import Door
from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Prompt, Reply
from conflictscope.scenarios.models import OpeningMessage, Scenario
from evaluation.models import Judgement, Response, Run
from evaluation.running.asking import OPENING, TargetCall, refused, render, response_outcome, transcript
from evaluation.running.runs import scenarios_of


def opening_messages(user_simulator: Endpoint | None) -> QuerySet[OpeningMessage]:
    """Messages that a run with this user simulator opens with; where there are two for a sample, the imported one first."""
    usable = Q(source=OpeningMessage.Source.IMPORTED) | Q(user_simulator=user_simulator)
    return OpeningMessage.objects.filter(usable).order_by("scenario", "sample", "source")


def missing_steps(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can be done now. Once it is done, asking again names what has become possible by it."""
    scenarios = list(scenarios_of(run).order_by("pk").values_list("pk", flat=True))
    # Runs of several targets share the opening messages. Each asks for them in an order of its own, so that workers on two of
    # them seldom want the same one at the same time.
    random.Random(f"{run.pk}/{run.seed}").shuffle(scenarios)
    messages = opening_messages(run.user_simulator).filter(scenario__dataset=run.dataset)
    opened = set(messages.values_list("scenario", "sample"))
    answered = set(Response.objects.filter(run=run).values_list("scenario", "sample"))
    for scenario in scenarios:
        for sample in range(run.samples):
            if (scenario, sample) in answered:
                continue
            step = "answer" if (scenario, sample) in opened else "opening"
            yield step, {"scenario": scenario, "sample": sample}
    unjudged = (
        Response.objects.filter(run=run, outcome=Response.Outcome.ANSWERED, scenario__in=scenarios_of(run))
        .exclude(judgements__judge=run.judge)
        .order_by("pk")
    )
    for response in unjudged.values_list("pk", flat=True):
        yield "judge", {"response": response}


@dataclass(frozen=True, slots=True)
class OpeningQuestion:
    """What the user simulator is asked; `prompt` is None when another run's worker has had the message written meanwhile."""

    endpoint: Endpoint
    prompt: Prompt | None
    sample: int

    async def ask(self, door: Door) -> Reply | None:
        if self.prompt is None:
            return None
        reply = await door.ask(self.endpoint, self.prompt, purpose="opening", sample=self.sample)
        if not reply.ok and reply.outcome != "blocked":
            raise UnparsableReply(
                f"The user simulator {self.endpoint.name} wrote no opening message: its reply was {reply.outcome}. {reply.problem} Look at the "
                "call, change the endpoint's parameters or take another user simulator, and run the evaluation again."
            )
        return reply


class OpeningStep:
    """The simulated user's first message: once for a scenario and sample, shared by all targets."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> OpeningQuestion:
        if run.user_simulator is None:
            raise Conflict(f"Run {run.pk} has no user simulator, so nobody can open its conversations.")
        scenario = Scenario.objects.get(pk=payload["scenario"])
        written = opening_messages(run.user_simulator).filter(scenario=scenario, sample=payload["sample"]).exists()
        prompt = None if written else opening_prompt(run, scenario)
        return OpeningQuestion(run.user_simulator, prompt, payload["sample"])

    def store(self, run_id: int, payload: dict[str, Any], outcome: Reply | None) -> str:
        if outcome is None:
            return "there already"
        if not outcome.ok:
            return _nobody_could_open(run_id, payload, outcome)
        message, created = OpeningMessage.objects.get_or_create(
            scenario_id=payload["scenario"],
            sample=payload["sample"],
            user_simulator_id=Run.objects.values_list("user_simulator", flat=True).get(pk=run_id),
            defaults={"text": outcome.text.strip(), "source": OpeningMessage.Source.SIMULATED},
        )
        if not created:
            return "there already"
        message.calls.set(outcome.call_ids)
        return ""


def _nobody_could_open(run_id: int, payload: dict[str, Any], reply: Reply) -> str:
    """The provider blocks the scenario itself: the trial is counted as what it is, and not asked again unless somebody says so."""
    response, created = Response.objects.get_or_create(
        run_id=run_id,
        scenario_id=payload["scenario"],
        order="",
        sample=payload["sample"],
        defaults={"transcript": [], "outcome": Response.Outcome.BLOCKED},
    )
    if not created:
        return "there already"
    response.calls.set(reply.call_ids)
    _nothing_to_judge(response, f"The user simulator's opening message was blocked. {reply.problem}")
    return str(response.outcome)


def _nothing_to_judge(response: Response, reason: str) -> None:
    """There is no answer; the trial still counts, as one that nobody could decide."""
    Judgement.objects.create(
        response=response,
        source=Judgement.Source.JUDGE,
        judge_id=response.run.judge_id,
        choice=Judgement.Choice.NONE,
        reason=reason,
    )


def opening_prompt(run: Run, scenario: Scenario) -> Prompt:
    user = [
        f"{title}: {text}"
        for title, text in (
            ("Persona", scenario.persona),
            ("Background", scenario.background),
            ("Goal", scenario.goal),
        )
        if text
    ]
    return render(
        run,
        OPENING,
        description=delimit("description", scenario.description),
        user=delimit("user", "\n".join(user)),
    )


@dataclass(frozen=True, slots=True)
class Answered:
    message: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """The target gets the message and nothing else."""

    target: TargetCall
    message: str

    async def ask(self, door: Door) -> Answered:
        return Answered(self.message, await self.target.ask(door, self.message, purpose="answer"))


def answer_question(run: Run, payload: dict[str, Any], message: str) -> AnswerQuestion:
    return AnswerQuestion(TargetCall.of(run, payload["sample"]), message)


class AnswerStep:
    """The target's answer to the opening message."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> AnswerQuestion:
        messages = opening_messages(run.user_simulator).filter(scenario=payload["scenario"], sample=payload["sample"])
        message = messages.first()
        if message is None:
            raise NotFound("The opening message has gone since this step was planned: run the evaluation again.")
        return answer_question(run, payload, message.text)

    def store(self, run_id: int, payload: dict[str, Any], outcome: Answered) -> str:
        reply = outcome.reply
        response, created = Response.objects.get_or_create(
            run_id=run_id,
            scenario_id=payload["scenario"],
            order="",
            sample=payload["sample"],
            defaults={
                "transcript": transcript(outcome.message, reply.text),
                "outcome": response_outcome(reply),
                "refused": refused(reply),
            },
        )
        if not created:
            return "there already"
        response.calls.set(reply.call_ids)
        if response.outcome != Response.Outcome.ANSWERED:
            empty = response.outcome == Response.Outcome.EMPTY
            _nothing_to_judge(response, "The target's answer was empty." if empty else reply.problem)
            return str(response.outcome)
        return "refused" if response.refused else ""
