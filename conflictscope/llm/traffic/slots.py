"""The slots of one endpoint, as one worker hands them to its calls: its share of what all workers together may have under way.

A task beside the calls tells the others every half second how this worker stands, and at once when it matters. Between two
exchanges a call takes and leaves a slot without asking anybody.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from conflictscope.llm.errors import LLMError, RateLimited, TransientLLMError
from conflictscope.llm.models import Endpoint
from conflictscope.llm.traffic.pacing import LONGEST_HOLD, News
from conflictscope.llm.traffic.shared_state import SharedState
from conflictscope.llm.traffic.shares import LEASE_SECONDS, Share, SharingWorker, exchange, leave

EVERY_SECONDS = 0.5
HUNGRY_SECONDS = 0.2  # how often while calls wait for a slot
IDLE_SECONDS = 2.0  # how often without any call
SOON_SECONDS = 0.05  # how often at most
CANCEL_SECONDS = 0.1  # until a cancellation that nobody heeded is said again
# So many errors in a row and no answer between: waiting patiently with each call is of no use.
HOPELESS = 10


class Slot:
    """A call's permission to be under way. It is given back in two steps: others of this worker may go when the reply has come, and
    other workers when the reply is recorded, so that no kill can leave more calls unknown than may be under way."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._answered = False

    def answered(self) -> None:
        """The reply, or error, has come."""
        if not self._answered:
            self._answered = True
            self._slots._answered()

    def recorded(self) -> None:
        self.answered()
        self._slots._recorded()


class Slots:
    """Who came first goes first."""

    def __init__(
        self, endpoint: Endpoint, shared: SharedState, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.most = endpoint.max_concurrency
        self.busy = 0
        self.share = 0
        self._key = key_of(endpoint)
        self._name = uuid.uuid4().hex
        self._shared = shared
        self._sleep = sleep
        self._unrecorded = 0
        self._due = 0
        self._owed = False  # slots that others may have once we have said that we go by fewer
        self._wanted = False  # by others
        self._full = False
        self._until = self._held_until = 0.0  # by the monotonic clock
        self._failures = 0
        self._news = News()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._soon = asyncio.Event()
        self._exchanges: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def hopeless(self) -> bool:
        """Whether the endpoint has given nothing but errors for a while."""
        return self._failures >= HOPELESS

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """One slot, as soon as there is one and the endpoint is not holding everybody off.

        Raises:
            TransientLLMError: what all workers share cannot be reached.
        """
        await self._enter()
        slot = Slot(self)
        try:
            if (held_for := self._held_until - time.monotonic()) > 0:
                await self._sleep(held_for)
            yield slot
        finally:
            slot.recorded()

    def heard(self, error: LLMError | None) -> None:
        """Learn from how a request ended."""
        if error is None:
            self._failures = 0
            if self.busy >= self.share and not self._full:
                self._news.good += 1
                self._soon.set()
        elif isinstance(error, RateLimited):
            self._news.limits.append(error.retry_after)
            wait = min(error.retry_after or 0.0, LONGEST_HOLD)
            self._held_until = max(self._held_until, time.monotonic() + wait)
            self._soon.set()
        elif isinstance(error, TransientLLMError):
            self._failures += 1
            self._news.faults += 1

    async def aclose(self) -> None:
        """Give the share back."""
        if self._exchanges is None:
            return
        self._closing = True
        while not self._exchanges.done():
            # More than once: asyncio.wait_for of Python 3.11, by which redis-py reads, swallows a cancellation that meets an answer.
            self._exchanges.cancel()
            await asyncio.wait([self._exchanges], timeout=CANCEL_SECONDS)
        try:
            await self._shared.change(self._key, partial(leave, name=self._name))
        except TransientLLMError:
            return  # it ends by itself

    @property
    def _open(self) -> bool:
        return self.busy < self.share and time.monotonic() < self._until

    async def _enter(self) -> None:
        if self._exchanges is None:
            self._exchanges = asyncio.create_task(self._exchange_for_ever())
        if self._open and not self._queue:
            self.busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        if len(self._queue) == 1:
            self._soon.set()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._queue.remove(turn)
            elif turn.exception() is None:  # it was our turn already: the slot goes on to the next
                self._answered()
                self._recorded()
            raise

    def _answered(self) -> None:
        self.busy -= 1
        self._unrecorded += 1
        self._wake()

    def _recorded(self) -> None:
        self._unrecorded -= 1
        if self._wanted and not self._queue:
            self._soon.set()  # somebody else may have it

    def _wake(self) -> None:
        while self._queue and self._open:
            turn = self._queue.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    async def _exchange_for_ever(self) -> None:
        while not self._closing:
            self._soon.clear()
            asked = time.monotonic()
            worker = self._standing()
            try:
                share = await self._exchange(worker)
            except Exception as exc:
                # Nobody may send before it is known what others send: those who wait are told, and may wait elsewhere.
                while self._queue:
                    turn = self._queue.popleft()
                    if not turn.done():
                        turn.set_exception(exc)
                await asyncio.sleep(EVERY_SECONDS)
                continue
            self.share, self._due, self._wanted, self._full = share.slots, share.due, share.wanted, share.full
            self._owed = worker.most > share.slots
            self._until = asked + LEASE_SECONDS
            self._held_until = max(self._held_until, time.monotonic() + share.held_for)
            self._wake()
            await asyncio.sleep(SOON_SECONDS)
            await self._wait(HUNGRY_SECONDS if self._queue else EVERY_SECONDS if self.busy else IDLE_SECONDS)

    def _standing(self) -> SharingWorker:
        busy = self.busy + self._unrecorded
        # What has run out is nobody's: it holds again only once all others have left room for it.
        share = self.share if time.monotonic() < self._until else 0
        return SharingWorker(self._name, busy=busy, wanted=busy + len(self._queue), share=share)

    async def _exchange(self, worker: SharingWorker) -> Share:
        news, self._news = self._news, News()
        step = partial(exchange, worker=worker, most=self.most, news=news)
        return await self._shared.change(self._key, step)

    async def _wait(self, seconds: float) -> None:
        if self._due > self.share or self._owed:  # slots are on their way from one worker to another
            seconds = SOON_SECONDS
        alarm = asyncio.get_running_loop().call_later(seconds, self._soon.set)
        try:
            await self._soon.wait()
        finally:
            alarm.cancel()


def key_of(endpoint: Endpoint) -> str:
    """What is learned of an endpoint is of no use once it is at another address."""
    identity = f"{endpoint.created_at} {endpoint.base_url} {endpoint.llm}"
    return f"endpoint {endpoint.pk} slots {hashlib.sha256(identity.encode()).hexdigest()[:16]}"
