"""Signals of people's work: by hand where it can be done, and on simulated people of known kinds."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from conflictscope.stats.labels import MISSING
from conflictscope.stats.signals import alike_pairs, copied_comments, signals_of
from conflictscope.stats.signals.answers import entropy, falling_off, matching, same_sheet, side_share
from conflictscope.stats.signals.marking import Signal
from conflictscope.stats.signals.timing import impossible, irregularity, median_interval, without_signs

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from signals import simulated

A, B = 0, 1


def codes(*answers: int) -> np.ndarray:
    return np.array(answers, dtype=np.int8)


def test_agreement_beyond_chance_is_cohens_kappa_where_one_question_is_asked() -> None:
    """Ten items: same on 8, both say A on 6, I say A on 7 and they on 7. p_o = 0.8, p_e = 0.49 + 0.09 = 0.58, kappa = 0.22/0.42."""
    mine = codes(*[A] * 6, A, B, B, B)
    theirs = codes(*[A] * 6, B, A, B, B)
    found = matching({"q": mine}, {"q": theirs}, np.arange(10))
    assert found.share.value == pytest.approx(0.8)
    assert found.chance == pytest.approx(0.58)
    assert found.beyond.value == pytest.approx(0.22 / 0.42)
    assert found.beyond.low < found.beyond.value < found.beyond.high


def test_chance_is_worked_out_within_each_question() -> None:
    """Always A to the first and always B to the second question, as everybody does: nothing is beyond chance."""
    found = matching(
        {"p": codes(*[A] * 8), "q": codes(*[B] * 8)}, {"p": codes(*[A] * 8), "q": codes(*[B] * 8)}, np.arange(8)
    )
    assert found.share.value == 1
    assert not found.beyond.defined
    assert "chance alone" in found.beyond.reason


def test_of_ten_items_that_all_agree_no_interval_is_told() -> None:
    """Ten of ten is no proof of full agreement: the share has exact limits, and kappa none."""
    both = codes(*[A] * 5, *[B] * 5)
    found = matching({"q": both}, {"q": both}, np.arange(10))
    assert (found.beyond.value, found.beyond.low) == (1, None)
    assert found.share.low < 0.75


def test_answers_to_one_scenario_are_one_unit() -> None:
    """The same answers twice, as two responses of each scenario, tell no more than once."""
    rng = np.random.default_rng(3)
    mine, theirs = (rng.integers(0, 2, 40).astype(np.int8) for _ in range(2))
    once = matching({"q": mine}, {"q": theirs}, np.arange(40))
    twice = matching({"q": np.tile(mine, 2)}, {"q": np.tile(theirs, 2)}, np.tile(np.arange(40), 2))
    assert twice.beyond.n == once.beyond.n == 40
    assert twice.beyond.high == pytest.approx(once.beyond.high, abs=1e-9)


def test_nothing_to_compare_is_said() -> None:
    found = matching({"q": codes(A, B)}, {"q": codes(MISSING, MISSING)}, np.arange(2))
    assert not found.share.defined
    assert found.chance is None


def test_the_share_of_a_goes_by_what_was_shown_as_a() -> None:
    assert side_share({"q": codes(1, 1, 1, 0, MISSING)}, np.arange(5)).value == pytest.approx(0.75)
    assert not side_share({}, np.arange(5)).defined


def test_the_commonest_sheet() -> None:
    found = same_sheet([(1, 1), (1, 1), (1, 1), (0, 1), (0, 0)])
    assert found.value == pytest.approx(0.6)


def test_the_entropy_of_an_even_coin_is_one_bit() -> None:
    """Miller's correction adds (k - 1) / (2 n ln 2) = 1 / (200 ln 2)."""
    found = entropy({"q": codes(*[A] * 50, *[B] * 50)})
    assert found.value == pytest.approx(1 + 1 / (200 * math.log(2)))
    assert entropy({"q": codes(*[A] * 20)}).value == 0


def test_one_answer_on_few_sheets_tells_little_of_entropy() -> None:
    """An answer of a rate of 1 - 0.025^(1/20) = 0.168 is not seen on 20 sheets once in forty: its entropy is 0.654 bits."""
    found = entropy({"q": codes(*[A] * 20), "r": codes(*[A] * 20)})
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.654, abs=0.001)


def test_work_that_falls_off_is_found_where_it_does() -> None:
    rng = np.random.default_rng(1)
    good, bad = rng.binomial(8, 0.9, 20) / 8, rng.binomial(8, 0.5, 30) / 8
    found = falling_off(np.concatenate([good, bad]), rng=rng)
    assert abs(found.first - 20) <= 3
    assert found.p_value <= 0.005
    assert falling_off(good, rng=rng).p_value > 0.005
    assert falling_off(good[:5], rng=rng).p_value is None


