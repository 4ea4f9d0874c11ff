"""Adaptive concurrency: what is learned of an endpoint, by a clock that the test moves."""

from __future__ import annotations

import pytest

from conflictscope.llm.traffic.pacing import FIRST, News, Pace

MOST = 64


class Learned:
    """What workers have learned of an endpoint that takes 64 calls at a time."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.now = 1_000_000.0
        self.pace = Pace.restored(None, self.now)

    @property
    def allowed(self) -> int:
        return self.pace.allowed(self.most)

    @property
    def held_for(self) -> float:
        return max(0.0, self.pace.held_until - self.now)

    def round(self) -> int:
        """As many good answers as are allowed."""
        self.hear(News(good=self.allowed))
        return self.allowed

    def hear(self, news: News, *, used_up: bool = True) -> None:
        self.pace.learn(news, self.most, self.now, used_up=used_up)
        self.pace = Pace.restored(self.pace.state(), self.now)  # as another worker reads it


@pytest.fixture
def learned() -> Learned:
    return Learned()


def test_it_starts_small_and_doubles_each_round_up_to_the_most(learned: Learned) -> None:
    assert [learned.allowed, *(learned.round() for _ in range(4))] == [FIRST, 32, 64, 64, 64]


@pytest.mark.parametrize("most", [1, 3])
def test_it_starts_at_the_most_where_that_is_less(most: int) -> None:
    assert Learned(most).allowed == most


def test_it_does_not_grow_while_nobody_uses_what_is_allowed(learned: Learned) -> None:
    learned.hear(News(good=100), used_up=False)
    assert learned.allowed == FIRST


def test_a_burst_of_429s_is_one_cut(learned: Learned) -> None:
    for _ in range(3):
        learned.round()
    learned.hear(News(limits=[None] * 64))
    assert learned.allowed == 51  # 64 × 0.8
    learned.now += 14.9
    learned.hear(News(limits=[None]))
    assert learned.allowed == 51
    learned.now += 0.1
    learned.hear(News(limits=[None]))
    assert learned.allowed == 40


def test_a_longer_retry_after_puts_the_next_cut_off_and_holds_everybody(learned: Learned) -> None:
    learned.hear(News(limits=[30.0, None, 2.0]))
    assert (learned.allowed, learned.held_for) == (12, 30.0)
    learned.now += 20
    learned.hear(News(limits=[None]))
    assert (learned.allowed, learned.held_for) == (12, 10.0)
    learned.now += 10
    learned.hear(News(limits=[None]))
    assert (learned.allowed, learned.held_for) == (10, 0.0)  # 12.8 × 0.8


def test_nobody_is_held_for_an_hour(learned: Learned) -> None:
    learned.hear(News(limits=[3600.0]))
    assert learned.held_for == 120.0


def test_it_never_falls_below_one(learned: Learned) -> None:
    for _ in range(50):
        learned.hear(News(limits=[None]))
        learned.now += 15
    assert learned.allowed == 1
    for _ in range(10):
        learned.round()
    assert learned.allowed > 1


def test_after_a_429_it_grows_by_one_a_round(learned: Learned) -> None:
    learned.round()
    learned.hear(News(limits=[None]))
    assert learned.allowed == 25
    assert learned.round() in (25, 26)
    assert learned.round() in (26, 27)


def test_a_fault_of_the_server_stops_growth_for_a_while_and_cuts_nothing(learned: Learned) -> None:
    learned.hear(News(faults=1, good=5))
    assert learned.round() == FIRST
    learned.now += 15
    assert learned.round() == 2 * FIRST


def test_an_endpoint_whose_most_was_lowered_keeps_to_it_at_once(learned: Learned) -> None:
    learned.round()
    learned.most = 3
    assert learned.allowed == 3


def test_a_clock_that_was_set_back_holds_nobody_off(learned: Learned) -> None:
    learned.hear(News(limits=[60.0], faults=1))
    learned.now -= 10_000
    learned.pace = Pace.restored(learned.pace.state(), learned.now)
    assert learned.held_for == 0
    assert learned.round() > 6
