"""Slots: what one worker hands to its calls, and that all processes together keep to the most that an endpoint takes."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils import timezone

from conflictscope.llm.client import Client
from conflictscope.llm.errors import RateLimited, TransientLLMError
from conflictscope.llm.models import Endpoint
from conflictscope.llm.traffic.shared_state import RedisSharedState, SharedState, open_shared_state
from conflictscope.llm.traffic.slots import HOPELESS, Slots
from tests.processes import environment


def an_endpoint(most: int) -> Endpoint:
    """One that no earlier run of the tests has sent anything."""
    return Endpoint(pk=time.time_ns(), max_concurrency=most, created_at=timezone.now())


def with_workers(number: int, most: int, use: Callable[..., Awaitable[None]], **options: Any) -> None:
    """Run `use` with the slots of so many workers of one endpoint."""
    endpoint = an_endpoint(most)

    async def run() -> None:
        shared = open_shared_state()
        workers = [Slots(endpoint, shared, **options) for _ in range(number)]
        try:
            await use(*workers)
        finally:
            for slots in workers:
                await slots.aclose()
            await shared.aclose()

    async_to_sync(run)()


class Busy:
    """Calls that end when the test says so."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.started: list[int] = []
        self.ends = [asyncio.Event() for _ in range(10)]

    async def call(self, number: int) -> None:
        async with self.slots.slot():
            self.started.append(number)
            await self.ends[number].wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.backends
def test_slots_go_in_order_and_never_more_than_there_are() -> None:
    async def use(slots: Slots) -> None:
        busy = Busy(slots)
        tasks = [asyncio.create_task(busy.call(number)) for number in range(5)]
        await until(lambda: len(busy.started) == 2)
        await asyncio.sleep(0.2)
        assert (busy.started, slots.busy, slots.queued) == ([0, 1], 2, 3)
        busy.ends[1].set()
        await _settle()
        assert (busy.started, slots.queued) == ([0, 1, 2], 2)
        for end in busy.ends:
            end.set()
        await asyncio.gather(*tasks)
        assert (busy.started, slots.busy, slots.queued) == ([0, 1, 2, 3, 4], 0, 0)

    with_workers(1, 2, use)


def test_a_call_that_is_cancelled_in_the_queue_leaves_no_slot_behind() -> None:
    async def use(slots: Slots) -> None:
        busy = Busy(slots)
        tasks = [asyncio.create_task(busy.call(number)) for number in range(4)]
        await until(lambda: busy.started == [0])
        tasks[1].cancel()
        await _settle()
        assert slots.queued == 2
        busy.ends[0].set()
        await asyncio.sleep(0)  # the slot is handed to the third,
        tasks[2].cancel()  # which is gone before it takes it up
        await _settle()
        assert busy.started[-1] in (2, 3)
        for end in busy.ends:
            end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (busy.started[-1], slots.busy, slots.queued) == (3, 0, 0)

    with_workers(1, 1, use)


@pytest.mark.backends
def test_a_429_that_one_worker_hears_holds_the_others_back() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def use(first: Slots, second: Slots) -> None:
        for slots in (first, second):
            async with slots.slot():
                assert slept == []
        first.heard(RateLimited("Slow down.", retry_after=70.0))

        async def is_held() -> bool:
            async with second.slot():
                return bool(slept)

        async with asyncio.timeout(10):
            while not await is_held():
                await asyncio.sleep(0.05)
        assert 60 < slept[0] <= 70

    with_workers(2, 4, use, sleep=sleep)


@pytest.mark.backends
def test_two_workers_share_what_there_is_and_one_that_ends_leaves_it_to_the_other() -> None:
    async def use(first: Slots, second: Slots) -> None:
        here, there = Busy(first), Busy(second)
        tasks = [asyncio.create_task(here.call(number)) for number in range(8)]
        await until(lambda: len(here.started) == 4)
        tasks += [asyncio.create_task(there.call(number)) for number in range(8)]
        await until(lambda: first.share == 2)  # it sends no more until two have ended
        assert there.started == []
        for number in range(2):
            here.ends[number].set()
        await until(lambda: len(there.started) == 2)
        assert first.busy + second.busy == 4
        for end in here.ends:
            end.set()
        await asyncio.gather(*tasks[:8])
        await until(lambda: second.busy == 4)
        for end in there.ends:
            end.set()
        await asyncio.gather(*tasks)

    with_workers(2, 4, use)


