"""Rooms register here what they can do as a job; this room knows none of them.

A handler is asked four things. `plan` says which items are missing, and is asked again whenever a job has run out of open
items, so that a later stage can grow from an earlier one; when it has nothing to add, the job is done. Then, for each item:
`prepare` reads what is needed from the database, `ask` talks to language models and touches no table, `store` writes the
outcome in the one transaction that also ends the item. A worker that dies anywhere in between leaves an item that somebody
else does again, and whose answered calls come from the call log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from conflictscope.errors import NotFound
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.llm.client import Door

PreparedT = TypeVar("PreparedT")
OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to add to a job.

    `key` begins with the word for its step, such as "draft"; items of a step cost about the same. `payload` is JSON: ids and
    numbers, never text that is in a table already.
    """

    key: str
    payload: dict[str, Any] = field(default_factory=dict)


class Handler(Protocol, Generic[PreparedT, OutcomeT]):
    """What a room does as a job of one kind. Instances hold no state: workers share nothing but rows."""

    kind: str

    def plan(self, job: Job) -> Iterable[NewItem]:
        """Items still missing, in the order they should be done; keys that the job has already are ignored. Local work that
        must stand between two stages (dedup) may be done here: one worker at a time plans."""
        ...

    def prepare(self, item: WorkItem) -> PreparedT:
        """Everything `ask` needs, read from the database. Runs outside a transaction."""
        ...

    async def ask(self, prepared: PreparedT, door: Door) -> OutcomeT:
        """Talk to language models. Raises `LLMError` to have the item tried again, or failed if it is permanent."""
        ...

    def store(self, item: WorkItem, outcome: OutcomeT) -> str:
        """Write the outcome; runs inside the transaction that ends the item. Returns a short note ("", "unparsable", ...)."""
        ...


@runtime_checkable
class Together(Protocol):
    """A handler that reads, or writes, for many items at once what it would do for each: some sixty wait at the same moment.

    Where one of these raises, nothing of it stays, and each item is done by itself.
    """

    def prepare_all(self, items: Sequence[WorkItem]) -> list[Any]:
        """As `prepare` of each, in their order."""
        ...

    def store_all(self, ended: Sequence[tuple[WorkItem, Any]]) -> list[str]:
        """As `store` of each, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Grown(Generic[PreparedT]):
    """What will be asked `times` over, each time about something else, once an item is done: the item and its question as a
    later plan would have them, with words of the usual length where an LLM has not written yet."""

    item: WorkItem
    prepared: PreparedT
    times: int = 1


@runtime_checkable
class Foreseeing(Protocol):
    """A handler that helps to estimate a job before its start. Nothing here writes.

    `reply_tokens`: how long a reply is for each purpose, where the call log knows none of its like. `left_out`: what no estimate
    can know, in a sentence for people; empty: nothing but what is true of every job.
    """

    reply_tokens: Mapping[str, int]
    left_out: str

    def foresee(self, job: Job) -> Iterable[NewItem]:
        """Items that could be done now, as `plan` would name them, but without work of the kind that takes minutes."""
        ...

    def follow(self, item: WorkItem, outcome: Any) -> Iterable[Grown[Any]]:
        """What grows from an item whose question had this outcome."""
        ...


@runtime_checkable
class Naming(Protocol):
    """A handler whose jobs have phases that people should know by name."""

    def phase(self, key: str, payload: Mapping[str, Any]) -> str:
        """What a job is at whose earliest unfinished item is this one, such as "drafts". Reads nothing."""
        ...


@dataclass(frozen=True, slots=True)
class WorkedOn:
    """What a job works on, as people call it, and the address of its page."""

    name: str
    address: str


@runtime_checkable
class Telling(Protocol):
    """A handler that tells what its jobs work on, and what came of one that is done. Nothing here writes.

    Both raise `NotFound` when that is no longer there.
    """

    def worked_on(self, job: Job) -> WorkedOn: ...

    def outcome(self, job: Job) -> str:
        """Sentences for people, a line each, of how things stand now."""
        ...


_handlers: dict[str, Handler[Any, Any]] = {}


def register(handler: Handler[Any, Any]) -> None:
    """Called once from a room's `AppConfig.ready`."""
    _handlers[handler.kind] = handler


def unregister(kind: str) -> None:
    """Forget a kind: for tests that register one of their own."""
    del _handlers[kind]


def handler_of(job: Job) -> Handler[Any, Any]:
    """
    Raises:
        NotFound: no installed room does jobs of this kind.
    """
    try:
        return _handlers[job.kind]
    except KeyError as exc:
        raise NotFound(
            f"No installed room does jobs of kind {job.kind!r}; jobs: {', '.join(sorted(_handlers))}."
        ) from exc


def worked_on(job: Job) -> WorkedOn | None:
    """None where the handler does not tell, or what it was is no longer there."""
    try:
        handler = handler_of(job)
        return handler.worked_on(job) if isinstance(handler, Telling) else None
    except NotFound:
        return None


def phase_of(job: Job, key: str, payload: Mapping[str, Any]) -> str:
    """Empty where the handler has no names for what its jobs are at."""
    handler = _handlers.get(job.kind)
    return handler.phase(key, payload) if isinstance(handler, Naming) else ""


def outcome_of_job(job: Job) -> str:
    """What came of a job that is done, for people; empty where the job is not, or its handler does not tell."""
    if job.state != Job.State.DONE:
        return ""
    try:
        handler = handler_of(job)
        return handler.outcome(job) if isinstance(handler, Telling) else ""
    except NotFound:
        return ""
