"""Requests and tokens per minute, held by all workers together.

The arithmetic (GCRA, a leaky bucket kept as one number) and its Redis script are pyrate-limiter's. With a Redis broker the numbers
are in Redis and time is Redis's; on the embedded default they are in a file of the machine, which any number of processes
share. Either way at most a second's worth may go at once, and never more than the limit within any minute.

Tokens are reserved before a request is sent, as `conflictscope.llm.traffic.tokens` estimates them, and settled when it has ended: what
was not used is given to the next requests of this worker, what was used beyond it is taken from them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pyrate_limiter import Duration, Rate

from conflictscope.llm.models import Endpoint
from conflictscope.llm.traffic.shared_state import SharedState
from conflictscope.llm.types import Completion

Sleep = Callable[[float], Awaitable[None]]


class Limits:
    """What one endpoint may be sent in a minute. Without a limit, everything passes at once.

    Who comes first is served first. Only the first in the queue looks at the numbers, and sleeps until they allow it.
    """

    def __init__(self, endpoint: Endpoint, shared: SharedState, *, sleep: Sleep = asyncio.sleep) -> None:
        self._shared = shared
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._requests = _limit(f"endpoint {endpoint.pk} requests", endpoint.requests_per_minute)
        self._tokens = _limit(f"endpoint {endpoint.pk} tokens", endpoint.tokens_per_minute)
        self._most_left = endpoint.tokens_per_minute or 0
        self._left = 0  # tokens reserved and not used; below 0: used and not reserved
        self.waiting = 0

    async def reserve(self, tokens: int) -> None:
        """Return when one request of so many tokens may be sent.

        Raises:
            TransientLLMError: Redis does not answer, so nobody knows what others have sent.
        """
        if self._requests is None and self._tokens is None:
            return
        self.waiting += 1
        try:
            async with self._turn:
                if self._tokens is not None:
                    missing = max(0, tokens - self._left)
                    self._left -= tokens - missing
                    await self._take(self._tokens, missing)
                if self._requests is not None:
                    await self._take(self._requests, 1)
        finally:
            self.waiting -= 1

    def settle(self, reserved: int, completion: Completion) -> None:
        """Correct a reservation by what the provider counted; one that it did not count stays as it was."""
        if self._tokens is not None and completion.tokens_in is not None and completion.tokens_out is not None:
            used = completion.tokens_in + completion.tokens_out
            self._left = min(self._most_left, self._left + reserved - used)

    async def _take(self, limit: tuple[str, Rate], units: int) -> None:
        key, rate = limit
        while units > 0:
            # In parts, so that a long request gets its turn among short ones of other workers.
            part = min(units, rate.burst)
            decision = await self._shared.check(key, rate, part)
            if decision.allowed:
                units -= part
            else:
                await self._sleep(max(1, decision.retry_after_ms or 0) / 1000)


def _limit(key: str, per_minute: int | None) -> tuple[str, Rate] | None:
    if per_minute is None:
        return None
    at_once = max(1, per_minute // 60)
    # In any minute pass the rate and what may go at once, less one: together, the limit.
    return key, Rate(per_minute - at_once + 1, Duration.MINUTE, burst=at_once)
