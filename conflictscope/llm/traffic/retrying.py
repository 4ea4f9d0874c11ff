"""Asking again, by our own rules: the SDKs' retries are off, because retries upon retries multiply."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar

from django.conf import settings

from conflictscope.llm.errors import TransientLLMError

logger = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently a call is sent again before its error is passed on.

    Waits double from `first_delay` to `longest_delay`, less up to half of it by chance, so that many callers do not come back
    as one. A wait that the provider asks for is kept to, if it fits into `patience`, the seconds that all waits of one call
    may take; if it does not, the error (which says how long) goes to whoever can do something else in the meantime. Nothing
    is sent again later than `longest` seconds after the first time, however long each attempt takes.
    """

    attempts: int = 4
    first_delay: float = 1.0
    longest_delay: float = 30.0
    patience: float = 120.0
    longest: float = 300.0
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)

    @classmethod
    def from_settings(cls) -> Self:
        return cls(first_delay=settings.LLM_RETRY_DELAY)

    def delay(self, attempt: int, error: TransientLLMError) -> float:
        """Seconds to wait after the given attempt (1, 2, ...)."""
        if error.retry_after is not None:
            return error.retry_after
        return min(self.longest_delay, self.first_delay * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)


@dataclass(slots=True)
class Sending:
    """One request on its way, with what is to be told of it however it ends."""

    label: str
    attempts: int = 0
    latency_ms: int = 0
    maybe_billed: bool = False  # some attempt, although no reply has come of it

    async def insist(
        self,
        send: Callable[[], Awaitable[AnswerT]],
        retries: Retries,
        *,
        before_again: Callable[[], Awaitable[None]],
        hopeless: Callable[[], bool] = lambda: False,
    ) -> AnswerT:
        """Send until there is an answer, an error that will not pass, or no patience left.

        Args:
            before_again: awaited before each further attempt, which is a request of its own.
            hopeless: whether the endpoint fails with everybody: no use to try again.

        Raises:
            LLMError: the last one.
        """
        waited = 0.0
        started = time.monotonic()
        while True:
            self.attempts += 1
            began = time.monotonic()
            try:
                return await send()
            except TransientLLMError as exc:
                self.maybe_billed = self.maybe_billed or exc.maybe_billed
                wait = retries.delay(self.attempts, exc)
                too_late = time.monotonic() - started + wait > retries.longest or waited + wait > retries.patience
                if self.attempts >= retries.attempts or too_late or hopeless():
                    raise
                logger.info("%s: attempt %s ended with %s; waiting %.1f s", self.label, self.attempts, exc.code, wait)
            finally:
                self.latency_ms = round((time.monotonic() - began) * 1000)
            waited += wait
            await retries.sleep(wait)
            await before_again()
