"""Requests and tokens per minute, held by all workers together.

The arithmetic (GCRA, a leaky bucket kept as one number) and its Redis script are pyrate-limiter's. With a Redis broker the numbers
are in Redis and time is Redis's; on the embedded default they are in a file of the machine, which any number of processes
share. Either way at most a second's worth may go at once, and never more than the limit within any minute.

Tokens are reserved before a request is sent, as `conflictscope.llm.tokens` estimates them, and settled when it has ended: what
was not used is given to the next requests of this worker, what was used beyond it is taken from them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import redis.asyncio
from django.conf import settings
from pyrate_limiter import GCRA, Decision, Duration, Rate, RedisStateStore, StateAlgorithm, StateStore, WallClock
from redis.exceptions import RedisError

from conflictscope.llm.errors import TransientLLMError
from conflictscope.llm.models import Endpoint
from conflictscope.llm.types import Completion

FILE = "limits.sqlite3"
_ALGORITHM = GCRA()
Sleep = Callable[[float], Awaitable[None]]


class Limits:
    """What one endpoint may be sent in a minute. Without a limit, everything passes at once.

    Who comes first is served first. Only the first in the queue looks at the numbers, and sleeps until they allow it.
    """

    def __init__(self, endpoint: Endpoint, accounts: Accounts, *, sleep: Sleep = asyncio.sleep) -> None:
        self._accounts = accounts
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
            decision = await self._accounts.check(key, rate, part)
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


class Accounts(ABC):
    """The numbers that all workers share."""

    @abstractmethod
    async def check(self, key: str, rate: Rate, weight: int) -> Decision:
        """Take so much, or say how long to wait."""

    @abstractmethod
    async def aclose(self) -> None: ...


def open_accounts() -> Accounts:
    """Redis where it is the broker, else the machine's own file."""
    if settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
        return RedisAccounts(settings.CELERY_BROKER_URL)
    return FileAccounts(settings.VAR_DIR / FILE)


class RedisAccounts(Accounts):
    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(url)

    async def check(self, key: str, rate: Rate, weight: int) -> Decision:
        store = RedisStateStore(self._redis, f"conflictscope {key}")
        try:
            seconds, microseconds = await self._redis.time()  # the clocks of two machines differ
            now = seconds * 1000 + microseconds // 1000
            return await cast(Awaitable[Decision], store.check(_ALGORITHM, [rate], now, weight))
        except RedisError as exc:
            raise TransientLLMError(
                f"The limits per minute are kept in Redis, which does not answer ({type(exc).__name__}). Start it again."
            ) from exc

    async def aclose(self) -> None:
        await self._redis.aclose()


class FileAccounts(Accounts):
    """A file of this machine, read and written in a thread: another process may hold it for a moment."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="limits")
        self._path = path
        self._file: sqlite3.Connection | None = None

    async def check(self, key: str, rate: Rate, weight: int) -> Decision:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._check, key, rate, weight)

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _check(self, key: str, rate: Rate, weight: int) -> Decision:
        if self._file is None:
            self._file = open_file(self._path)
        store = FileStateStore(self._file, key)
        return store.check(_ALGORITHM, [rate], store.default_clock.now(), weight)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


def open_file(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, isolation_level=None, timeout=30)
    # What a power cut takes away here is at most what was sent within the last minute.
    file.execute("PRAGMA journal_mode=WAL")
    file.execute("PRAGMA synchronous=OFF")
    file.execute("CREATE TABLE IF NOT EXISTS account (key TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID")
    return file


class FileStateStore(StateStore):
    """pyrate-limiter's store of one key in an SQLite file; it brings none that processes share for this algorithm."""

    is_async = False
    default_clock = WallClock()

    def __init__(self, file: sqlite3.Connection, key: str) -> None:
        self._file = file
        self._key = key

    def check(self, algorithm: StateAlgorithm, rates: list[Rate], now: int, weight: int) -> Decision:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            state = self.read(algorithm, rates)
            if any(
                algorithm.consumed([rate], (part,), now) > rate.burst for rate, part in zip(rates, state, strict=True)
            ):
                state = algorithm.initial(rates)  # further ahead than can be: the machine's clock was set back
            state, decision = algorithm.step(rates, state, now, weight)
            if decision.allowed:
                text = " ".join(str(part) for part in state)
                self._file.execute("INSERT OR REPLACE INTO account (key, state) VALUES (?, ?)", (self._key, text))
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")
        return decision

    def read(self, algorithm: StateAlgorithm, rates: list[Rate]) -> tuple[Any, ...]:
        row = self._file.execute("SELECT state FROM account WHERE key = ?", (self._key,)).fetchone()
        state = algorithm.decode(row[0].split()) if row else ()
        return state if len(state) == len(rates) else algorithm.initial(rates)

    def reset(self) -> None:
        self._file.execute("DELETE FROM account WHERE key = ?", (self._key,))
