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
class Request:
    """One question as an adapter gets it. An omitted parameter is not sent: omitted differs from 0.

    `schema`: the provider itself is to hold the reply to this form. Where it cannot, the form stands in the messages.
    """

    messages: tuple[Message, ...]
    parameters: Parameters = field(default_factory=dict)
    schema: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered, read from its own fields."""

    text: str
    outcome: Literal["ok", "refused", "truncated", "empty"]
    resolved_llm: str = ""
    request_id: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    unsupported_parameters: tuple[str, ...] = ()
    simulated: bool = False


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

    async def complete(self, request: Request) -> Completion: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a room gets it; errors are raised instead.

    `outcome` is `ok`, `refused`, `truncated`, `empty` or, where a form was asked for, `malformed`. `call_ids` are the rows of
    the call log that it came from, a corrective re-ask last.
    """

    text: str
    outcome: str
    call_ids: tuple[int, ...]

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


@dataclass(frozen=True, slots=True)
class Parsed(Generic[SchemaT]):
    """A structured answer: `value` is None when the reply, and one corrective re-ask, were not of the form asked for."""

    value: SchemaT | None
    reply: Reply
    problem: str = ""