def test_limits_of_a_median_are_order_statistics() -> None:
    """Of 10 values the 2nd and the 9th: P(Binomial(10, 1/2) <= 1) = 11/1024 = 0.011 < 0.025, and of 2 it is 0.055."""
    found = median_interval(np.arange(1, 11, dtype=float))
    assert (found.low, found.value, found.high) == (2.0, 5.5, 9.0)
    assert median_interval(np.arange(5, dtype=float)).warning


def test_nobody_skims_three_hundred_words_in_five_seconds() -> None:
    found = impossible(np.array([5.0, 60.0, np.nan, 21.0]), np.full(4, 300.0), 2)
    assert found.value == pytest.approx(1 / 3)  # 300 words / 15 + 2 * 0.25 s = 20.5 s are needed
    assert not impossible(np.array([np.nan]), np.array([100.0]), 8).defined


def test_times_of_people_scatter_and_those_of_a_clock_do_not() -> None:
    rng = np.random.default_rng(2)
    words = rng.uniform(80, 300, 60)
    person = irregularity(words / 4 * np.exp(rng.normal(0, 0.5, 60)), words)
    clock = irregularity(words / 4 * np.exp(rng.normal(0, 0.03, 60)), words)
    assert person.low < 0.5 < person.high
    assert clock.high < 0.15
    assert irregularity(np.full(20, 3.0), np.full(20, 100.0)).value == 0


def test_a_page_that_saw_nothing() -> None:
    assert without_signs(np.array([0.0, 0.0, 12.0, np.nan])).value == pytest.approx(2 / 3)
    assert not without_signs(np.array([np.nan])).defined


def test_comments_that_are_copied() -> None:
    """Case, digits and punctuation are nothing; what is short is the same by chance."""
    same = "The second action helps nobody at all here."
    found = copied_comments(
        [(0, 1, same), (0, 2, f"{same.upper()}!! 7"), (1, 2, same), (1, 3, "Not sure."), (1, 4, "Not sure.")], 3
    )
    assert (found[0].written, found[0].repeated, found[0].shared) == (2, 1, 2)
    assert (found[1].written, found[1].repeated, found[1].shared) == (1, 0, 1)
    assert found[2].written == 0


def test_people_of_known_kinds_are_found_and_the_honest_are_left_alone() -> None:
    """Three of the campaigns of `benchmarks/signals.py`, which does this two hundred times."""
    honest_marked = people = 0
    for seed in range(3):
        kinds, sheets = simulated(
            seed, honest=12, items=300, overlap=3, gold=0.1, faulty=("random", "careless", "always_a", "agent")
        )
        found = signals_of(sheets, rng=np.random.default_rng(seed), pairs=alike_pairs(sheets), exchanges=299)
        by_kind = {
            kind: {mark.signal for mark in person.marks}
            for kind, person in zip(kinds, found, strict=True)
            if kind != "honest"
        }
        assert Signal.AGREEMENT in by_kind["random"] or Signal.IMPOSSIBLE in by_kind["random"]
        assert Signal.FALLING_OFF in by_kind["careless"]
        assert {Signal.SIDE, Signal.SAME_SHEET} <= by_kind["always_a"]
        assert {Signal.REGULAR, Signal.NO_SIGNS} <= by_kind["agent"]
        honest = [person for kind, person in zip(kinds, found, strict=True) if kind == "honest"]
        people += len(honest)
        honest_marked += sum(bool(person.marks) for person in honest)
    assert honest_marked <= 0.06 * people


def test_two_who_copy_are_named_and_two_who_are_merely_good_are_not() -> None:
    rng = np.random.default_rng(8)
    items, people = 120, 8
    truth = rng.integers(0, 2, (items, 4))
    skill = np.array([0.85, 0.85, 0.99, 0.99, 0.85, 0.8, 0.8, 0.9])
    right = rng.random((items, people, 4)) < skill[None, :, None]
    answers = np.where(right, truth[:, None, :], 1 - truth[:, None, :]).astype(np.int8)
    answers[:, 1] = answers[:, 0]  # the second copies the first; the third and fourth only know what is right
    _, example = simulated(0, honest=people, items=items, overlap=2, gold=0, faulty=())
    sheets = type(example)(
        codes={str(k): np.ascontiguousarray(answers[:, :, k]) for k in range(4)},
        sizes={str(k): 2 for k in range(4)},
        seconds=np.full((items, people), 60.0),
        words=np.full(items, 100.0),
        turn=np.tile(np.arange(items)[:, None], (1, people)),
        clusters=np.arange(items),
    )
    assert [(pair.first, pair.second) for pair in alike_pairs(sheets)] == [(0, 1)]
