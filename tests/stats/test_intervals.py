"""Shares, means and ratios with their intervals."""

import math

import numpy as np
import pytest
from scipy.stats import t
from statsmodels.stats.proportion import proportion_confint

from conflictscope.stats.intervals import mean_interval, percentiles, ratio, ratio_se, wilson
from conflictscope.stats.types import Estimate


def test_wilson_agrees_with_its_formula():
    # centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p q / n + z^2 / 4n^2) / (1 + z^2/n); p = 0.3, n = 10
    z = 1.959963984540054
    centre = (0.3 + z**2 / 20) / (1 + z**2 / 10)
    half = z * math.sqrt(0.3 * 0.7 / 10 + z**2 / 400) / (1 + z**2 / 10)
    found = wilson(3, 10)
    assert (found.value, found.n) == (0.3, 10)
    assert found.low == pytest.approx(centre - half, abs=1e-12)
    assert found.high == pytest.approx(centre + half, abs=1e-12)


def test_wilson_of_nothing_says_that_nothing_was_counted():
    assert wilson(0, 0) == Estimate.undefined("nothing was counted")


@pytest.mark.parametrize(("successes", "total"), [(-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(successes, total):
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, total)


def test_wilson_stays_inside_zero_and_one():
    assert wilson(0, 5).low == pytest.approx(0, abs=1e-12)
    assert wilson(5, 5).high == pytest.approx(1, abs=1e-12)


def test_ratio_with_one_trial_a_scenario_is_wilson():
    """One decided trial in each scenario: clusters are trials, and nothing is left of the clustering."""
    found = ratio([1, 1, 0, 0, 0, 1, 1, 1, 1, 0], np.ones(10))
    plain = wilson(6, 10)
    assert (found.value, found.n) == (plain.value, plain.n)
    assert found.low == pytest.approx(plain.low, abs=1e-12)
    assert found.high == pytest.approx(plain.high, abs=1e-12)


def test_ratio_standard_error_by_hand():
    # y = (1, 0, 1/2), d = (1, 1, 1/2): p = 1.5 / 2.5 = 0.6, mean d = 5/6
    # u = (0.4, -0.6, 0.2) * 6/5 = (0.48, -0.72, 0.24); sum u^2 = 0.2304 + 0.5184 + 0.0576 = 0.8064; over 3 * 2
    assert ratio_se([1, 0, 0.5], [1, 1, 0.5]) == pytest.approx(math.sqrt(0.8064 / 6), abs=1e-12)


def test_undecided_scenarios_belong_to_the_sample_of_a_ratio():
    """A scenario with nothing decided changes the standard error, not the share."""
    with_blank, without = ratio_se([1, 0, 1, 0], [1, 1, 1, 0]), ratio_se([1, 0, 1], [1, 1, 1])
    assert ratio([1, 0, 1, 0], [1, 1, 1, 0]).value == pytest.approx(2 / 3)
    # with n = 4: u = (1/3, -2/3, 1/3, 0) / (3/4); sum u^2 = (6/9) (16/9) = 32/27; over 12
    assert with_blank == pytest.approx(math.sqrt(32 / 27 / 12), abs=1e-12)
    assert without == pytest.approx(math.sqrt(6 / 9 / 6), abs=1e-12)


def student(n):
    """(z / t)^2 with n - 1 degrees of freedom: what an effective size is worth whose variance is estimated from n."""
    return (1.959963984540054 / t.ppf(0.975, n - 1)) ** 2


def test_ratio_counts_scenarios_not_trials_where_trials_of_a_scenario_agree():
    """Four trials a scenario that always agree are worth one, less what estimating that costs."""
    wins = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    found = ratio(wins, np.ones(10), decided=np.full(10, 4))
    share, effective = 0.4, 10 * student(10)
    low, high = proportion_confint(share * effective, effective, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))
    assert found.conservative


def test_ratio_has_an_interval_where_every_scenario_is_split():
    """Pure position bias: each scenario one win for each side, so no variance between scenarios is seen."""
    found = ratio(np.full(10, 0.5), np.ones(10), decided=np.full(10, 2))
    assert found.value == 0.5
    effective = 20 * student(10)
    assert found.low == pytest.approx(proportion_confint(effective / 2, effective, method="wilson")[0], abs=1e-12)


def test_ratio_without_wins_has_the_exact_limit_of_the_number_of_scenarios():
    found = ratio(np.zeros(6), np.ones(6), decided=np.full(6, 4))
    assert (found.value, found.low) == (0, 0)
    # none of six: (1 - p)^6 = 0.025
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 6), abs=1e-12)
    assert found.conservative


