"""Differences of rankings in the mean over llms."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import expit

from conflictscope.stats.contrasts import mean_contrast
from conflictscope.stats.shifts import paired_shift
from conflictscope.stats.tallies import Tallies, tally_trials

VALUES = ("v0", "v1", "v2", "v3")


def answers(theta, *, scenarios: int, rng, scenario_effect=None, name: str = "s") -> Tallies:
    """One trial of each scenario of each pair; scenarios share their effects where these are given."""
    names, one, two, choice = [], [], [], []
    for place, (a, b) in enumerate(combinations(range(len(theta)), 2)):
        for s in range(scenarios):
            effect = scenario_effect[place, s] if scenario_effect is not None else 0.0
            names.append(f"{name}-{place}-{s}")
            one.append(VALUES[a])
            two.append(VALUES[b])
            choice.append("value_1" if rng.random() < expit(theta[a] - theta[b] + effect) else "value_2")
    return tally_trials(names, one, two, choice, values=VALUES[: len(theta)])


def test_of_one_llm_it_is_the_paired_difference(rng):
    first = answers((0.8, 0.2, -0.3, -0.7), scenarios=60, rng=rng)
    second = answers((0.1, 0.4, 0.0, -0.5), scenarios=60, rng=rng)
    found = mean_contrast([(first, second)], paired=True)
    shift = paired_shift(first, second, rng=rng, resamples=2000)
    for one, other in zip(found.strengths, shift.strengths, strict=True):
        assert one.value == pytest.approx(other.value)
        # The sandwich beside the bootstrap: as wide to within a tenth.
        assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.1)
    assert (found.first_ranks, found.second_ranks) == (shift.first_ranks, shift.second_ranks)
    assert found.scenarios == 360


def test_nothing_differs_from_itself_and_turning_the_sides_turns_the_sign(rng):
    first = answers((0.5, 0.0, -0.5), scenarios=30, rng=rng)
    second = answers((0.2, 0.1, -0.3), scenarios=30, rng=rng)
    same = mean_contrast([(first, first)], paired=True)
    assert [(one.value, one.low, one.high) for one in same.strengths] == [(0, None, None)] * 3
    assert "no interval" in same.strengths[0].warning
    there, back = (mean_contrast([two], paired=True) for two in ((first, second), (second, first)))
    assert [one.value for one in there.strengths] == pytest.approx([-one.value for one in back.strengths])
    assert there.tau == back.tau


def test_scenarios_of_two_datasets_are_independent(rng):
    """The variances of the two sides add up."""
    first = answers((0.5, 0.0, -0.5), scenarios=40, rng=rng)
    second = answers((0.5, 0.0, -0.5), scenarios=40, rng=rng)  # the same names, other scenarios
    apart = mean_contrast([(first, second)], paired=False)
    width = [one.high - one.low for one in apart.strengths]
    alone = [mean_contrast([(side, side)], paired=False).strengths for side in (first, second)]
    squares = [(one.high - one.low) ** 2 / 2 + (two.high - two.low) ** 2 / 2 for one, two in zip(*alone, strict=True)]
    assert [x**2 for x in width] == pytest.approx(squares)
    assert apart.scenarios == 240


def test_an_llm_without_strengths_is_left_out_with_the_reason(rng):
    first = answers((0.5, 0.0, -0.5), scenarios=30, rng=rng)
    second = answers((0.2, 0.1, -0.3), scenarios=30, rng=rng)
    stubborn = answers((50, 0, -50), scenarios=30, rng=rng)
    found = mean_contrast([(first, second), (first, stubborn)], paired=True)
    assert found.llms == 1
    assert "no finite" in found.left_out[0]
    none = mean_contrast([(first, stubborn)], paired=True)
    assert none.reason
    assert none.strengths[0].value is None


def test_it_wants_the_same_values_and_an_llm(rng):
    with pytest.raises(ValueError, match="at least one llm"):
        mean_contrast([], paired=True)
    three, four = (answers(theta, scenarios=10, rng=rng) for theta in ((0.3, 0, -0.3), (0.3, 0, -0.3, 0)))
    with pytest.raises(ValueError, match="same values"):
        mean_contrast([(three, four)], paired=False)


def test_scenarios_shared_by_llms_are_one_unit():
    """Three llms that share the scenarios' effects: taken as independent the interval would cover some 0.85."""
    rng = np.random.default_rng(11)
    theta, pairs, scenarios = (0.6, 0.0, -0.6), 3, 30
    hits = tries = 0
    for _ in range(60):
        effects = rng.normal(scale=1.5, size=(2, pairs, scenarios))
        twos = [
            tuple(answers(theta, scenarios=scenarios, rng=rng, scenario_effect=side) for side in effects)
            for _ in range(3)
        ]
        for one in mean_contrast(twos, paired=False).strengths:
            hits += one.low <= 0 <= one.high
            tries += 1
    assert hits / tries > 0.9


def test_a_group_s_difference_is_the_mean_of_its_values(rng):
    """Two groups of two of four values that sum to zero: what one gains the other loses, as surely."""
    first = answers((0.8, 0.2, -0.3, -0.7), scenarios=40, rng=rng)
    second = answers((0.1, 0.4, 0.0, -0.5), scenarios=40, rng=rng)
    groups = {"v0": "own", "v1": "own", "v2": "others", "v3": "others"}
    found = mean_contrast([(first, second)], paired=True, groups=groups)
    (own, mine), (others, theirs) = found.groups
    assert (own, others) == ("own", "others")
    assert mine.value == pytest.approx((found.strengths[0].value + found.strengths[1].value) / 2)
    assert (theirs.value, theirs.low) == pytest.approx((-mine.value, -mine.high))
    with pytest.raises(ValueError, match="needs a group"):
        mean_contrast([(first, second)], paired=True, groups={"v0": "own"})
