"""When to stop labelling, and how many labels to plan."""

import math

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from conflictscope.stats import tables
from conflictscope.stats.planning import (
    design_effect,
    expected_table,
    more_scenarios,
    needed_for_width,
    needed_to_show,
    power_to_show,
)
from conflictscope.stats.stopping import at_width, confidence_sequence, decided, finished, first_narrow, running
from conflictscope.stats.types import Estimate


def served(n, *, rng, kappa=0.6, prevalence=0.5, runs=None):
    """Tables of scenarios with one item each, in serving order."""
    cells = rng.choice(4, size=(n,) if runs is None else (runs, n), p=expected_table(kappa, prevalence).reshape(-1))
    return np.eye(4)[cells].reshape(*cells.shape, 2, 2)


# Running figures


def test_the_running_figure_is_that_of_the_labels_until_then(rng):
    given = served(120, rng=rng)
    run = running(given, tables.kappa)
    for n in (60, 120):
        reference = cohens_kappa(given[:n].sum(axis=0))
        assert run.value[n - 1] == pytest.approx(reference.kappa)
        assert run.error[n - 1] == pytest.approx(reference.std_kappa * math.sqrt(n / (n - 1)))
    assert run.disagreeing[-1] == given.sum(axis=0)[0, 1] + given.sum(axis=0)[1, 0]


def test_many_runs_at_once_are_the_runs_one_by_one(rng):
    given = served(90, rng=rng, runs=3)
    together = running(given, tables.kappa)
    for k in range(3):
        alone = running(given[k], tables.kappa)
        for name in ("value", "error", "rare", "disagreeing"):
            assert np.allclose(getattr(together, name)[k], getattr(alone, name), equal_nan=True), name


def test_scenarios_count_up_to_the_first_unfinished_one():
    assert finished([True, True, False, True]) == 2
    assert finished([True, True]) == 2
    assert finished([]) == 0


# The width rule


def test_it_stops_at_the_first_scenario_at_which_the_widened_interval_is_narrow_enough(rng):
    run = running(served(600, rng=rng), tables.kappa)
    stop = at_width(run, 0.10)
    half = 1.959964 * run.error * 1.1
    n = stop.scenarios
    assert stop.stopped
    assert half[n - 1] <= 0.10 < half[n - 2]
    assert (stop.value, stop.half_width) == (pytest.approx(run.value[n - 1]), 0.10)
    # What comes after does not change where it stopped.
    assert at_width(running(served(600, rng=np.random.default_rng(0))[:n], tables.kappa), 0.10).scenarios <= n


def test_it_does_not_stop_before_fifty_ten_rarer_answers_and_five_disagreements():
    passes = np.eye(4)[np.zeros(200, dtype=int)].reshape(-1, 2, 2)
    none = at_width(running(passes, tables.raw_agreement), 0.5)
    assert not none.stopped
    assert "10 more with the rarer answer, 5 more with a disagreement" in none.reason
    few = at_width(running(passes[:20], tables.raw_agreement), 0.5)
    assert few.reason.startswith("at least 30 more scenarios")
    agreed = np.eye(4)[np.arange(200) % 2 * 3].reshape(-1, 2, 2)
    assert "5 more with a disagreement" in at_width(running(agreed, tables.kappa), 0.5).reason
    assert at_width(running(np.zeros((0, 2, 2)), tables.kappa), 0.1).scenarios == 0


def test_a_wide_interval_says_so(rng):
    stop = at_width(running(served(80, rng=rng), tables.kappa), 0.02)
    assert (stop.stopped, stop.scenarios, stop.reason) == (False, 80, "the interval is still too wide")
    assert stop.half_width > 0.02


def test_at_its_stopping_moment_the_width_rule_covers():
    """600 runs at kappa 0.6, prevalence 0.8, a half-width of 0.15."""
    rng = np.random.default_rng(2)
    run = running(served(400, rng=rng, prevalence=0.8, runs=600), tables.kappa)
    at = first_narrow(run, 0.15)
    assert (at >= 0).all()
    value = run.value[np.arange(600), at]
    assert 0.925 <= np.mean(np.abs(value - 0.6) <= 0.15) <= 0.985


# The confidence sequence


def test_the_sequence_is_155_hundredths_as_wide_as_a_plain_interval_where_it_is_expected_to_end(rng):
    run = running(served(500, rng=rng), tables.kappa)
    low, high = confidence_sequence(run, expected=400)
    wide = (high - low)[399] / (2 * 1.959964 * run.error[399])
    assert wide == pytest.approx(1.55, abs=0.005)
    assert np.isnan(low[:49]).all()
    # rho^2 = 7.94 / n* is where it is narrowest, to the digits given
    assert -2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1) == pytest.approx(7.94, abs=0.005)


def test_a_decision_is_taken_once_and_stays(rng):
    run = running(served(800, rng=rng, kappa=0.8), tables.kappa)
    found = decided(run, 0.5, expected=200)
    assert found.above is True
    assert found.low > 0.5
    assert found.scenarios < 800
    other = decided(run, 0.95, expected=200)
    assert (other.above, other.high < 0.95) == (False, True)
    open_still = decided(run, 0.8, expected=200)
    assert (open_still.above, open_still.scenarios) == (None, 800)
    assert decided(running(np.zeros((0, 2, 2)), tables.kappa), 0.5, expected=10).scenarios == 0


