"""One question to one endpoint, now: whether it answers, as whom, how fast and for how much."""

from __future__ import annotations

from collections.abc import Sequence

from conflictscope.llm import log
from conflictscope.llm.client import Entry, ask_once
from conflictscope.llm.errors import LLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.questions import question
from conflictscope.llm.traffic.retrying import Retries

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
    book = _Book()
    try:
        ask_once(
            endpoint,
            prompt,
            purpose=PURPOSE,
            sample=log.fresh_sample(question(endpoint, prompt, purpose=PURPOSE)),
            book=book,
            retries=Retries(attempts=1),
        )
    except LLMError:
        if not book.calls:
            raise
    return book.calls[-1]


class _Book:
    def __init__(self) -> None:
        self.calls: list[Call] = []

    def opened(self, entries: Sequence[Entry]) -> None:
        """An intent is no news to whoever waits for the end."""

    def ended(self, entries: Sequence[Entry]) -> None:
        self.calls.extend(entry.call for entry in entries)