def test_an_endpoint_that_gives_nothing_but_errors_is_hopeless_until_it_answers() -> None:
    async def use(slots: Slots) -> None:
        for _ in range(HOPELESS):
            assert not slots.hopeless
            slots.heard(TransientLLMError("500"))
        assert slots.hopeless
        slots.heard(None)
        assert not slots.hopeless

    with_workers(1, 4, use)


def test_where_redis_does_not_answer_nothing_is_sent() -> None:
    async def run() -> None:
        shared = RedisSharedState("redis://127.0.0.1:9/0")
        slots = Slots(an_endpoint(4), shared)
        try:
            async with slots.slot():
                raise AssertionError("a slot that nobody could know of")
        finally:
            await slots.aclose()
            await shared.aclose()

    with pytest.raises(TransientLLMError, match="kept in Redis, which does not answer"):
        async_to_sync(run)()


class HardOfHearing(SharedState):
    """As redis-py on Python 3.11: a cancellation that arrives together with the answer is dropped."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.dropped = 0

    async def check(self, key: str, rate: Any, weight: int) -> Any:
        raise AssertionError("no limits here")

    async def change(self, key: str, step: Callable[..., Any]) -> Any:
        if not self.dropped:
            self.reading.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.dropped += 1
        return step(None, time.time())[1]

    async def aclose(self) -> None:
        """Nothing is open."""


def test_slots_close_although_their_cancellation_is_swallowed_once() -> None:
    async def run() -> None:
        shared = HardOfHearing()
        slots = Slots(an_endpoint(4), shared)

        async def call() -> None:
            async with slots.slot():
                pass

        calling = asyncio.create_task(call())
        await shared.reading.wait()
        async with asyncio.timeout(2):
            await slots.aclose()
        assert shared.dropped == 1
        calling.cancel()

    async_to_sync(run)()


def test_what_is_left_of_a_closed_client_opens_nothing_that_nobody_would_close() -> None:
    async def run() -> None:
        async with Client() as client:
            pass
        for use in (client.slots, client.limits, client.adapter):
            with pytest.raises(RuntimeError, match="client is closed"):
                use(an_endpoint(4))

    async_to_sync(run)()


CALLER = """
import asyncio, json, sys, time
import django
django.setup()
from django.utils.dateparse import parse_datetime
from conflictscope.llm.traffic.shared_state import open_shared_state
from conflictscope.llm.models import Endpoint
from conflictscope.llm.traffic.slots import Slots

async def call(number, created_at, most, seconds):
    shared = open_shared_state()
    slots = Slots(Endpoint(pk=number, created_at=parse_datetime(created_at), max_concurrency=most), shared)
    end, calls = time.time() + seconds, []

    async def one():
        while time.time() < end:
            async with slots.slot():
                began = time.time()
                await asyncio.sleep(0.02)
                calls.append((began, time.time()))

    await asyncio.gather(*(one() for _ in range(2 * most)))
    await slots.aclose()
    await shared.aclose()
    return calls

print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(asyncio.run(call(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
"""


@pytest.mark.backends
@pytest.mark.django_db
def test_three_processes_together_never_exceed_what_the_endpoint_takes() -> None:
    most = 7
    command = [sys.executable, "-c", CALLER, str(time.time_ns()), timezone.now().isoformat(), str(most), "2.5"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    callers = [subprocess.Popen(command, env=environment(), cwd=settings.BASE_DIR, **pipes) for _ in range(3)]
    for caller in callers:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.write("go\n")
        caller.stdin.flush()
    calls = [json.loads(caller.communicate(timeout=60)[0]) for caller in callers]
    assert min(len(part) for part in calls) > 10  # none has shut the others out
    moments = sorted(
        [(began, 1) for part in calls for began, _ in part] + [(end, -1) for part in calls for _, end in part]
    )
    assert max(itertools.accumulate(step for _, step in moments)) == most
