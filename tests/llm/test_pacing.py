"""Adaptive concurrency, by a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import async_to_sync

from conflictscope.llm.errors import LLMError, PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.pacing import FIRST, Pace, Slots


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(64, now=clock)


def a_round(pace: Pace, error: LLMError | None = None) -> None:
    """As many calls end as are allowed."""
    number = pace.allowed
    for _ in range(number):
        pace.heard(error, busy=max(number, pace.allowed))


def limited(retry_after: float | None = None) -> RateLimited:
    return RateLimited("Slow down.", retry_after=retry_after)


def test_it_starts_small_and_doubles_each_round_up_to_the_most(pace: Pace) -> None:
    seen = [pace.allowed]
    for _ in range(4):
        a_round(pace)
        seen.append(pace.allowed)
    assert seen == [FIRST, 16, 32, 64, 64]


@pytest.mark.parametrize("most", [1, 3])
def test_it_starts_at_the_most_where_that_is_less(most: int, clock: Clock) -> None:
    assert Pace(most, now=clock).allowed == most


def test_it_does_not_grow_while_nobody_uses_what_is_allowed(pace: Pace) -> None:
    for _ in range(100):
        pace.heard(None, busy=FIRST - 1)
    assert pace.allowed == FIRST


def test_a_burst_of_429s_is_one_cut(pace: Pace, clock: Clock) -> None:
    for _ in range(3):
        a_round(pace)
    a_round(pace, limited())
    assert pace.allowed == 51  # 64 × 0.8
    clock.now += 14.9
    pace.heard(limited(), busy=51)
    assert pace.allowed == 51
    clock.now += 0.1
    pace.heard(limited(), busy=51)
    assert pace.allowed == 40


def test_a_longer_retry_after_puts_the_next_cut_off_and_holds_everybody(pace: Pace, clock: Clock) -> None:
    pace.heard(limited(30.0), busy=8)
    assert (pace.allowed, pace.held_for) == (6, 30.0)
    clock.now += 20
    pace.heard(limited(), busy=6)
    assert (pace.allowed, pace.held_for) == (6, 10.0)
    clock.now += 10
    pace.heard(limited(), busy=6)
    assert (pace.allowed, pace.held_for) == (5, 0.0)  # 6.4 × 0.8


def test_nobody_is_held_for_an_hour(pace: Pace) -> None:
    pace.heard(limited(3600.0), busy=8)
    assert pace.held_for == 120.0


def test_it_never_falls_below_one(pace: Pace, clock: Clock) -> None:
    for _ in range(50):
        pace.heard(limited(), busy=1)
        clock.now += 15
    assert pace.allowed == 1
    for _ in range(10):
        a_round(pace)
    assert pace.allowed > 1


def test_after_a_429_it_grows_by_one_a_round(pace: Pace) -> None:
    for _ in range(2):
        a_round(pace)
    pace.heard(limited(), busy=32)
    assert pace.allowed == 25
    a_round(pace)
    a_round(pace)
    assert pace.allowed in (26, 27)


def test_a_fault_of_the_server_stops_growth_for_a_while_and_cuts_nothing(pace: Pace, clock: Clock) -> None:
    pace.heard(TransientLLMError("500"), busy=8)
    a_round(pace)
    assert pace.allowed == FIRST
    clock.now += 15
    a_round(pace)
    assert pace.allowed == 2 * FIRST


def test_an_error_that_is_ours_says_nothing_about_the_pace(pace: Pace) -> None:
    a_round(pace, PermanentLLMError("Wrong key."))
    assert pace.allowed == FIRST


def test_an_endpoint_whose_most_was_lowered_keeps_to_it_at_once(pace: Pace) -> None:
    a_round(pace)
    pace.most = 3
    assert pace.allowed == 3


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


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_slots_go_in_order_and_a_grown_pace_lets_more_in(clock: Clock) -> None:
    async def run() -> None:
        slots = Slots(Pace(2, now=clock))
        busy = Busy(slots)
        tasks = [asyncio.create_task(busy.call(number)) for number in range(5)]
        await _settle()
        assert (busy.started, slots.busy, slots.queued) == ([0, 1], 2, 3)
        busy.ends[1].set()
        await _settle()
        assert (busy.started, slots.queued) == ([0, 1, 2], 2)
        slots.pace.most = 4
        slots.heard(None)  # 3 allowed
        await _settle()
        assert busy.started == [0, 1, 2, 3]
        for end in busy.ends:
            end.set()
        await asyncio.gather(*tasks)
        assert (busy.started, slots.busy, slots.queued) == ([0, 1, 2, 3, 4], 0, 0)

    async_to_sync(run)()


def test_a_call_that_is_cancelled_in_the_queue_leaves_no_slot_behind(clock: Clock) -> None:
    async def run() -> None:
        slots = Slots(Pace(1, now=clock))
        busy = Busy(slots)
        tasks = [asyncio.create_task(busy.call(number)) for number in range(4)]
        await _settle()
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

    async_to_sync(run)()


def test_who_gets_a_slot_waits_while_the_endpoint_holds_everybody_off(clock: Clock) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> None:
        slots = Slots(Pace(4, now=clock), sleep=sleep)
        slots.heard(limited(7.0))
        async with slots.slot():
            assert slept == [7.0]

    async_to_sync(run)()
