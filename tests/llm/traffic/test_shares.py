"""How slots are divided: fairly, never more than there are, and free again when a worker is gone."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from conflictscope.llm.traffic.pacing import FIRST, News, Pace
from conflictscope.llm.traffic.shares import (
    FORGET_SECONDS,
    LEASE_SECONDS,
    Share,
    SharingWorker,
    exchange,
    fair_parts,
    leave,
)


class Shared:
    """What workers share of an endpoint, with a clock that the test moves. All the slots are open from the start."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = 1000.0
        self.state: dict[str, Any] = {"pace": Pace(number=float(most)).state(), "members": {}, "at": self.now}
        self.goes_by: dict[str, int] = {}

    def tells(self, name: str, *, busy: int, wanted: int, news: News | None = None) -> Share:
        """A worker tells how it stands, and goes by the answer from now on."""
        share = self.answer(name, busy=busy, wanted=wanted, news=news)
        self.goes_by[name] = share.slots
        return share

    def answer(self, name: str, *, busy: int, wanted: int, news: News | None = None) -> Share:
        """What a worker is told, which has not reached it yet."""
        worker = SharingWorker(name, busy=busy, wanted=wanted, share=self.goes_by.get(name, 0))
        self.state, share = exchange(self.state, self.now, worker=worker, most=self.most, news=news or News())
        self.state = json.loads(json.dumps(self.state))  # as it is kept
        return share

    @property
    def handed_out(self) -> int:
        return sum(member["slots"] for member in self.state["members"].values())


@pytest.mark.parametrize(
    ("wanted", "allowed", "parts"),
    [
        ({"a": 96}, 64, {"a": 64}),
        ({"a": 96, "b": 96}, 64, {"a": 32, "b": 32}),
        ({"a": 96, "b": 4}, 64, {"a": 60, "b": 4}),
        ({"a": 9, "b": 9, "c": 2}, 8, {"a": 3, "b": 3, "c": 2}),
        ({"a": 1, "b": 0}, 64, {"a": 1, "b": 0}),
        ({"a": 5, "b": 5, "c": 5}, 2, {"a": 1, "b": 1, "c": 0}),
        ({}, 64, {}),
    ],
)
def test_parts_are_as_equal_as_can_be(wanted: dict[str, int], allowed: int, parts: dict[str, int]) -> None:
    assert fair_parts(wanted, allowed, turn=0) == parts


def test_where_there_are_more_workers_than_slots_they_take_turns() -> None:
    wanted = dict.fromkeys("abc", 5)
    served = [name for turn in range(3) for name, part in fair_parts(wanted, 1, turn=turn).items() if part]
    assert sorted(served) == ["a", "b", "c"]


def test_a_second_worker_gets_its_half_as_the_first_gives_it_back() -> None:
    shared = Shared(64)
    assert shared.tells("a", busy=0, wanted=96).slots == 64
    assert shared.tells("b", busy=0, wanted=96).slots == 0  # nothing is left
    first = shared.tells("a", busy=64, wanted=96)
    assert first.slots == first.due == 32  # it sends no more until its calls have ended
    assert shared.tells("b", busy=0, wanted=96).slots == 0
    shared.tells("a", busy=40, wanted=72)
    assert shared.tells("b", busy=0, wanted=96).slots == 24
    shared.tells("a", busy=32, wanted=64)
    assert shared.tells("b", busy=24, wanted=96).slots == 32


def test_what_a_worker_gives_back_is_free_only_when_it_goes_by_less() -> None:
    """Until the answer reaches it, it may send as many calls as before."""
    shared = Shared(64)
    assert shared.tells("a", busy=0, wanted=96).slots == 64
    shared.tells("b", busy=0, wanted=96)
    told = shared.answer("a", busy=10, wanted=96)
    assert told.slots == 32
    assert shared.tells("b", busy=0, wanted=96).slots == 0  # a may have opened 54 more meanwhile
    shared.goes_by["a"] = told.slots
    shared.tells("a", busy=10, wanted=96)
    assert shared.tells("b", busy=0, wanted=96).slots == 32


