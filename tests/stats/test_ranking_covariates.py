"""Option order and acting action: what they do is taken out of the strengths, and shown."""

from itertools import combinations

import numpy as np
import pytest

from conflictscope.stats.bias import action_share, position_bias
from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from tests.stats.test_bradley_terry import points

VALUES = ("autonomy", "harmlessness", "honesty")


def asked_both_ways(theta, *, scenarios, order=0.0, action=0.0, spread=0.0, samples=1, rng):
    """Tallies of an llm asked in both orders, with known effects of order and acting action."""
    values = tuple(f"v{k}" for k in range(len(theta)))
    columns = []
    for i, j in combinations(range(len(theta)), 2):
        for s in range(scenarios):
            acting = ("value_1", "value_2")[s % 2]
            own = spread * rng.normal()
            for shown in ("value_1", "value_2"):
                for _ in range(samples):
                    eta = theta[i] - theta[j] + own
                    eta += order * (0.5 if shown == "value_1" else -0.5) + action * (
                        0.5 if acting == "value_1" else -0.5
                    )
                    choice = "value_1" if rng.random() < 1 / (1 + np.exp(-eta)) else "value_2"
                    columns.append((f"{i}-{j}-{s}", values[i], values[j], choice, shown, acting))
    *first, shown, acting = zip(*columns, strict=True)
    return tally_trials(*first, values=values, shown_first=shown, acting=acting)


def multiple_choice(data, llm):
    """The worked example's answers of one llm, with the order of the options."""
    rows = []
    for scenario in data["scenarios"]:
        for order, letter in data["multiple_choice"][llm][scenario["uid"]].items():
            shown = order.removesuffix("_first")
            other = "value_2" if shown == "value_1" else "value_1"
            choice = None if letter is None else shown if letter == "A" else other
            rows.append((scenario["uid"], scenario["value_1"], scenario["value_2"], choice, shown))
    *first, shown = zip(*rows, strict=True)
    return tally_trials(*first, values=VALUES, shown_first=shown)


def effect(found, name):
    return next(one.effect for one in found.covariates if one.name == name)


def test_known_effects_and_strengths_are_recovered(rng):
    theta = np.array([0.8, 0.1, -0.9])
    found = fit_ranking(asked_both_ways(theta, scenarios=2000, order=1.2, action=-0.7, rng=rng), rng=rng, resamples=200)
    assert points(found.strengths) == pytest.approx(theta, abs=0.06)
    assert effect(found, "order").value == pytest.approx(1.2, abs=0.1)
    assert effect(found, "action").value == pytest.approx(-0.7, abs=0.1)
    assert found.fit.p_value > 0.01
    assert found.fit.df == 3 - 2  # pairs, less strengths: cells of a pair are pooled


def test_order_is_left_out_where_it_is_always_the_same_or_not_asked_for(rng):
    rows = [("s1", "a", "b", "value_1"), ("s2", "a", "b", "value_2"), ("s3", "a", "b", "value_1")]
    always = tally_trials(*zip(*rows, strict=True), values=("a", "b"), shown_first=["value_1"] * 3)
    assert fit_ranking(always, rng=rng, resamples=10).covariates == ()
    both = asked_both_ways([0.3, -0.3], scenarios=30, order=0.5, rng=rng)
    assert [one.name for one in fit_ranking(both, rng=rng, resamples=10).covariates] == ["order", "action"]
    assert fit_ranking(both, rng=rng, resamples=10, covariates=()).covariates == ()


def test_orders_left_out_of_the_fit_leave_the_worked_examples_strengths(data, expected, rng):
    found = fit_ranking(multiple_choice(data, "llm_a"), rng=rng, resamples=10, covariates=())
    wanted = expected["bradley_terry"]["llm_a multiple_choice"]
    assert points(found.strengths) == pytest.approx(wanted["theta"], abs=1e-6)
    assert found.fit.g2 == pytest.approx(wanted["G2_unscaled"], abs=1e-6)


def test_bootstrap_and_sandwich_agree_on_effects(rng):
    tallies = asked_both_ways([0.5, 0.0, -0.5], scenarios=150, order=1.0, spread=1.0, rng=rng)
    one, other = (fit_ranking(tallies, rng=rng, interval=interval) for interval in ("bootstrap", "sandwich"))
    for name in ("order", "action"):
        first, second = effect(one, name), effect(other, name)
        assert first.high - first.low == pytest.approx(second.high - second.low, rel=0.1)


