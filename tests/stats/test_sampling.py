"""Samples with known chances, and how many items a wanted interval needs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from conflictscope.stats.sampling import (
    items_for_kappa,
    items_for_share,
    kappa_variance,
    proportional,
    systematic,
)

SIZES = st.lists(st.floats(0.1, 20), min_size=1, max_size=60)


@given(SIZES, st.floats(0, 1), st.floats(0, 1))
def test_probabilities_add_up_and_keep_floor_and_order(sizes, part, floor):
    total = part * len(sizes)
    chance = proportional(sizes, total, floor=floor)
    assert chance.sum() == pytest.approx(total, abs=1e-6)
    assert np.all(chance <= 1)
    assert np.all(chance >= floor * part - 1e-9)
    order = np.argsort(sizes)
    assert np.all(np.diff(chance[order]) >= -1e-12)


def test_probabilities_are_in_proportion_where_neither_floor_nor_one_is_reached():
    assert proportional([1, 2, 3], 1.2) == pytest.approx([0.2, 0.4, 0.6])
    # 4 * 10/13 would be 3.1: the large one is certain, and the other three share what is left.
    assert proportional([1, 1, 1, 10], 2.5) == pytest.approx([0.5, 0.5, 0.5, 1])
    # The floor is half of 1/4; the large one gives up what the small ones get.
    assert proportional([1, 1, 1, 97], 1, floor=0.5) == pytest.approx([0.125, 0.125, 0.125, 0.625])


@given(SIZES, st.floats(0, 1), st.integers(0, 10_000))
def test_the_number_drawn_is_the_sum_of_the_chances_to_within_one(sizes, part, seed):
    chance = proportional(sizes, part * len(sizes))
    drawn = systematic(chance, rng=np.random.default_rng(seed))
    assert len(set(drawn.tolist())) == len(drawn)
    assert abs(len(drawn) - chance.sum()) < 1 + 1e-6
    whole = proportional(sizes, len(sizes) // 2)
    assert len(systematic(whole, rng=np.random.default_rng(seed))) == len(sizes) // 2


def test_each_unit_is_drawn_with_exactly_its_own_chance():
    chance = np.array([0.05, 0.9, 0.3, 1.0, 0.25, 0.5, 0.0])
    draws = 20_000
    times = np.zeros(len(chance))
    rng = np.random.default_rng(4)
    for _ in range(draws):
        times[systematic(chance, rng=rng)] += 1
    tolerance = 5 * np.sqrt(chance * (1 - chance) / draws)
    assert np.all(np.abs(times / draws - chance) <= tolerance)


@pytest.mark.parametrize(("prevalence", "items"), [(0.5, 237), (0.7, 285), (0.8, 378), (0.9, 681)])
def test_the_published_table_of_items_for_a_kappa_of_0_62_to_within_0_10(prevalence, items):
    """The table takes z as 1.96; with all its digits one of the four needs an item less (376.99 against 377.003)."""
    assert math.ceil(kappa_variance(0.62, prevalence) * (1.96 / 0.10) ** 2) == items
    assert items_for_kappa(0.62, prevalence, 0.10) in (items, items - 1)


@pytest.mark.parametrize(("kappa", "prevalence"), [(0.62, 0.8), (0.3, 0.5), (0.0, 0.4)])
def test_the_variance_is_that_of_statsmodels_for_a_table_of_that_kappa_and_prevalence(kappa, prevalence):
    n, both = 1000.0, (1 - kappa) * prevalence * (1 - prevalence)
    table = n * np.array([[prevalence - both, both], [both, 1 - prevalence - both]])
    stands = cohens_kappa(table)
    assert stands.kappa == pytest.approx(kappa)
    assert kappa_variance(kappa, prevalence) == pytest.approx(n * stands.var_kappa)


def test_items_for_a_share_are_those_of_the_normal_approximation():
    # 1.96² · 0.8 · 0.2 / 0.1² = 61.5
    assert items_for_share(0.8, 0.1) == 62
    assert items_for_share(1.0, 0.1) == 1


def test_what_cannot_be_planned_is_refused_by_name():
    with pytest.raises(ValueError, match="prevalence"):
        items_for_kappa(0.6, 1.0, 0.1)
    with pytest.raises(ValueError, match="half-width"):
        items_for_kappa(0.6, 0.5, 0)
    with pytest.raises(ValueError, match="kappa cannot be"):
        items_for_kappa(-0.9, 0.9, 0.1)
    with pytest.raises(ValueError, match="cannot spread 3 over 2"):
        proportional([1, 1], 3)
    with pytest.raises(ValueError, match="above 0"):
        proportional([1, 0], 1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        systematic([0.5, 1.5], rng=np.random.default_rng(0))
