"""The one door: every call of the product to a language model passes through here and leaves a row in Call.

A question is looked up in the log first. If it must be sent, it waits until its endpoint's pace and limits let it. Then its intent
is committed, then the request goes out, then the row is completed in one transaction with what the asker notes of it. A reply
that should have a form is read before its row is completed: one that has not is `malformed` in the log, and is asked for once
more with what was wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self
from weakref import WeakValueDictionary

from asgiref.sync import async_to_sync
from django.utils import timezone

from conflictscope.llm import log
from conflictscope.llm.batching import Batcher
from conflictscope.llm.errors import BrokenOff, ContentBlocked, LLMError, UnparsableReply
from conflictscope.llm.log import Asking, Book, Ending, Entry
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.questions import EndpointQuestion, question
from conflictscope.llm.registry import adapter_for
from conflictscope.llm.replies import read_as
from conflictscope.llm.rights import FOR_NOBODY, Blinded, Rights
from conflictscope.llm.traffic.limits import Limits
from conflictscope.llm.traffic.retrying import Retries, Sending
from conflictscope.llm.traffic.shared_state import SharedState, open_shared_state
from conflictscope.llm.traffic.slots import Slot, Slots
from conflictscope.llm.traffic.tokens import estimate
from conflictscope.llm.types import Adapter, Completion, Message, Parameters, Parsed, Prompt, Reply, SchemaT

__all__ = ["Book", "Client", "Door", "Entry", "ask_once"]


@dataclass(frozen=True, slots=True)
class _Answer(Generic[SchemaT]):
    call: Call
    value: SchemaT | None


class Client:
    """Adapters and limits of one event loop: `async with Client() as client: ...`.

    One adapter for each endpoint, whose `max_concurrency` bounds what is under way to it at a time, whose answers set the pace
    below that, and whose limits per minute are held; all three together with every other worker. Database work runs in the thread
    that asgiref keeps for it, never inside another transaction.
    """

    def __init__(self, *, retries: Retries | None = None) -> None:
        self.retries = retries or Retries.from_settings()
        self.reads = Batcher(writes=False)
        self.writes = Batcher(writes=True)
        self._adapters: dict[tuple[object, ...], Adapter] = {}
        self._slots: dict[int, Slots] = {}
        self._limits: dict[int, Limits] = {}
        self._shared_state: SharedState | None = None
        self._closed = False
        self._asking: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        await self.reads.aclose()
        await self.writes.aclose()
        for slots in self._slots.values():
            await slots.aclose()
        self._slots.clear()
        for adapter in self._adapters.values():
            await adapter.aclose()
        self._adapters.clear()
        if self._shared_state is not None:
            await self._shared_state.aclose()
            self._shared_state = None

    @property
    def room(self) -> int:
        """How many calls of this worker may be under way at once, to all the endpoints met so far."""
        return sum(slots.share for slots in self._slots.values())

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn: for a slot, or for a limit per minute."""
        queued = sum(slots.queued for slots in self._slots.values())
        return queued + sum(limits.waiting for limits in self._limits.values())

    def door(self, book: Book | None = None, owner: Any = None, rights: Rights = FOR_NOBODY) -> Door:
        """
        Args:
            book: is told of each call inside the transactions that open and end it.
            owner: what for, such as a work item: each entry of the book names it.
            rights: which endpoints may be asked through it, and which answers of the log are used.
        """
        return Door(self, book, owner, rights)

    def adapter(self, endpoint: Endpoint) -> Adapter:
        """
        Raises:
            MissingKey: see `registry.adapter_for`.
            RuntimeError: the client is closed.
        """
        identity = (
            endpoint.pk, endpoint.provider, endpoint.llm, endpoint.base_url, endpoint.key_name, endpoint.timeout_seconds
        )  # fmt: skip
        if identity not in self._adapters:
            self._check_open()
            self._adapters[identity] = adapter_for(endpoint)
        return self._adapters[identity]

    def slots(self, endpoint: Endpoint) -> Slots:
        if endpoint.pk not in self._slots:
            self._slots[endpoint.pk] = Slots(endpoint, self._shared(), sleep=self.retries.sleep)
        return self._slots[endpoint.pk]

    def limits(self, endpoint: Endpoint) -> Limits:
        if endpoint.pk not in self._limits:
            self._limits[endpoint.pk] = Limits(endpoint, self._shared())
        return self._limits[endpoint.pk]

    def _shared(self) -> SharedState:
        if self._shared_state is None:
            self._check_open()
            self._shared_state = open_shared_state()
        return self._shared_state

    def _check_open(self) -> None:
        """What a task that was left behind opens now, nobody would close."""
        if self._closed:
            raise RuntimeError("The client is closed: nothing is sent through it any more.")

    def once(self, asked: EndpointQuestion) -> asyncio.Lock:
        """Held while a question is looked up and sent, so that two who ask the same at once pay for it once."""
        return self._asking.setdefault((asked.digest, asked.sample), asyncio.Lock())


