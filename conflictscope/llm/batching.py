"""Database work of many coroutines, done together: one way to the database's thread, and one transaction, for all that wait.

A call takes three visits to the database: whether it was answered before, its intent, its end. Each visit alone costs more
processor time than its queries (the change of threads, the commit). Under load dozens wait at the same moment; alone, nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection, transaction

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_A = TypeVar("_A")

# So many at most in one transaction: others wait for its locks.
MOST_TOGETHER = 64
# Where so many came along the last time, a visit waits so long for more: a visit of two costs hardly more than one of one. Short beside
# the time that an LLM thinks, and nobody waits where calls come one at a time.
UNDER_LOAD = 3
LINGER_SECONDS = 0.02
# A database that is away for a moment, or that chose this transaction to break a deadlock: what must not get lost is done again
# after so many seconds each.
AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0, 4.0)

Work = Callable[[Sequence[_A]], Sequence[_R]]


def in_database(function: Callable[_P, _R]) -> Callable[_P, Coroutine[Any, Any, _R]]:
    """Database work of a coroutine, in the one thread that holds the connection."""
    return sync_to_async(function, thread_sensitive=True)


def let_go_of_broken_connection() -> None:
    """After an error of the database; in its thread. A connection that the server has closed stays broken until it is let go of."""
    connection.close_if_unusable_or_obsolete()


@dataclass(slots=True)
class _Wish:
    work: Work[Any, Any]
    argument: Any
    done: asyncio.Future[Any]
    must: bool = False  # be done: there is no other record of it
    failures: int = 0


class Batcher:
    """Work that waits at the same moment is done in one visit to the database, in the order in which it came.

    Args:
        writes: in one transaction, too. When a piece of work fails, nothing of it stays, and each piece is done again in a
            transaction of its own, so that only the one at fault fails. Work must therefore be fit to be begun twice.
    """

    def __init__(self, *, writes: bool) -> None:
        self._writes = writes
        self._waiting: list[_Wish] = []
        self._visits: asyncio.Task[None] | None = None
        self._together = 0  # wishes of the last visit

    async def do(self, work: Work[_A, _R], argument: _A) -> _R:
        """The result of `work([..., argument, ...])` for this argument. If whoever asks is cancelled before its turn, it is not
        done.

        Args:
            work: takes the arguments of all who ask for the same work, and returns as many results in their order.
        """
        wish = self._wish(work, argument)
        try:
            result: _R = await wish.done
        except asyncio.CancelledError:
            if wish in self._waiting:
                self._waiting.remove(wish)
            raise
        return result

    def surely(self, work: Work[_A, _R], argument: _A) -> asyncio.Future[_R]:
        """As `do`, and has its place in the queue when this returns. It is done also if nobody waits for it any more, and again
        if the database was away for a moment."""
        return self._wish(work, argument, must=True).done

    def _wish(self, work: Work[_A, _R], argument: _A, *, must: bool = False) -> _Wish:
        wish = _Wish(work, argument, asyncio.get_running_loop().create_future(), must)
        self._waiting.append(wish)
        if self._visits is None or self._visits.done():
            self._visits = asyncio.create_task(self._visit())
        return wish

    async def aclose(self) -> None:
        """Wait for what is under way."""
        if self._visits is not None:
            await self._visits

    async def _visit(self) -> None:
        # Whoever was woken together with the first one comes along; under load, whoever comes within moments, too.
        await asyncio.sleep(LINGER_SECONDS if self._together >= UNDER_LOAD else 0)
        while self._waiting:
            self._together = len(self._waiting)
            wishes, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            results = await in_database(self._fulfil)(wishes)
            again: list[_Wish] = []
            for wish, result in zip(wishes, results, strict=True):
                if wish.must and isinstance(result, _Failure) and result.may_pass and wish.failures < len(AGAIN_AFTER):
                    wish.failures += 1
                    again.append(wish)
                elif wish.done.done():
                    continue
                elif isinstance(result, _Failure):
                    wish.done.set_exception(result.error)
                else:
                    wish.done.set_result(result)
            if again:
                wait = AGAIN_AFTER[max(wish.failures for wish in again) - 1]
                logger.warning("The database failed %s writes; doing them again in %s s", len(again), wait)
                self._waiting = again + self._waiting
                await asyncio.sleep(wait)

    def _fulfil(self, wishes: Sequence[_Wish]) -> list[Any]:
        try:
            return self._in_one(wishes)
        except Exception as exc:
            failure = _Failure(exc)
            if failure.may_pass:
                let_go_of_broken_connection()
            if len(wishes) == 1:
                return [failure]
        return [result for wish in wishes for result in self._fulfil([wish])]

    def _in_one(self, wishes: Sequence[_Wish]) -> list[Any]:
        if not self._writes:
            return _results(wishes)
        with transaction.atomic(durable=True):
            return _results(wishes)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception

    @property
    def may_pass(self) -> bool:
        return isinstance(self.error, OperationalError | InterfaceError)


def _results(wishes: Sequence[_Wish]) -> list[Any]:
    of_work: dict[Work[Any, Any], list[int]] = {}
    for number, wish in enumerate(wishes):
        of_work.setdefault(wish.work, []).append(number)
    results: list[Any] = [None] * len(wishes)
    for work, numbers in of_work.items():
        answers = work([wishes[number].argument for number in numbers])
        for number, result in zip(numbers, answers, strict=True):
            results[number] = result
    return results
