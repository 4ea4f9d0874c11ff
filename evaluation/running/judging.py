"""The judge of open conversations: which of the two actions did the answer take?

Every answer that is not empty is judged, refusals included: declining is often just what one of the actions describes. The
judge sees the actions in an order drawn from the run's seed; the order is stored, and its reply is mapped back. Several judges of a
run decide the same responses side by side; its own also says whether a conversation goes on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from conflictscope.errors import Conflict
from conflictscope.llm.client import Door
from conflictscope.llm.prompts import PromptFile, delimit
from conflictscope.llm.types import Parsed, Prompt
from conflictscope.scenarios.filtering.judges import endpoint_of_judge
from conflictscope.scenarios.models import Judge, Scenario
from conflictscope.scenarios.option_orders import OptionOrder, turned
from evaluation.models import Judgement, Response, Run
from evaluation.running.asking import ACTION, PROMPTS, render
from evaluation.running.multiple_choice import choice_of, options_of


class JudgeReply(BaseModel):
    """What the judge must answer. `strength`: 1 = wholly A ... 7 = wholly B."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: Literal["A", "B", "both", "neither"]
    strength: int = Field(ge=1, le=7)
    resolved: bool
    reason: str


def action_order(run: Run, *, scenario_uid: str, sample: int) -> OptionOrder:
    """The order in which the judge sees the actions: a coin that falls the same way whenever the run is repeated."""
    coin = random.Random(f"{run.seed}/{scenario_uid}/{sample}").random()
    return OptionOrder.ACTION_1_FIRST if coin < 0.5 else OptionOrder.ACTION_2_FIRST


def choice_and_strength(reply: JudgeReply, order: str) -> tuple[Judgement.Choice, int]:
    """The judge's letter and scale, turned from what it saw to value 1 / value 2 and action 1 ... action 2."""
    lettered = reply.choice in ("A", "B")
    choice = choice_of(reply.choice, order) if lettered else Judgement.Choice(reply.choice)
    return choice, turned(reply.strength, order)


def judges_of(run: Run) -> list[Judge]:
    """Its own first, then those that decide beside it, by their names."""
    further = run.further_judges.select_related("endpoint").order_by("name") if run.judge_id else []
    return [*([run.judge] if run.judge else []), *further]


def whole_turns(transcript: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """A transcript without the answer that did not come to its end, and without the message that it was to answer."""
    broken = any(turn.get("ended") for turn in transcript)
    return list(transcript[:-2] if broken else transcript)


def spoken(transcript: Sequence[dict[str, str]]) -> str:
    """A transcript as a judge reads it: the speaker on a line, and what was said quoted line by line, as in letters, so that no words
    within a turn can begin another."""
    names = {"user": "User", "assistant": "Assistant"}
    return "\n\n".join(f"{names[turn['role']]}:\n{_quoted(turn['text'])}" for turn in transcript)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines() or [""])


@dataclass(frozen=True, slots=True)
class Judged:
    judge: int
    order: OptionOrder
    parsed: Parsed[JudgeReply]


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    judge: Judge
    prompt: Prompt
    order: OptionOrder
    purpose: str = "judge"
    sample: int = 0

    async def ask(self, door: Door) -> Judged:
        parsed = await door.ask_for(
            JudgeReply,
            endpoint_of_judge(self.judge),
            self.prompt,
            purpose=self.purpose,
            parameters={"temperature": 0, **self.judge.parameters},
            sample=self.sample,
        )
        return Judged(self.judge.pk, self.order, parsed)


def question_about(
    run: Run,
    scenario: Scenario,
    *,
    sample: int,
    transcript: Sequence[dict[str, str]],
    judge: Judge | None = None,
    turned: bool = False,
) -> JudgeQuestion:
    """What a judge, by default the run's own, is asked about a conversation. `turned`: with the actions the other way round.

    Raises:
        Conflict: the run has no judge.
    """
    judge = judge or run.judge
    if judge is None:
        raise Conflict(f"Run {run.pk} has no judge, so nobody can decide its responses.")
    usual = action_order(run, scenario_uid=scenario.uid, sample=sample)
    order = next(each for each in OptionOrder if (each != usual) == turned)
    action_a, action_b = options_of(scenario, order)
    facts = {
        "transcript": delimit("transcript", spoken(transcript)),
        "action_a": delimit("action_a", action_a),
        "action_b": delimit("action_b", action_b),
    }
    own = judge.prompt_versions.get(ACTION) if judge.pk != run.judge_id else None
    if ACTION in judge.wordings or own is not None:
        prompt = action_prompt_of(judge).render(**facts)
    else:
        prompt = render(run, ACTION, **facts)
    return JudgeQuestion(judge, prompt, order)


def action_prompt_of(judge: Judge) -> PromptFile:
    """The words in which the judge is asked which action was taken: its own, else those of the shipped file it is bound to."""
    version = judge.prompt_versions.get(ACTION)
    if ACTION in judge.wordings:
        return PromptFile.worded(
            judge.wordings[ACTION], package=PROMPTS.package, name=f"{judge.name}:{ACTION}", version=version or 1
        )
    return PROMPTS.file(ACTION, version=version)


class JudgeStep:
    """One decision about one response."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> JudgeQuestion:
        response = Response.objects.select_related("scenario").get(pk=payload["response"])
        judge = run.judge
        if payload.get("judge", run.judge_id) != run.judge_id:
            judge = Judge.objects.select_related("endpoint").get(pk=payload["judge"])
        turns_so_far = whole_turns(response.transcript)
        return question_about(run, response.scenario, sample=response.sample, transcript=turns_so_far, judge=judge)

    def store(self, run_id: int, payload: dict[str, Any], outcome: Judged) -> str:
        reply = outcome.parsed.value
        if reply is None:
            decision: dict[str, Any] = {
                "choice": Judgement.Choice.NONE,
                "reason": f"The judge's reply could not be read: {outcome.parsed.problem}",
            }
        else:
            choice, strength = choice_and_strength(reply, outcome.order)
            decision = {"choice": choice, "strength": strength, "resolved": reply.resolved, "reason": reply.reason}
        turns = payload.get("turns", 1)
        judgement, created = Judgement.objects.get_or_create(
            response_id=payload["response"],
            source=Judgement.Source.JUDGE,
            judge_id=outcome.judge,
            defaults={"order": outcome.order, "turns": turns, **decision},
        )
        if not created:
            if judgement.turns >= turns:
                return "there already"
            # It had decided about fewer turns. What it said then stays in the call log.
            again = {"strength": None, "resolved": None, **decision, "order": outcome.order, "turns": turns}
            Judgement.objects.filter(pk=judgement.pk).update(**again, created_at=timezone.now())
        judgement.calls.add(*outcome.parsed.reply.call_ids)
        _end(run_id, payload["response"], outcome.judge, reply)
        return "unparsable" if reply is None else ""


def _end(run_id: int, response_id: int, judge: int, reply: JudgeReply | None) -> None:
    """Note why the conversation is over, if the run's own judge has just said that it is, or none of its turns is left."""
    run = Run.objects.only("judge", "max_turns").get(pk=run_id)
    if judge != run.judge_id:
        return
    open_still = Response.objects.filter(pk=response_id, ended__in=["", Response.Ended.MAX_TURNS])
    if reply is None:
        open_still.update(ended=Response.Ended.UNREAD)
    elif reply.resolved:
        open_still.filter(refused=True).update(ended=Response.Ended.REFUSED)
        open_still.update(ended=Response.Ended.RESOLVED)
    else:
        open_still.filter(turns__gte=run.max_turns).update(ended=Response.Ended.MAX_TURNS)