def test_bad_rules_are_refused_in_words(rng):
    run = running(served(60, rng=rng), tables.kappa)
    with pytest.raises(ValueError, match="half-width"):
        at_width(run, 0)
    with pytest.raises(ValueError, match="expected number"):
        confidence_sequence(run, expected=0)
    with pytest.raises(ValueError, match="shape"):
        running(np.zeros((5, 2)), tables.kappa)
    several = running(served(60, rng=rng, runs=2), tables.kappa)
    with pytest.raises(ValueError, match="one run"):
        at_width(several, 0.1)
    with pytest.raises(ValueError, match="one run"):
        decided(several, 0.1, expected=50)


# Planning


@pytest.mark.parametrize(("prevalence", "items"), [(0.5, 237), (0.7, 285), (0.8, 378), (0.9, 681)])
def test_published_numbers_of_items_for_a_kappa_of_0_62_to_within_0_10(prevalence, items):
    """With all digits of z one of the four needs an item less (376.99 against 377.003)."""
    needed = needed_for_width("kappa", 0.10, kappa=0.62, prevalence=prevalence)
    assert needed.items in (items, items - 1)
    assert needed.scenarios == needed.items


def test_several_responses_of_a_scenario_need_more_items_and_fewer_scenarios():
    alone = needed_for_width("kappa", 0.10, kappa=0.62, prevalence=0.5)
    four = needed_for_width("kappa", 0.10, kappa=0.62, prevalence=0.5, per_scenario=4, correlation=0.2)
    assert four.design_effect == pytest.approx(1.6)
    assert four.items == pytest.approx(alone.items * 1.6, abs=1.6)
    assert four.scenarios == math.ceil(four.items / 4) < alone.scenarios
    assert design_effect(17, 1) == 17


def test_shares_need_what_a_binomial_needs():
    # kappa 0.6, prevalence 0.5: raw agreement 0.8; precision 0.8 of half of the items: 1.96^2 x 0.16 / 0.01 = 61.5, twice
    assert needed_for_width("raw", 0.10, kappa=0.6, prevalence=0.5).items == 62
    assert needed_for_width("precision", 0.10, kappa=0.6, prevalence=0.5).items == 123
    assert needed_for_width("recall", 0.10, kappa=0.6, prevalence=0.5).items == 123


def test_power_is_what_the_number_of_items_was_asked_for():
    needed = needed_to_show(0.7, 0.5, prevalence=0.7, power=0.8)
    assert power_to_show(0.7, 0.5, needed.items, prevalence=0.7) == pytest.approx(0.8, abs=0.005)
    assert power_to_show(0.7, 0.5, needed.items - 2, prevalence=0.7) < 0.8
    clustered = needed_to_show(0.7, 0.5, prevalence=0.7, per_scenario=3, correlation=0.25)
    assert clustered.items == pytest.approx(needed.items * 1.5, abs=2)


def test_the_power_is_reached_in_simulation(rng):
    n = needed_to_show(0.7, 0.5, prevalence=0.7, power=0.8).items
    run = running(served(n, rng=rng, kappa=0.7, prevalence=0.7, runs=2000), tables.kappa)
    shown = (run.value[:, -1] - 0.5) / run.error[:, -1] > 1.6449
    assert np.mean(shown) == pytest.approx(0.8, abs=0.05)


def test_further_scenarios_follow_from_the_measured_width():
    # Half as wide needs four times as many.
    assert more_scenarios(Estimate(0.6, 0.4, 0.8, n=100), 100, 0.1) == 300
    assert more_scenarios(Estimate(0.6, 0.55, 0.65, n=100), 100, 0.1) == 0
    assert more_scenarios(Estimate(0.6, n=100), 100, 0.1) is None


def test_what_cannot_be_planned_is_refused_by_name():
    with pytest.raises(ValueError, match="the figure is one of raw, kappa"):
        needed_for_width("f1", 0.1, kappa=0.6, prevalence=0.5)
    with pytest.raises(ValueError, match="half-width"):
        needed_for_width("kappa", 0, kappa=0.6, prevalence=0.5)
    with pytest.raises(ValueError, match="prevalence"):
        needed_for_width("kappa", 0.1, kappa=0.6, prevalence=1)
    with pytest.raises(ValueError, match="kappa cannot be"):
        needed_for_width("kappa", 0.1, kappa=-0.9, prevalence=0.9)
    with pytest.raises(ValueError, match="not above"):
        needed_to_show(0.5, 0.5, prevalence=0.5)
    with pytest.raises(ValueError, match="power"):
        needed_to_show(0.7, 0.5, prevalence=0.5, power=1)
    with pytest.raises(ValueError, match="items a scenario"):
        design_effect(0.5, 0.1)
    with pytest.raises(ValueError, match="half-width"):
        more_scenarios(Estimate(0.6, 0.4, 0.8), 100, 0)
