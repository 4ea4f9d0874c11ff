"""What all workers must know of each other, in one place: Redis where it is the broker, else a file of the machine.

Two kinds of entry: numbers of requests and tokens per minute, by pyrate-limiter's arithmetic (`check`), and anything small that is
read, worked out anew and written back in one step (`change`).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import redis.asyncio
from django.conf import settings
from pyrate_limiter import GCRA, Decision, Rate, RedisStateStore, StateAlgorithm, StateStore, WallClock
from redis.exceptions import RedisError, WatchError

from conflictscope.llm.errors import TransientLLMError

FILE = "limits.sqlite3"
_ALGORITHM = GCRA()
# An entry that nobody has changed for so long is forgotten.
_FORGET_SECONDS = 24 * 3600
_PATIENCE = 10.0  # seconds until Redis counts as not answering

_R = TypeVar("_R")
State = dict[str, Any]
# From what is written (None: nothing) and the time in seconds to what is to be written, and a result for whoever asked.
Step = Callable[[State | None, float], tuple[State, _R]]


class SharedState(ABC):
    """What all workers share."""

    @abstractmethod
    async def check(self, key: str, rate: Rate, weight: int) -> Decision:
        """Take so much, or say how long to wait.

        Raises:
            TransientLLMError: Redis does not answer, so nobody knows what others have taken.
        """

    @abstractmethod
    async def change(self, key: str, step: Step[_R]) -> _R:
        """Do one step, with nobody else in between. `step` may be done more than once before it counts.

        Raises:
            TransientLLMError: as `check`.
        """

    @abstractmethod
    async def aclose(self) -> None: ...


def open_shared_state() -> SharedState:
    """Redis where it is the broker, else the machine's own file."""
    if settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
        return RedisSharedState(settings.CELERY_BROKER_URL)
    return FileSharedState(settings.VAR_DIR / FILE)


class RedisSharedState(SharedState):
    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)

    async def check(self, key: str, rate: Rate, weight: int) -> Decision:
        store = RedisStateStore(self._redis, f"conflictscope {key}")
        try:
            now = int(1000 * _seconds(await self._redis.time()))  # the clocks of two machines differ
            return await cast(Awaitable[Decision], store.check(_ALGORITHM, [rate], now, weight))
        except RedisError as exc:
            raise _no_answer(exc) from exc

    async def change(self, key: str, step: Step[_R]) -> _R:
        name = f"conflictscope {key}"
        try:
            async with self._redis.pipeline() as pipe:
                while True:
                    try:
                        await pipe.watch(name)
                        now = _seconds(await pipe.time())
                        text = await pipe.get(name)
                        state, result = step(json.loads(text) if text else None, now)
                        pipe.multi()
                        pipe.set(name, json.dumps(state), ex=_FORGET_SECONDS)
                        await pipe.execute()
                        return result
                    except WatchError:  # somebody was faster
                        continue
        except RedisError as exc:
            raise _no_answer(exc) from exc

    async def aclose(self) -> None:
        await self._redis.aclose()


def _seconds(said: tuple[int, int]) -> float:
    return said[0] + said[1] / 1e6


def _no_answer(exc: RedisError) -> TransientLLMError:
    return TransientLLMError(
        f"The limits of endpoints are kept in Redis, which does not answer ({type(exc).__name__}). Start it again."
    )


class FileSharedState(SharedState):
    """A file of this machine, read and written in a thread: another process may hold it for a moment."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="limits")
        self._path = path
        self._file: sqlite3.Connection | None = None

    async def check(self, key: str, rate: Rate, weight: int) -> Decision:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._check, key, rate, weight)

    async def change(self, key: str, step: Step[_R]) -> _R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._change, key, step)

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _check(self, key: str, rate: Rate, weight: int) -> Decision:
        store = FileStateStore(self._open(), key)
        return store.check(_ALGORITHM, [rate], store.default_clock.now(), weight)

    def _change(self, key: str, step: Step[_R]) -> _R:
        file = self._open()
        with exclusively(file):
            row = file.execute("SELECT state FROM account WHERE key = ?", (key,)).fetchone()
            state, result = step(json.loads(row[0]) if row else None, time.time())
            file.execute("INSERT OR REPLACE INTO account (key, state) VALUES (?, ?)", (key, json.dumps(state)))
        return result

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = open_file(self._path)
        return self._file

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


@contextmanager
def exclusively(file: sqlite3.Connection) -> Iterator[None]:
    """A transaction that nobody else reads or writes beside."""
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        file.execute("ROLLBACK")
        raise
    file.execute("COMMIT")


class FileStateStore(StateStore):
    """pyrate-limiter's store of one key in an SQLite file; it brings none that processes share for this algorithm."""

    is_async = False
    default_clock = WallClock()

    def __init__(self, file: sqlite3.Connection, key: str) -> None:
        self._file = file
        self._key = key

    def check(self, algorithm: StateAlgorithm, rates: list[Rate], now: int, weight: int) -> Decision:
        with exclusively(self._file):
            state = self.read(algorithm, rates)
            if any(
                algorithm.consumed([rate], (part,), now) > rate.burst for rate, part in zip(rates, state, strict=True)
            ):
                state = algorithm.initial(rates)  # further ahead than can be: the machine's clock was set back
            state, decision = algorithm.step(rates, state, now, weight)
            if decision.allowed:
                text = " ".join(str(part) for part in state)
                self._file.execute("INSERT OR REPLACE INTO account (key, state) VALUES (?, ?)", (self._key, text))
        return decision

    def read(self, algorithm: StateAlgorithm, rates: list[Rate]) -> tuple[Any, ...]:
        row = self._file.execute("SELECT state FROM account WHERE key = ?", (self._key,)).fetchone()
        state = algorithm.decode(row[0].split()) if row else ()
        return state if len(state) == len(rates) else algorithm.initial(rates)

    def reset(self) -> None:
        self._file.execute("DELETE FROM account WHERE key = ?", (self._key,))
