"""The one door: every call of the product to a language model passes through here and leaves a row in Call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.types import Message, Parameters, Parsed, Prompt, Reply, SchemaT

Record = Callable[[Call, bool], None]


class Client:
    """Adapters and limits of one event loop; `async with Client() as client`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def door(self, record: Record | None = None) -> Door:
        """`record(call, from_cache)` is called inside the transaction that ends each call."""
        return Door(self, record)


class Door:
    """What a job's item, or a single question, asks through."""

    def __init__(self, client: Client, record: Record | None) -> None:
        self._client = client
        self._record = record

    async def ask(
        self,
        endpoint: Endpoint,
        prompt: Prompt | str,
        *,
        purpose: str,
        system: str = "",
        history: Sequence[Message] = (),
        parameters: Parameters | None = None,
        sample: int = 0,
    ) -> Reply:
        raise NotImplementedError

    async def ask_for(
        self,
        schema: type[SchemaT],
        endpoint: Endpoint,
        prompt: Prompt | str,
        *,
        purpose: str,
        system: str = "",
        history: Sequence[Message] = (),
        parameters: Parameters | None = None,
        sample: int = 0,
    ) -> Parsed[SchemaT]:
        raise NotImplementedError


def ask_once(
    endpoint: Endpoint,
    prompt: Prompt | str,
    *,
    purpose: str,
    system: str = "",
    history: Sequence[Message] = (),
    parameters: Parameters | None = None,
    sample: int = 0,
    record: Record | None = None,
) -> Reply:
    raise NotImplementedError
