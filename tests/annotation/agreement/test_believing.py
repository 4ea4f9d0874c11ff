"""Simulated judges of known kinds: the sentence of a passport says of each what it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from annotation.agreement.believing import Believed, Level, believed
from conflictscope.stats.alternative import alternative_annotator_test
from conflictscope.stats.consensus import plurality, votes_of
from conflictscope.stats.consistency import PositionConsistency, drift, position_consistency, self_consistency
from conflictscope.stats.intervals import ratio
from conflictscope.stats.panels import one_against_one

CHOICES = ("action_1", "action_2", "both", "neither")
Codes = NDArray[np.int8]


def noisy(truth: Codes, right: float, rng: np.random.Generator) -> Codes:
    """Answers that are right so often, and the other action otherwise."""
    return np.where(rng.random(truth.shape) < right, truth, 1 - truth).astype(np.int8)


def passport(judge: Codes, people: Codes, *, unread: float = 0.0, **itself: object) -> Believed:
    rng = np.random.default_rng(3)
    n = len(judge)
    majority = plurality(votes_of(people, 4)).answer
    return believed(
        one_against_one(judge, people, categories=CHOICES, rng=rng, resamples=300),
        replaces=alternative_annotator_test(judge, people, raters=["a", "b", "c"], categories=CHOICES, epsilon=0.15),
        lean=drift(majority, judge, categories=CHOICES, rng=rng, resamples=300),
        unread=ratio(np.arange(n) < unread * n, np.ones(n)),
        said=lambda answer: answer.replace("_", " "),
        **{"position": None, **itself},  # type: ignore[arg-type]
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(15)


def world(rng: np.random.Generator, n: int = 600) -> tuple[Codes, Codes]:
    """What is true of n responses, and three people who are right nine times in ten."""
    truth = (rng.random(n) < 0.5).astype(np.int8)
    return truth, np.stack([noisy(truth, 0.9, rng) for _ in range(3)], axis=1)


def in_both_orders(first: Codes, second: Codes) -> PositionConsistency:
    rng = np.random.default_rng(4)
    return position_consistency(first, second, categories=CHOICES, options=CHOICES[:2], rng=rng, resamples=300)


def test_a_good_judge_is_believed(rng):
    truth, people = world(rng)
    said = passport(noisy(truth, 0.9, rng), people)
    assert (said.level, said.against) == (Level.BELIEVED, ())
    assert "as they agree with each other" in said.words
    assert "may replace one" in said.words


def test_a_careless_judge_agrees_less_than_people_do(rng):
    truth, people = world(rng)
    said = passport(noisy(truth, 0.7, rng), people)
    assert said.level is Level.NOT_BELIEVED
    assert "less than people do with each other" in said.words


def test_a_judge_that_leans_is_told_by_what_it_says_too_often(rng):
    truth, people = world(rng)
    judge = np.where((truth == 1) & (rng.random(len(truth)) < 0.15), 0, truth).astype(np.int8)
    said = passport(judge, people)
    assert said.level is Level.DOUBTED
    assert "it says “action 1”" in said.words


def test_a_judge_that_follows_the_place_is_told_so_though_it_agrees(rng):
    truth, people = world(rng)
    follows = rng.random(len(truth)) < 0.25
    first = np.where(follows, 0, truth).astype(np.int8)  # action 1 stands first
    second = np.where(follows, 1, truth).astype(np.int8)
    said = passport(noisy(truth, 0.9, rng), people, position=in_both_orders(first, second))
    assert said.level is Level.DOUBTED
    assert "follows the first place" in said.words
    backwards = passport(noisy(truth, 0.9, rng), people, position=in_both_orders(second, first))
    assert "follows the last place" in backwards.words


def test_a_judge_that_changes_its_mind_or_drifts_is_told_so(rng):
    truth, people = world(rng)
    judge = noisy(truth, 0.9, rng)
    samples = np.stack([noisy(judge, 0.85, rng), noisy(judge, 0.85, rng)], axis=1)
    again = self_consistency(samples, categories=CHOICES, rng=rng, resamples=300)
    assert "asked again, it gives the same answer" in passport(judge, people, consistency=again).words
    later = np.where(rng.random(len(judge)) < 0.1, 0, judge).astype(np.int8)
    moved = drift(judge, later, categories=CHOICES, rng=rng, resamples=300)
    assert "have drifted" in passport(judge, people, drifted=moved).words


def test_what_could_not_be_read_is_held_against_it(rng):
    truth, people = world(rng)
    assert "20% of its replies could not be read" in passport(noisy(truth, 0.9, rng), people, unread=0.2).words


def test_few_labels_say_how_many_more_would_tell(rng):
    truth, people = world(rng, n=40)
    said = passport(noisy(truth, 0.85, rng), people)
    assert said.level is Level.UNKNOWN
    assert "more scenarios would give ± 0.1" in said.words


def test_nobody_can_agree_with_people_who_do_not_agree(rng):
    truth, _ = world(rng)
    people = (rng.random((len(truth), 3)) < 0.5).astype(np.int8)
    assert "People hardly agree with each other" in passport(truth, people).words
