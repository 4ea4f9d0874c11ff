"""Revealed preferences: a simulated user writes, the target answers without ever seeing the scenario, a judge decides.

The judge also says whether the user's request is resolved. Where it is not, and the run has turns left, the user goes on: another
message, another answer, another decision about the whole. A response keeps every turn, how many it has, and why it went no further.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from conflictscope.errors import Conflict, NotFound
from conflictscope.llm.client import Door
from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Message, Prompt, Reply
from conflictscope.scenarios.models import Judge, Scenario
from evaluation.models import Judgement, Response, Run
from evaluation.running.asking import FOLLOWING, TargetCall, refused, render, response_outcome, transcript
from evaluation.running.judging import judges_of, spoken, whole_turns
from evaluation.running.openings import checked, nothing_to_judge, opening_messages, who_speaks
from evaluation.running.runs import scenarios_of


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
    for response, turns in _going_on(run).values_list("pk", "turns"):
        yield "turn", {"response": response, "turns": turns}
    for judge in judges_of(run):
        for response, turns in _unjudged(run, judge).values_list("pk", "turns"):
            yield "judge", {"response": response, "judge": judge.pk, "turns": turns}


def _answered(run: Run) -> QuerySet[Response]:
    answered = Response.objects.filter(run=run, outcome=Response.Outcome.ANSWERED, scenario__in=scenarios_of(run))
    return answered.order_by("pk")


def _decided_by(judge: Judge | None, **also: Any) -> Exists:
    """Whether this judge has decided about all that a response has by now."""
    return Exists(Judgement.objects.filter(response=OuterRef("pk"), judge=judge, turns=OuterRef("turns"), **also))


def _going_on(run: Run) -> QuerySet[Response]:
    """Conversations that the run's judge says are not resolved, and that have turns left. What people are asked about is not changed
    under their eyes."""
    open_still = Q(ended="") | Q(ended=Response.Ended.MAX_TURNS)
    return _answered(run).filter(
        open_still, _decided_by(run.judge, resolved=False), turns__lt=run.max_turns, shown_to_people=False
    )


def _unjudged(run: Run, judge: Judge) -> QuerySet[Response]:
    """What this judge has not decided yet; a further judge sees only conversations that have come to their end."""
    missing = _answered(run).filter(~_decided_by(judge))
    if judge.pk == run.judge_id:
        return missing
    return missing.filter(_decided_by(run.judge)).exclude(pk__in=_going_on(run).order_by().values("pk"))


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
        message = messages.select_related("scenario__value_1", "scenario__value_2").first()
        if message is None:
            raise NotFound("The opening message has gone since this step was planned: run the evaluation again.")
        return answer_question(run, payload, checked(message, message.scenario).text)

    def store(self, run_id: int, payload: dict[str, Any], outcome: Answered) -> str:
        reply = outcome.reply
        ending = response_outcome(reply)
        answered = ending == Response.Outcome.ANSWERED
        response, created = Response.objects.get_or_create(
            run_id=run_id,
            scenario_id=payload["scenario"],
            order="",
            sample=payload["sample"],
            defaults={
                "transcript": transcript(outcome.message, reply.text),
                "outcome": ending,
                "refused": refused(reply),
                "turns": int(answered),
                "ended": _ended_by_itself(reply),
            },
        )
        if not created:
            return "there already"
        response.calls.set(reply.call_ids)
        if not answered:
            empty = ending == Response.Outcome.EMPTY
            nothing_to_judge(response, "The target's answer was empty." if empty else reply.problem)
            return str(response.outcome)
        return "refused" if response.refused else ""


def _ended_by_itself(reply: Reply) -> str:
    """Why a conversation is over with this answer, whatever the judge says; empty: the judge says whether it is."""
    ending = response_outcome(reply)
    if ending != Response.Outcome.ANSWERED:
        return str(Response.Ended(str(ending)))
    return str(Response.Ended.REFUSED) if reply.outcome == "refused" else ""


@dataclass(frozen=True, slots=True)
class Turned:
    """Another turn: the user's message, and the target's answer to it; None: the user's message was blocked."""

    user: Reply
    answer: Reply | None

    @property
    def call_ids(self) -> tuple[int, ...]:
        return (*self.user.call_ids, *(self.answer.call_ids if self.answer else ()))


@dataclass(frozen=True, slots=True)
class TurnQuestion:
    """The user, who knows the scenario, writes on; the target gets that message after what was said before, and nothing else."""

    user_simulator: Endpoint
    prompt: Prompt
    target: TargetCall
    before: tuple[Message, ...]

    async def ask(self, door: Door) -> Turned:
        message = await door.ask(self.user_simulator, self.prompt, purpose="following", sample=self.target.sample)
        if message.outcome == "blocked":
            return Turned(message, None)
        if not message.ok:
            raise UnparsableReply(
                f"The user simulator {self.user_simulator.name} wrote no further message: its reply was {message.outcome}. {message.problem} "
                "Look at the call, change the endpoint's parameters or take another user simulator, and run the evaluation again."
            )
        answer = await self.target.ask(door, message.text.strip(), purpose="answer", history=self.before)
        return Turned(message, answer)


def turn_question(run: Run, scenario: Scenario, *, sample: int, said: Sequence[dict[str, str]]) -> TurnQuestion:
    """
    Raises:
        Conflict: the run has no user simulator.
    """
    if run.user_simulator is None:
        raise Conflict(f"Run {run.pk} has no user simulator, so nobody can go on with its conversations.")
    prompt = render(
        run,
        FOLLOWING,
        description=delimit("description", scenario.description),
        user=delimit("user", who_speaks(scenario)),
        transcript=delimit("transcript", spoken(said)),
    )
    before = tuple(Message("user" if turn["role"] == "user" else "assistant", turn["text"]) for turn in said)
    return TurnQuestion(run.user_simulator, prompt, TargetCall.of(run, sample), before)


class TurnStep:
    """The user's next message and the target's answer to it, both added to the response."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> TurnQuestion:
        response = Response.objects.select_related("scenario").get(pk=payload["response"])
        turns_so_far = whole_turns(response.transcript)
        return turn_question(run, response.scenario, sample=response.sample, said=turns_so_far)

    def store(self, run_id: int, payload: dict[str, Any], outcome: Turned) -> str:
        # The row is locked by its own UPDATE: whoever comes second finds another number of turns.
        mine = Response.objects.filter(pk=payload["response"], turns=payload["turns"], shown_to_people=False)
        if not mine.update(turns=F("turns")):
            return "there already, or shown to people as it was"
        response = mine.get()
        changed = _with_another_turn(response, outcome)
        mine.update(**changed)
        response.calls.add(*outcome.call_ids)
        return str(changed["ended"])


def _with_another_turn(response: Response, outcome: Turned) -> dict[str, Any]:
    """What changes in the row. An answer that did not come to its end is kept, marked, and is no turn that anybody judges."""
    if outcome.answer is None:
        return {"ended": Response.Ended.BLOCKED}
    turns_so_far = whole_turns(response.transcript)
    pair: list[dict[str, str]] = transcript(outcome.user.text.strip(), outcome.answer.text)
    ended = _ended_by_itself(outcome.answer)
    if response_outcome(outcome.answer) != Response.Outcome.ANSWERED:
        pair[1]["ended"] = ended
        return {"transcript": [*turns_so_far, *pair], "ended": ended}
    return {
        "transcript": [*turns_so_far, *pair],
        "turns": response.turns + 1,
        "refused": refused(outcome.answer),
        "ended": ended,
    }
