"""What passes through the door to a language model: frozen shapes that know no table and no provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

Parameters = Mapping[str, Any]
SchemaT = TypeVar("SchemaT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file with its placeholders filled: what is sent, and where it came from.

    `digest` is that of the file, so that two renderings of one version share it.
    """

    name: str
    version: int
    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """One question as an adapter gets it. An omitted parameter is not sent: omitted differs from 0.

    `schema`: the provider itself is to hold the reply to this form. Where it cannot, the form stands in the messages.
    """

    messages: tuple[Message, ...]
    parameters: Parameters = field(default_factory=dict)
    schema: type[BaseModel] | None = None


Ending = Literal["complete", "truncated", "blocked", "error"]


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered, in its parts.

    `text` is the answer, and the only part that anybody parses, judges or sends on. `thought` is what the model thought before,
    in whatever form it came. `refusal`: what the provider's own field for refusals says, or None; a provider may refuse without a
    word. An `ending` other than complete is no answer; `words` are the provider's own about it.
    """

    text: str
    thought: str = ""
    refusal: str | None = None
    ending: Ending = "complete"
    words: str = ""
    resolved_llm: str = ""
    request_id: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    thought_tokens: int | None = None
    unsupported_parameters: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def outcome(self) -> Literal["ok", "refused", "truncated", "blocked", "failed", "empty"]:
        """What it comes to, in one word: what its row in the log says."""
        if self.ending != "complete":
            return "failed" if self.ending == "error" else self.ending
        if self.refusal is not None:
            return "refused"
        return "ok" if self.text.strip() else "empty"

    @property
    def problem(self) -> str:
        """Why it is no answer, in a sentence; empty where it is one, or where the outcome says it all."""
        if self.ending == "error":
            return f"The provider broke the reply off with an error: {self.words or 'no further words.'}"
        if self.ending == "blocked":
            return f"The provider blocked the reply: {self.words or 'no further words.'}"
        if self.ending == "truncated" and not self.text.strip() and (self.thought or self.thought_tokens):
            return "Its thought used up max_tokens before an answer began; raise max_tokens."
        return ""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where an adapter sends its requests. The key shows in no representation of it."""

    name: str
    llm: str
    base_url: str
    key: str = field(repr=False)
    key_name: str
    timeout_seconds: float


class Adapter(Protocol):
    """One provider's protocol. Raises only errors of `conflictscope.llm.errors`; never retries."""

    async def complete(self, request: LLMRequest) -> Completion: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a room gets it; errors are raised instead.

    `text` is what was said: an answer, the words of a refusal, or as far as it came before it broke off. Only `answer` may be
    parsed. `outcome` is `ok`, `refused`, `truncated`, `blocked`, `failed`, `empty` or, where a form was asked for, `malformed`;
    `problem` says more about it where there is more to say. `call_ids` are the rows of the call log that it came from, a
    corrective re-ask last; the thought stays there.
    """

    text: str
    outcome: str
    call_ids: tuple[int, ...]
    problem: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"

    @property
    def complete(self) -> bool:
        """Whether it came to its end: one that did not is no answer."""
        return self.outcome not in ("truncated", "blocked", "failed")

    @property
    def answer(self) -> str:
        """The text, where it is an answer; empty where the reply was refused, is empty, or did not come to its end."""
        return self.text if self.ok else ""


@dataclass(frozen=True, slots=True)
class Parsed(Generic[SchemaT]):
    """A structured answer: `value` is None when the reply, and one corrective re-ask, were not of the form asked for."""

    value: SchemaT | None
    reply: Reply
    problem: str = ""
