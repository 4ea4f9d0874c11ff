"""One question to one endpoint, now: whether it answers, as whom, how fast and for how much."""

from __future__ import annotations

from conflictscope.llm import log
from conflictscope.llm.client import ask_once
from conflictscope.llm.errors import LLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.questions import question
from conflictscope.llm.retrying import Retries

PURPOSE = "llm.trial"


def prompt_of(call: Call) -> str:
    """What was typed to make this trial."""
    return str(call.request["messages"][-1]["text"])


def try_endpoint(endpoint: Endpoint, prompt: str) -> Call:
    """Ask, and return the call as it ended: with a reply, or with the error that came instead.

    The question is sent even if the log could answer it, and sent once: a person waits, and an error is an answer to them.

    Raises:
        MissingKey: there is no key to send it with; nothing was sent.
        InvalidInput: a parameter of the endpoint is no parameter; nothing was sent.
    """
    ended: list[Call] = []

    def note(call: Call, from_cache: bool) -> None:
        ended.append(call)

    try:
        ask_once(
            endpoint,
            prompt,
            purpose=PURPOSE,
            sample=log.fresh_sample(question(endpoint, prompt, purpose=PURPOSE)),
            record=note,
            retries=Retries(attempts=1),
        )
    except LLMError:
        if not ended:
            raise
    return ended[-1]