def test_naming_the_values_the_other_way_round_leaves_the_effects(rng):
    tallies = asked_both_ways([0.5, 0.0, -0.5], scenarios=40, order=1.0, action=0.5, rng=rng)
    rows = []
    side = {0.5: "value_2", -0.5: "value_1"}
    for row, cell in enumerate(tallies.row_cell):
        first, second = (tallies.values[k] for k in tallies.pairs[tallies.cell_pair[cell]])
        choice = "value_2" if tallies.row_wins[row] else "value_1"
        scenario = int(tallies.row_scenario[row])
        rows.append((scenario, second, first, choice, side[tallies.cell_order[cell]], side[tallies.cell_action[cell]]))
    *columns, shown, acting = zip(*rows, strict=True)
    turned = tally_trials(*columns, values=tallies.values, shown_first=shown, acting=acting)
    one, other = (fit_ranking(t, rng=np.random.default_rng(4)) for t in (tallies, turned))
    assert points(one.strengths) == pytest.approx(points(other.strengths), abs=1e-12)
    assert effect(one, "order").low == pytest.approx(effect(other, "order").low, abs=1e-12)


def test_an_llm_that_always_picks_the_first_option_has_no_preference_to_report(rng):
    found = fit_ranking(asked_both_ways([0.0, 0.0, 0.0], scenarios=20, order=40.0, rng=rng), rng=rng)
    assert found.no_preference.startswith("no preference to report: of 60 scenarios")
    assert points(found.strengths) == [None] * 3
    assert found.reason == found.no_preference
    assert [(one.low, one.high) for one in found.rank_sets] == [(None, None)] * 3
    assert found.relative == ()
    # and where few were asked, because the effect has no estimate
    few = fit_ranking(asked_both_ways([0.0, 0.0, 0.0], scenarios=3, order=40.0, rng=rng), rng=rng)
    assert "no finite estimate" in few.no_preference


def test_several_samples_that_waver_are_not_taken_for_position_bias(rng):
    """Four samples an order of an llm that is 70 % sure: hardly a scenario is unanimous, and yet there is a preference."""
    found = fit_ranking(asked_both_ways([0.8, 0.0, -0.8], scenarios=15, samples=4, rng=rng), rng=rng, resamples=50)
    assert found.no_preference == ""
    assert points(found.ranks) == [1, 2, 3]


def test_intervals_hold_under_position_bias_with_the_covariate_only():
    """beta = 4, both orders: with the order left out the intervals of 120 simulated llms hold half the time."""
    rng = np.random.default_rng(7)
    theta = np.array([0.6, 0.0, -0.6])
    hits = np.zeros(2)
    for _ in range(120):
        tallies = asked_both_ways(theta, scenarios=40, order=4.0, rng=rng)
        for k, covariates in enumerate([("order",), ()]):
            found = fit_ranking(tallies, rng=rng, interval="sandwich", resamples=20, covariates=covariates)
            hits[k] += sum(one.low <= t <= one.high for one, t in zip(found.strengths, theta, strict=True))
    with_order, without = hits / 360
    assert with_order > 0.91
    assert without < 0.75


