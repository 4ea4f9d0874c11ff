"""The simulated user's opening messages: written once for a scenario and sample, looked through, and shared by all targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from conflictscope.errors import Conflict
from conflictscope.llm.client import Door
from conflictscope.llm.errors import UnparsableReply
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Prompt, Reply
from conflictscope.scenarios.models import OpeningMessage, Scenario
from evaluation.models import Judgement, Response, Run
from evaluation.running.asking import OPENING, REWRITING, render
from evaluation.running.leaks import leaks_in

Leak = OpeningMessage.Leak


def opening_messages(user_simulator: Endpoint | None) -> QuerySet[OpeningMessage]:
    """Messages that a run with this user simulator opens with; where there are two for a sample, the imported one first."""
    usable = Q(source=OpeningMessage.Source.IMPORTED) | Q(user_simulator=user_simulator)
    return OpeningMessage.objects.filter(usable).order_by("scenario", "sample", "source")


def messages_of(run: Run, scenarios: Collection[int] | QuerySet[Scenario]) -> dict[tuple[int, int], OpeningMessage]:
    """What a run's conversations on these scenarios opened with, by scenario and sample."""
    messages: dict[tuple[int, int], OpeningMessage] = {}
    for message in opening_messages(run.user_simulator).filter(scenario__in=scenarios):
        messages.setdefault((message.scenario_id, message.sample), message)
    return messages


def leak_counts(run: Run, scenarios: QuerySet[Scenario]) -> dict[str, int]:
    """How many of a run's opening messages came to what, by `OpeningMessage.Leak`."""
    messages = opening_messages(run.user_simulator).filter(scenario__in=scenarios, sample__lt=run.samples)
    first: dict[tuple[int, int], str] = {}
    for scenario, sample, leak in messages.values_list("scenario", "sample", "leak"):
        first.setdefault((scenario, sample), leak)
    return dict(Counter(first.values()))


def checked(message: OpeningMessage, scenario: Scenario) -> OpeningMessage:
    """The message, looked through; one that came with a file, or was written before anybody looked, is marked and left as it is."""
    if message.leak == Leak.UNCHECKED:
        leaks = leaks_in(message.text, scenario)
        message.leak, message.leaked = (Leak.STAYS, "; ".join(leaks)) if leaks else (Leak.NONE, "")
        message.save(update_fields=["leak", "leaked"])
    return message


@dataclass(frozen=True, slots=True)
class OpenedConversation:
    """What the user simulator wrote in the end; `leaked` is what was found in what it wrote first."""

    reply: Reply
    calls: tuple[int, ...]
    leak: OpeningMessage.Leak = Leak.NONE
    leaked: str = ""

    @property
    def text(self) -> str:
        return self.reply.text.strip()


@dataclass(frozen=True, slots=True)
class OpeningQuestion:
    """What the user simulator is asked; `prompt` is None when another run's worker has had the message written meanwhile."""

    run: Run
    endpoint: Endpoint
    scenario: Scenario
    prompt: Prompt | None
    sample: int

    async def ask(self, door: Door) -> OpenedConversation | None:
        if self.prompt is None:
            return None
        reply = await door.ask(self.endpoint, self.prompt, purpose="opening", sample=self.sample)
        if not reply.ok and reply.outcome != "blocked":
            raise UnparsableReply(
                f"The user simulator {self.endpoint.name} wrote no opening message: its reply was {reply.outcome}. {reply.problem} Look at the "
                "call, change the endpoint's parameters or take another user simulator, and run the evaluation again."
            )
        leaks = leaks_in(reply.text, self.scenario) if reply.ok else ()
        if not leaks:
            return OpenedConversation(reply, reply.call_ids)
        return await self._rewritten(door, reply, leaks)

    async def _rewritten(self, door: Door, first: Reply, found: tuple[str, ...]) -> OpenedConversation:
        """Asked for once more with what is wrong. Where that is no message either, the first one stays, and is marked."""
        prompt = rewriting_prompt(self.run, self.scenario, message=first.text.strip(), found=found)
        second = await door.ask(self.endpoint, prompt, purpose="rewriting", sample=self.sample)
        calls = (*first.call_ids, *second.call_ids)
        if not second.ok:
            return OpenedConversation(first, calls, Leak.STAYS, "; ".join(found))
        left = leaks_in(second.text, self.scenario)
        return OpenedConversation(second, calls, Leak.STAYS if left else Leak.REWRITTEN, "; ".join(left or found))