class Door:
    """What an item of a job, or a single question, asks through."""

    def __init__(self, client: Client, book: Book | None, owner: Any, rights: Rights) -> None:
        self._client = client
        self._book = book
        self._owner = owner
        self._rights = rights

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
        """Ask for text.

        Args:
            prompt: a rendered prompt, or a text that is no prompt of ours (a simulated user's message).
            purpose: what for, in a word or two of the caller's, such as "filtering.realism".
            history: earlier messages of the conversation.
            parameters: override the endpoint's; None as a value: do not send that one.
            sample: which of several answers to the same question; each number is asked once.

        Raises:
            InvalidInput: a parameter that is no parameter.
            EndpointNotAllowed, Blinded: whoever asks has no right to; nothing was sent.
            LLMError: no reply, after the client's own few retries.
        """
        asked = question(
            endpoint,
            prompt,
            purpose=purpose,
            system=system,
            history=history,
            parameters=parameters,
            sample=sample,
        )
        answer: _Answer[Any] = await self._answer(asked, None)
        return _reply(answer.call, (answer.call.pk,))

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
        """Ask for an object of a form; arguments and errors as `ask`.

        A reply that is not of that form is answered once with what was wrong. `value` is None when that did not help, or when
        a reply was refused, empty, or did not come to its end; `problem` says which.
        """
        asked = question(
            endpoint,
            prompt,
            purpose=purpose,
            system=system,
            history=history,
            parameters=parameters,
            sample=sample,
            schema=schema,
        )
        answer = await self._answer(asked, schema)
        call_ids = [answer.call.pk]
        if answer.call.outcome == Call.Outcome.MALFORMED:
            asked = asked.corrected(answer.call.reply, answer.call.error, call_id=answer.call.pk)
            answer = await self._answer(asked, schema)
            call_ids.append(answer.call.pk)
        reply = _reply(answer.call, tuple(call_ids))
        return Parsed(answer.value, reply, problem="" if answer.value is not None else _problem(answer.call))

    async def _answer(self, question: EndpointQuestion, schema: type[SchemaT] | None) -> _Answer[SchemaT]:
        client = self._client
        self._rights.check(question.endpoint)
        asking = Asking(question, estimate(question.request), self._book, self._owner, self._rights)
        async with client.once(question):
            known = await client.reads.do(log.find, (question, self._rights))
            if isinstance(known, Blinded):
                raise known
            if known is not None:
                value, problem = _read(schema, known.reply)
                # A reply that was good once may fail a form whose rules, but not whose schema, have changed: ask again.
                if known.outcome == Call.Outcome.MALFORMED or not problem:
                    await client.writes.surely(log.reuse, (asking, known))
                    return _Answer(known, value)
            adapter = client.adapter(question.endpoint)
            async with client.slots(question.endpoint).slot() as slot:
                return await self._send(asking, schema, adapter, slot)

    async def _send(
        self, asking: Asking, schema: type[SchemaT] | None, adapter: Adapter, slot: Slot
    ) -> _Answer[SchemaT]:
        client, question = self._client, asking.question
        slots, limits = client.slots(question.endpoint), client.limits(question.endpoint)
        tokens = asking.estimate.total

        async def send() -> Completion:
            try:
                completion = await adapter.complete(question.request)
            except ContentBlocked as exc:
                # An error is not charged for.
                completion = Completion("", ending="blocked", words=exc.sentence, tokens_in=0, tokens_out=0)
            except LLMError as exc:
                slots.heard(exc)
                raise
            slots.heard(None)
            limits.settle(tokens, completion)
            if completion.ending == "error":
                raise BrokenOff(completion)
            return completion

        # Waits come before the intent: an open row is a request that may be under way.
        await limits.reserve(tokens)
        call = await client.writes.do(log.open_calls, asking)
        sending = Sending(f"Call {call.pk}")
        result: Completion | LLMError
        value, problem = None, ""
        try:
            result = await sending.insist(
                send,
                client.retries,
                before_again=lambda: limits.reserve(tokens),
                hopeless=lambda: slots.hopeless,
            )
        except BrokenOff as exc:
            result = exc.completion  # as often as it was asked: what came is kept, as no answer
        except LLMError as exc:
            result = exc
        now = timezone.now()
        if not isinstance(result, LLMError) and result.outcome == "ok":
            value, problem = _read(schema, result.text)
        ending = Ending(
            asking, call, result, sending.attempts, sending.latency_ms, now, problem, maybe_billed=sending.maybe_billed
        )
        recorded = client.writes.surely(log.end_calls, ending)
        slot.answered()  # whoever gets the slot now stands behind this in the queue
        await recorded
        if isinstance(result, LLMError):
            raise result
        return _Answer(call, value)


def ask_once(
    endpoint: Endpoint,
    prompt: Prompt | str,
    *,
    purpose: str,
    parameters: Parameters | None = None,
    sample: int = 0,
    book: Book | None = None,
    retries: Retries | None = None,
) -> Reply:
    """One question outside a job, from ordinary code; arguments and errors as `Client.door` and `Door.ask`."""

    async def ask() -> Reply:
        async with Client(retries=retries) as client:
            door = client.door(book)
            return await door.ask(endpoint, prompt, purpose=purpose, parameters=parameters, sample=sample)

    return async_to_sync(ask)()


def _read(schema: type[SchemaT] | None, text: str) -> tuple[SchemaT | None, str]:
    """The object, or why there is none; neither where text was asked for."""
    if schema is None:
        return None, ""
    try:
        return read_as(schema, text), ""
    except UnparsableReply as exc:
        return None, exc.sentence


def _reply(call: Call, call_ids: tuple[int, ...]) -> Reply:
    return Reply(call.reply, call.outcome, call_ids, "" if call.outcome == Call.Outcome.OK else _problem(call))


def _problem(call: Call) -> str:
    return call.error or {
        Call.Outcome.REFUSED.value: "The provider's reply was a refusal.",
        Call.Outcome.TRUNCATED.value: "The reply was cut off before its end; a higher max_tokens may help.",
        Call.Outcome.EMPTY.value: "The reply was empty.",
    }.get(call.outcome, "")