class TestPositionBias:
    @pytest.mark.parametrize("llm", ["llm_a", "llm_b", "llm_c"])
    def test_worked_example(self, data, expected, llm):
        wanted = expected["position"][llm]
        found = position_bias(multiple_choice(data, llm))
        assert (found.n_first, found.n_last) == (wanted["n_first"], wanted["n_last"])
        if wanted["log_ratio"] is None:
            assert "no finite estimate" in found.effect.reason
        else:
            assert found.effect.value == pytest.approx(wanted["beta_if_coded_half"], abs=1e-6)
            half = 1.959964 * wanted["se_log_ratio"]
            assert found.effect.high - found.effect.value == pytest.approx(half, abs=1e-4)

    def test_all_llms_together(self, data, expected):
        """A scenario of an llm is a unit: the example pools the three."""
        wanted = expected["position"]["all"]
        rows = []
        for llm in ("llm_a", "llm_b", "llm_c"):
            for scenario in data["scenarios"]:
                for order, letter in data["multiple_choice"][llm][scenario["uid"]].items():
                    shown = order.removesuffix("_first")
                    other = "value_2" if shown == "value_1" else "value_1"
                    choice = None if letter is None else shown if letter == "A" else other
                    rows.append((f"{llm} {scenario['uid']}", scenario["value_1"], scenario["value_2"], choice, shown))
        *columns, shown = zip(*rows, strict=True)
        found = position_bias(tally_trials(*columns, values=VALUES, shown_first=shown))
        assert (found.n_first, found.n_last) == (wanted["n_first"], wanted["n_last"])
        assert found.effect.value == pytest.approx(wanted["beta_if_coded_half"], abs=1e-6)

    def test_several_samples_that_always_agree_are_worth_one(self, rng):
        one = asked_both_ways([0.5, -0.5], scenarios=60, order=1.0, rng=np.random.default_rng(1))
        rows = []
        for row, cell in enumerate(one.row_cell):
            choice = "value_1" if one.row_wins[row] else "value_2"
            shown = "value_1" if one.cell_order[cell] > 0 else "value_2"
            rows += [(int(one.row_scenario[row]), "v0", "v1", choice, shown)] * 3
        *columns, shown = zip(*rows, strict=True)
        three = tally_trials(*columns, values=("v0", "v1"), shown_first=shown)
        assert position_bias(three).effect == position_bias(one).effect

    def test_effect_is_recovered_and_alike_is_counted(self, rng):
        tallies = asked_both_ways([0.0, 0.0], scenarios=4000, order=1.0, spread=1.5, rng=rng)
        found = position_bias(tallies)
        assert found.effect.low < 1.0 < found.effect.high
        assert found.effect.value == pytest.approx(1.0, abs=0.2)
        assert found.asked == 4000
        assert found.first.value == pytest.approx(np.e / (1 + np.e), abs=0.04)

    def test_alike_counts_twosomes_of_answers(self):
        # shown first: won 1 of 2; shown last: won both: half of the four twosomes agree
        rows = [("s", "a", "b", choice) for choice in ("value_1", "value_2", "value_1", "value_1")]
        shown = ["value_1", "value_1", "value_2", "value_2"]
        found = position_bias(tally_trials(*zip(*rows, strict=True), values=("a", "b"), shown_first=shown))
        assert found.alike.value == 0.5
        assert (found.n_first, found.n_last) == (0, 0.5)

    def test_nothing_in_both_orders_is_said(self):
        found = position_bias(tally_trials(["s"], ["a"], ["b"], ["value_1"], values=("a", "b")))
        assert found.effect.reason == "no scenario was decided in both orders"

    def test_a_consistent_llm_has_no_effect_to_estimate(self, rng):
        found = position_bias(asked_both_ways([40.0, -40.0], scenarios=12, rng=rng))
        assert found.alike.value == 1
        assert "no position won twice" in found.effect.reason
        assert not found.first.defined


def test_share_of_acting_by_hand():
    # acting: value_1 in s1 (won), value_2 in s2 (lost), value_2 in s3 (won)
    tallies = tally_trials(
        ["s1", "s2", "s3"],
        ["a"] * 3,
        ["b"] * 3,
        ["value_1", "value_1", "value_2"],
        values=("a", "b"),
        acting=["value_1", "value_2", "value_2"],
    )
    assert action_share(tallies).value == pytest.approx(2 / 3)
    assert action_share(tally_trials(["s"], ["a"], ["b"], ["value_1"], values=("a", "b"))).reason


def test_bad_sides_are_refused_in_words():
    with pytest.raises(ValueError, match="value_1 or value_2, got 'left'"):
        tally_trials(["s"], ["a"], ["b"], ["value_1"], values=("a", "b"), shown_first=["left"])
    with pytest.raises(ValueError, match="one entry for each trial"):
        tally_trials(["s"], ["a"], ["b"], ["value_1"], values=("a", "b"), acting=[])
    tallies = tally_trials(["s"], ["a"], ["b"], ["value_1"], values=("a", "b"))
    with pytest.raises(ValueError, match="covariates are"):
        fit_ranking(tallies, rng=np.random.default_rng(0), covariates=("length",))
