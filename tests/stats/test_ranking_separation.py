"""Rankings where something has no finite strength, or nothing may be compared."""

import math

import numpy as np
import pytest

from conflictscope.stats.bradley_terry import fit_ranking
from tests.stats.test_bradley_terry import points, simulated, wins


def limits(estimates):
    return [(one.low, one.high) for one in estimates]


def test_values_never_compared_are_ranked_apart(rng):
    tallies = wins(("a", "b", 12, 4), ("c", "d", 10, 5), values=("a", "b", "c", "d"))
    found = fit_ranking(tallies, rng=rng)
    assert found.groups == (("a", "b"), ("c", "d"))
    assert found.reason == ""
    # each group by itself: +- log(3) / 2 and +- log(2) / 2
    assert points(found.strengths) == pytest.approx([np.log(3) / 2, -np.log(3) / 2, np.log(2) / 2, -np.log(2) / 2])
    assert points(found.ranks) == [1, 2, 1, 2]
    assert found.above[0][1] is not None
    assert found.above[0][2] is None
    assert "never compared with each other, and so ranked apart: a, b; c, d" in found.warnings
    assert found.fit.reason == "as many pairs as strengths: any shares fit"


def test_a_group_without_a_finite_fit_does_not_take_the_other_with_it(rng):
    found = fit_ranking(wins(("a", "b", 12, 18), ("c", "d", 0, 9), values=("a", "b", "c", "d", "e")), rng=rng)
    assert points(found.ranks) == [2, 1, None, None, None]
    assert "c never wins" in found.reason
    assert found.strengths[4].reason == "e was in no decided scenario"
    assert found.cut_off == ("c",)


def test_two_values_of_which_one_always_loses_have_the_exact_binomial_bound(rng):
    found = fit_ranking(wins(("a", "b", 0, 30), values=("a", "b")), rng=rng)
    assert points(found.strengths) == [None, None]
    # b wins at least p of the time, where p^30 = 0.05; the bound is the log odds of that
    share = 0.05 ** (1 / 30)
    assert found.relative[1].low == pytest.approx(math.log(share / (1 - share)))
    assert found.relative[1].high is None
    assert found.relative[1].value is None
    assert found.relative[1].conservative
    assert limits(found.rank_sets) == [(2, 2), (1, 1)]


def test_five_unanimous_scenarios_do_not_settle_which_is_first(rng):
    # 0.5^5 = 0.031 is above the 0.025 that each of two comparisons may take
    found = fit_ranking(wins(("a", "b", 0, 5), values=("a", "b")), rng=rng)
    assert limits(found.rank_sets) == [(1, 2), (1, 2)]


def test_a_value_that_never_wins_is_bounded_against_the_others_that_keep_their_strengths(rng):
    values = ("a", "b", "c")
    found = fit_ranking(wins(("a", "b", 0, 30), ("b", "c", 18, 12), ("a", "c", 0, 30), values=values), rng=rng)
    assert points(found.relative[1:]) == pytest.approx([np.log(1.5) / 2, -np.log(1.5) / 2])
    low, high = limits(found.relative)[0]
    assert low is None
    # With u = theta_a - mean(b, c), gap g between b and c: 2 (l_max - l(u)) = 2.706 by a grid search over g
    grid = np.linspace(-1.5, 1.5, 3001)
    apart = 18 * np.log1p(np.exp(-grid)) + 12 * np.log1p(np.exp(grid))
    best = -(18 * np.log1p(np.exp(-np.log(1.5))) + 12 * np.log1p(np.exp(np.log(1.5))))
    profile = max(-apart - 30 * np.log1p(np.exp(high - grid / 2)) - 30 * np.log1p(np.exp(high + grid / 2)))
    assert 2 * (best - profile) == pytest.approx(1.644854**2, abs=1e-3)
    assert limits(found.rank_sets)[0] == (3, 3)
    assert found.reason.startswith("no finite maximum likelihood fit: a never wins")


def test_one_sided_bounds_hold_at_least_as_often_as_they_say():
    """A value that wins one time in thirty or so: where it never wins, its true distance lies below the bound."""
    rng = np.random.default_rng(3)
    theta = np.array([-2.6, 1.3, 1.3])
    held = tried = 0
    for _ in range(150):
        found = fit_ranking(simulated(theta, scenarios=12, rng=rng), rng=rng, interval="sandwich", resamples=20)
        if found.cut_off == ("v0",) and len(found.groups[0]) == 3 and found.relative[0].high is not None:
            tried += 1
            held += theta[0] - theta[1:].mean() <= found.relative[0].high
    assert tried > 50
    assert held / tried >= 0.93


def test_a_unanimous_cycle_has_no_limits_rather_than_none_wide(rng):
    cycle = wins(("a", "b", 10, 0), ("b", "c", 10, 0), ("a", "c", 0, 10), values=("a", "b", "c"))
    found = fit_ranking(cycle, rng=rng)
    assert points(found.strengths) == pytest.approx([0, 0, 0], abs=1e-12)
    assert limits(found.strengths) == [(None, None)] * 3
    assert limits(found.ranks) == [(None, None)] * 3
    assert all("all decided alike" in one.warning for one in found.strengths)
    assert limits(found.rank_sets) == [(1, 3)] * 3
    assert found.above == ((None,) * 3,) * 3


class TestRankSets:
    def test_clear_differences_leave_one_rank_each(self, rng):
        found = fit_ranking(simulated([3.0, 0.0, -3.0], scenarios=200, rng=rng), rng=rng)
        assert limits(found.rank_sets) == [(1, 1), (2, 2), (3, 3)]
        assert points(found.rank_sets) == [1, 2, 3]

    def test_equal_strengths_may_have_any_rank(self, rng):
        found = fit_ranking(simulated([0.0, 0.0, 0.0, 0.0], scenarios=10, rng=rng), rng=rng)
        assert all(one.low <= one.value <= one.high for one in found.rank_sets)
        assert all(one.high - one.low >= 2 for one in found.rank_sets)

    def test_they_are_no_narrower_than_the_percentiles_of_ranks(self, rng):
        found = fit_ranking(simulated([0.4, 0.1, -0.1, -0.4], scenarios=30, rng=rng), rng=rng)
        for wide, narrow in zip(found.rank_sets, found.ranks, strict=True):
            assert wide.low <= narrow.low
            assert narrow.high <= wide.high

    def test_a_chain_of_unanimous_wins_is_in_order(self, rng):
        values = ("a", "b", "c")
        found = fit_ranking(wins(("a", "b", 15, 0), ("b", "c", 15, 0), ("a", "c", 15, 0), values=values), rng=rng)
        assert points(found.strengths) == [None] * 3
        assert limits(found.rank_sets) == [(1, 1), (2, 2), (3, 3)]