class OpeningStep:
    """The simulated user's first message: once for a scenario and sample, shared by all targets."""

    def prepare(self, run: Run, payload: dict[str, Any]) -> OpeningQuestion:
        if run.user_simulator is None:
            raise Conflict(f"Run {run.pk} has no user simulator, so nobody can open its conversations.")
        scenario = Scenario.objects.select_related("value_1", "value_2").get(pk=payload["scenario"])
        written = opening_messages(run.user_simulator).filter(scenario=scenario, sample=payload["sample"]).exists()
        prompt = None if written else opening_prompt(run, scenario)
        return OpeningQuestion(run, run.user_simulator, scenario, prompt, payload["sample"])

    def store(self, run_id: int, payload: dict[str, Any], outcome: OpenedConversation | None) -> str:
        if outcome is None:
            return "there already"
        if not outcome.reply.ok:
            return _nobody_could_open(run_id, payload, outcome.reply)
        message, created = OpeningMessage.objects.get_or_create(
            scenario_id=payload["scenario"],
            sample=payload["sample"],
            user_simulator_id=Run.objects.values_list("user_simulator", flat=True).get(pk=run_id),
            defaults={
                "text": outcome.text,
                "source": OpeningMessage.Source.SIMULATED,
                "leak": outcome.leak,
                "leaked": outcome.leaked,
            },
        )
        if not created:
            return "there already"
        message.calls.set(outcome.calls)
        return "still leaks" if outcome.leak == Leak.STAYS else "rewritten" if outcome.leak == Leak.REWRITTEN else ""


def _nobody_could_open(run_id: int, payload: dict[str, Any], reply: Reply) -> str:
    """The provider blocks the scenario itself: the trial is counted as what it is, and not asked again unless somebody says so."""
    response, created = Response.objects.get_or_create(
        run_id=run_id,
        scenario_id=payload["scenario"],
        order="",
        sample=payload["sample"],
        defaults={
            "transcript": [],
            "outcome": Response.Outcome.BLOCKED,
            "ended": Response.Ended.BLOCKED,
            "turns": 0,
        },
    )
    if not created:
        return "there already"
    response.calls.set(reply.call_ids)
    nothing_to_judge(response, f"The user simulator's opening message was blocked. {reply.problem}")
    return str(response.outcome)


def nothing_to_judge(response: Response, reason: str) -> None:
    """There is no answer; the trial still counts, as one that nobody could decide."""
    Judgement.objects.create(
        response=response,
        source=Judgement.Source.JUDGE,
        judge_id=response.run.judge_id,
        choice=Judgement.Choice.NONE,
        turns=0,
        reason=reason,
    )


def who_speaks(scenario: Scenario) -> str:
    """The user as a user simulator is told of them."""
    parts = (("Persona", scenario.persona), ("Background", scenario.background), ("Goal", scenario.goal))
    return "\n".join(f"{title}: {text}" for title, text in parts if text)


def opening_prompt(run: Run, scenario: Scenario) -> Prompt:
    return render(
        run,
        OPENING,
        description=delimit("description", scenario.description),
        user=delimit("user", who_speaks(scenario)),
    )


def rewriting_prompt(run: Run, scenario: Scenario, *, message: str, found: Collection[str]) -> Prompt:
    return render(
        run,
        REWRITING,
        description=delimit("description", scenario.description),
        user=delimit("user", who_speaks(scenario)),
        message=delimit("message", message),
        avoid=delimit("avoid", "\n".join(f"- {leak}" for leak in found)),
    )
