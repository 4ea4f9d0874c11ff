"""Questions put to a scripted provider, as the tests of the client ask them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from pydantic import BaseModel, ConfigDict

from conflictscope.llm.client import Book, Client, Door, Entry
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.traffic.retrying import Retries
from conflictscope.llm.types import Parsed, Prompt, Reply

KEY = "sk-a-key-that-nobody-may-ever-see-0123456789"
T = TypeVar("T")


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    passed: bool
    reason: str


GOOD = '{"passed": true, "reason": "It could happen."}'


class Waits:
    """Keeps how long the client would have waited, and does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Notes:
    """The book of an asker who only remembers."""

    def __init__(self) -> None:
        self.ends: list[Entry] = []

    def opened(self, entries: Sequence[Entry]) -> None:
        pass

    def ended(self, entries: Sequence[Entry]) -> None:
        self.ends.extend(entries)


def with_a_client(use: Callable[[Client], Coroutine[Any, Any, T]], *, waits: Waits | None = None, **retries: Any) -> T:
    async def run() -> T:
        async with Client(retries=Retries(first_delay=1, sleep=(waits or Waits()).sleep, **retries)) as client:
            return await use(client)

    return async_to_sync(run)()


def through_a_door(use: Callable[[Door], Coroutine[Any, Any, T]], *, book: Book | None = None, **options: Any) -> T:
    return with_a_client(lambda client: use(client.door(book)), **options)


def ask(endpoint: Endpoint, prompt: Prompt | str = "A or B?", **options: Any) -> Reply:
    door_options = {name: options.pop(name) for name in ("book", "waits", "patience", "attempts") if name in options}
    return through_a_door(lambda door: door.ask(endpoint, prompt, purpose="testing", **options), **door_options)


def ask_for(endpoint: Endpoint, prompt: Prompt | str = "Passed?", **options: Any) -> Parsed[Verdict]:
    door_options = {name: options.pop(name) for name in ("book", "waits") if name in options}
    return through_a_door(
        lambda door: door.ask_for(Verdict, endpoint, prompt, purpose="testing", **options), **door_options
    )


def the_call() -> Call:
    return Call.objects.get()