def test_ratio_near_one_is_exact_and_marked():
    """19 of 20: Clopper-Pearson, 0.7513 to 0.9987 in every table of exact limits."""
    found = ratio([1.0] * 19 + [0.0], np.ones(20))
    assert (found.low, found.high) == (pytest.approx(0.7513, abs=1e-4), pytest.approx(0.9987, abs=1e-4))
    assert found.conservative
    assert not ratio([1.0] * 12 + [0.0] * 8, np.ones(20)).conservative


@pytest.mark.parametrize(("share", "trials"), [(0.95, 1), (0.95, 4), (0.99, 1), (0.99, 4)])
def test_ratio_interval_covers_near_one(share, trials):
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(800):
        wins = rng.binomial(trials, share, size=20)
        found = ratio(wins / trials, np.ones(20), decided=np.full(20, trials))
        covered += found.low <= share <= found.high <= 1
    assert covered / 800 >= 0.935


def test_ratio_says_why_it_is_undefined_or_has_no_interval():
    nothing = ratio([0, 0], [0, 0])
    assert nothing.value is None
    assert nothing.reason == "no trial was decided"
    single = ratio([1], [1])
    assert (single.value, single.low, single.high) == (1, None, None)
    assert "no interval" in single.warning


def test_ratio_refuses_wins_above_decided():
    with pytest.raises(ValueError, match="between 0 and d"):
        ratio([1.5], [1])


def test_mean_interval_by_hand():
    # (1, 2, 3, 4): mean 2.5, sd sqrt(5/3), half width 1.96 sqrt(5/3) / 2
    found = mean_interval([1, 2, 3, 4])
    assert found.value == 2.5
    assert found.high - found.value == pytest.approx(1.959964 * math.sqrt(5 / 3) / 2, abs=1e-6)
    assert found.warning.startswith("4 units only")


def test_mean_interval_of_one_or_no_unit():
    assert mean_interval([]).reason == "nothing was counted"
    assert mean_interval([0.4]).warning == "one unit only: no interval"


def test_percentiles_leave_undefined_replicates_out():
    samples = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    low, high = percentiles(samples, level=0.5)
    assert (low[0], high[0]) == (1.5, 2.5)
    assert np.isnan(low[1])
    assert np.isnan(high[1])


@pytest.mark.parametrize(("trials", "spread"), [(1, 0.0), (4, 1.0)])
def test_ratio_interval_covers_the_truth(trials, spread):
    """1000 simulated pairs of 15 scenarios, 15 % undecided, scenarios that differ: about 95 % contain the truth."""
    rng = np.random.default_rng(5)
    truth = (1 / (1 + np.exp(-0.8 - spread * rng.normal(size=200_000)))).mean()
    covered = 0
    for _ in range(1000):
        chance = 1 / (1 + np.exp(-0.8 - spread * rng.normal(size=15)))
        decided = rng.binomial(trials, 0.85, size=15)
        wins = rng.binomial(decided, chance)
        found = ratio(wins / trials, decided / trials, decided=decided)
        covered += found.low <= truth <= found.high
    assert 0.925 <= covered / 1000 <= 0.98


def test_an_estimate_without_a_value_must_say_why():
    with pytest.raises(ValueError, match="say why"):
        Estimate(None)


def test_results_turn_into_what_json_can_hold():
    estimate = Estimate(0.5, float("nan"), 1.0, n=3)
    assert estimate.as_dict() == {
        "value": 0.5,
        "low": None,
        "high": 1.0,
        "n": 3,
        "reason": "",
        "warning": "",
        "level": 0.95,
        "conservative": False,
    }
