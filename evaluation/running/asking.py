"""What every step of a run shares: its prompts in the versions it began with, its target, and what a reply comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from conflictscope.llm.client import Door
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import PromptLibrary
from conflictscope.llm.types import Message, Prompt, Reply
from conflictscope.scenarios.models import Judge
from evaluation.models import Response, Run
from evaluation.running.parsing import looks_refused
from evaluation.running.targets import endpoint_of_target

PROMPTS = PromptLibrary("evaluation")
CHOICE = "multiple_choice/choice"
RATING = "multiple_choice/rating"
OPENING = "simulated_user/opening"
REWRITING = "simulated_user/rewriting"
FOLLOWING = "simulated_user/following"
ACTION = "judging/action"
_PROMPTS_OF = {
    Run.Mode.MULTIPLE_CHOICE: (CHOICE, RATING),
    Run.Mode.SIMULATED_USER: (OPENING, REWRITING, FOLLOWING, ACTION),
}


def prompt_versions(mode: str, *, judge: Judge | None) -> dict[str, int]:
    """The versions that a run which begins now is asked with: the judge's own where it names one, else the newest."""
    pinned = judge.prompt_versions if judge else {}
    return {name: PROMPTS.file(name, version=pinned.get(name)).version for name in _PROMPTS_OF[Run.Mode(mode)]}


def render(run: Run, name: str, **facts: str) -> Prompt:
    """A prompt in the version that the run began with, so that a run continued later asks the same."""
    return PROMPTS.render(name, version=run.prompt_versions.get(name), **facts)


@dataclass(frozen=True, slots=True)
class TargetCall:
    """How a run asks its target: with its own parameters, over the endpoint's, and its steering prompt."""

    endpoint: Endpoint
    parameters: Mapping[str, Any]
    system: str
    sample: int

    @classmethod
    def of(cls, run: Run, sample: int) -> Self:
        steering = run.steering.system_prompt if run.steering else ""
        return cls(endpoint_of_target(run.target), run.target.parameters, steering, sample)

    async def ask(self, door: Door, prompt: Prompt | str, *, purpose: str, history: Sequence[Message] = ()) -> Reply:
        return await door.ask(
            self.endpoint,
            prompt,
            purpose=purpose,
            system=self.system,
            history=history,
            parameters=self.parameters,
            sample=self.sample,
        )


def transcript(user: str, assistant: str) -> list[dict[str, str]]:
    return [{"role": "user", "text": user}, {"role": "assistant", "text": assistant}]


def response_outcome(reply: Reply) -> Response.Outcome:
    """What a target's reply is as a response; one that did not come to its end is no answer, whatever it says."""
    if not reply.complete:
        return Response.Outcome(reply.outcome)
    return Response.Outcome.ANSWERED if reply.text.strip() else Response.Outcome.EMPTY


def refused(reply: Reply) -> bool:
    """A tag beside the decision: the provider says so, or the text opens as a refusal does."""
    return reply.outcome == "refused" or (reply.complete and looks_refused(reply.text))