def test_a_worker_knows_whether_others_could_use_what_it_does_not() -> None:
    shared = Shared(64)
    assert not shared.tells("a", busy=0, wanted=96).wanted
    shared.tells("b", busy=0, wanted=20)
    assert shared.tells("a", busy=64, wanted=96).wanted
    shared.tells("a", busy=20, wanted=20)
    assert shared.tells("b", busy=0, wanted=20).slots == 20
    assert not shared.tells("a", busy=20, wanted=20).wanted


def test_a_share_that_nobody_else_wants_is_kept_over_a_pause() -> None:
    shared = Shared(64)
    shared.tells("a", busy=0, wanted=96)
    assert shared.tells("a", busy=0, wanted=0).slots == 64
    shared.tells("b", busy=0, wanted=10)
    assert shared.tells("a", busy=0, wanted=0).slots == 0
    shared.tells("a", busy=0, wanted=0)
    assert shared.tells("b", busy=0, wanted=10).slots == 10


def test_the_slots_of_a_killed_worker_are_free_after_a_few_seconds() -> None:
    shared = Shared(8)
    shared.tells("killed", busy=8, wanted=20)
    assert shared.tells("b", busy=0, wanted=20).slots == 0
    shared.now += LEASE_SECONDS
    assert shared.tells("b", busy=0, wanted=20).slots == 8


def test_a_worker_that_stalled_sends_nothing_before_others_have_given_back() -> None:
    shared = Shared(8)
    shared.tells("stalled", busy=8, wanted=20)
    shared.now += LEASE_SECONDS
    shared.tells("b", busy=0, wanted=20)
    assert shared.tells("stalled", busy=8, wanted=20).slots == 0


def test_a_worker_that_leaves_gives_back_at_once() -> None:
    shared = Shared(8)
    shared.tells("a", busy=8, wanted=20)
    shared.state, _ = leave(shared.state, shared.now, name="a")
    assert shared.tells("b", busy=0, wanted=20).slots == 8


def test_what_one_learns_from_a_429_holds_for_all() -> None:
    shared = Shared(64)
    shared.tells("a", busy=0, wanted=96)
    shared.tells("a", busy=32, wanted=96, news=News(limits=[7.0]))
    share = shared.tells("b", busy=0, wanted=96)
    assert share.held_for == 7.0
    assert shared.tells("a", busy=32, wanted=96).due + share.due == 51  # 64 × 0.8


def test_what_was_learned_is_forgotten_after_a_long_pause() -> None:
    shared = Shared(64)
    shared.tells("a", busy=64, wanted=64, news=News(limits=[None]))
    shared.now += FORGET_SECONDS
    assert shared.tells("b", busy=0, wanted=64).slots == FIRST


def test_at_no_moment_is_more_handed_out_than_there_is_and_in_the_end_all_of_it() -> None:
    """Workers that come, want, work, wait for answers, die and leave at random."""
    rng = random.Random(5)
    shared = Shared(20)
    busy: dict[str, int] = {}
    told: dict[str, Share] = {}  # answers on their way
    for step in range(6000):
        shared.now += rng.uniform(0, 0.2)
        if len(busy) < 6 and rng.random() < 0.05:
            busy[f"worker {step}"] = 0
        for name in list(busy):
            chance = rng.random()
            if chance < 0.02:
                del busy[name]  # its calls end with it
                told.pop(name, None)
                shared.goes_by.pop(name, None)
                if chance < 0.01:  # else it was killed
                    shared.state, _ = leave(shared.state, shared.now, name=name)
            elif name in told:
                if chance < 0.7:
                    shared.goes_by[name] = told.pop(name).slots
            elif chance < 0.7:
                told[name] = shared.answer(name, busy=busy[name], wanted=busy[name] + rng.randrange(30))
            if name in busy:
                if rng.random() < 0.5:
                    busy[name] = max(busy[name], shared.goes_by.get(name, 0))
                if rng.random() < 0.5:
                    busy[name] -= rng.randrange(busy[name] + 1)
        assert sum(busy.values()) <= 20
    shared.now += LEASE_SECONDS
    names = ["x", "y", "z"]
    for _ in range(80):
        shared.now += 0.1
        for name in names:
            shared.tells(name, busy=shared.goes_by.get(name, 0), wanted=50)
    # One slot may be on its way to whoever is first in this turn.
    assert sorted(shared.goes_by[name] for name in names) in ([6, 7, 7], [6, 6, 7])
