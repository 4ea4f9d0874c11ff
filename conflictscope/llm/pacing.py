"""How many calls may be under way to one endpoint: learned from how it answers.

It starts small, doubles with each round of good answers until the first 429, then grows by about one a round. A 429 takes a fifth
away; the many 429s of one burst count as one. After a server's own fault it does not grow for a while. `Pace` is the arithmetic
and knows no event loop; `Slots` hands the slots out.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from conflictscope.llm.errors import LLMError, RateLimited, TransientLLMError
from conflictscope.llm.models import Endpoint

FIRST = 8
CUT = 0.8
# One burst of calls gets one burst of 429s, which is one piece of news.
SECONDS_BETWEEN_CUTS = 15.0
SECONDS_WITHOUT_GROWTH = 15.0
# A provider that asks for an hour is asked again before: by one round of calls, whose items are then put off.
LONGEST_HOLD = 120.0


class Pace:
    """The number of calls that may be under way at once, between 1 and `most`.

    Args:
        now: a clock that only goes forward, in seconds.
    """

    def __init__(self, most: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._now = now
        self._number = float(min(FIRST, most))
        self._doubling = True
        self._cut_again_at = self._grow_again_at = self._held_until = now()

    @property
    def allowed(self) -> int:
        return max(1, min(int(self._number), self.most))

    @property
    def held_for(self) -> float:
        """Seconds until the endpoint wants to hear of us again; 0 at most times."""
        return max(0.0, self._held_until - self._now())

    def heard(self, error: LLMError | None, *, busy: int) -> None:
        """Learn from how a call ended.

        Args:
            error: None if there was an answer.
            busy: calls that were under way, this one included: a number that nobody used up proves nothing.
        """
        if error is None:
            if busy >= self.allowed and self._now() >= self._grow_again_at:
                self._number = min(float(self.most), self._number + (1.0 if self._doubling else 1.0 / self._number))
        elif isinstance(error, RateLimited):
            self._rate_limited(error.retry_after)
        elif isinstance(error, TransientLLMError):
            self._grow_again_at = max(self._grow_again_at, self._now() + SECONDS_WITHOUT_GROWTH)

    def _rate_limited(self, retry_after: float | None) -> None:
        now = self._now()
        if retry_after is not None:
            self._held_until = max(self._held_until, now + min(retry_after, LONGEST_HOLD))
        self._doubling = False
        if now < self._cut_again_at:
            return
        # What is above `most` was never tried: cut what was.
        self._number = max(1.0, min(self._number, self.most) * CUT)
        self._cut_again_at = now + max(SECONDS_BETWEEN_CUTS, retry_after or 0.0)


_learned: dict[tuple[object, ...], Pace] = {}


def pace_of(endpoint: Endpoint) -> Pace:
    """What this process has learned of an endpoint: slices of work come and go, and need not learn it anew."""
    identity = (endpoint.pk, endpoint.created_at, endpoint.base_url, endpoint.llm)
    pace = _learned.setdefault(identity, Pace(endpoint.max_concurrency))
    pace.most = endpoint.max_concurrency
    return pace


class Slots:
    """The slots of one endpoint in one event loop; who came first goes first."""

    def __init__(self, pace: Pace, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.pace = pace
        self.busy = 0
        self._sleep = sleep
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def queued(self) -> int:
        return len(self._queue)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One slot, as soon as there is one and the endpoint is not holding everybody off."""
        await self._enter()
        try:
            if held_for := self.pace.held_for:
                await self._sleep(held_for)
            yield
        finally:
            self._leave()

    async def _enter(self) -> None:
        if self.busy < self.pace.allowed and not self._queue:
            self.busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._queue.remove(turn)
            else:  # it was our turn already: the slot goes on to the next
                self._leave()
            raise

    def heard(self, error: LLMError | None) -> None:
        """Learn from how a request ended, and let those in whom a grown number has room for."""
        self.pace.heard(error, busy=self.busy)
        self._wake()

    def _leave(self) -> None:
        self.busy -= 1
        self._wake()

    def _wake(self) -> None:
        while self._queue and self.busy < self.pace.allowed:
            turn = self._queue.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)
