"""Said against done, and steering."""

import numpy as np
import pytest
from scipy.stats import kendalltau, t

from conflictscope.stats.bradley_terry import tally_trials
from conflictscope.stats.correction import Decided, corrected_mean, corrected_shift, corrected_steering
from conflictscope.stats.shifts import kendall_tau_b, paired_shift
from conflictscope.stats.steering import Alignments, SteeredRun, alignments, holm, steering_effect
from tests.stats.test_bradley_terry import points, simulated, tallies_of, wins
from tests.stats.test_correction import drawn

VALUES = ("autonomy", "harmlessness", "honesty")
GROUPS = {"autonomy": "personal", "harmlessness": "protective", "honesty": "protective"}


class TestWorkedExample:
    @pytest.mark.parametrize("llm", ["llm_a", "llm_b", "llm_c"])
    def test_expressed_against_revealed(self, data, expected, rng, llm):
        wanted = expected["expressed_against_revealed"][llm]
        said, done = (tallies_of(data, llm, mode) for mode in ("multiple_choice", "open"))
        found = paired_shift(said, done, rng=rng, groups=GROUPS, resamples=50)
        assert found.scenarios == wanted["shared_scenarios"]
        if wanted["theta_open"] is None:
            assert "autonomy never wins" in found.reason
            assert points(found.strengths) == [None] * 3
            return
        assert found.first == pytest.approx(wanted["theta_mc"], abs=1e-5)
        assert found.second == pytest.approx(wanted["theta_open"], abs=1e-5)
        assert list(found.first_ranks) == wanted["rank_mc"]
        assert list(found.second_ranks) == wanted["rank_open"]
        assert points(found.ranks) == wanted["rank_shift_open_minus_mc"]
        means = {group.group: group.rank.value for group in found.groups}
        assert means["protective"] == pytest.approx(wanted["mean_shift_protective"])
        assert means["personal"] == pytest.approx(wanted["mean_shift_personal"])
        assert found.tau.value == pytest.approx(wanted["kendall_tau_b"], abs=1e-6)

    def test_kendall_with_ties(self, expected):
        wanted = expected["kendall_tau_b_with_ties"]
        assert kendall_tau_b(wanted["x"], wanted["y"]) == pytest.approx(wanted["tau_b"])

    @pytest.mark.parametrize("tied", [False, True])
    def test_steering(self, data, expected, rng, tied):
        wanted = expected["steering_llm_a"]
        # The tie whose numbers the example gives is that of honesty and autonomy: 9 and 15 of the 15 trials without their pair
        target = {"harmlessness": 1, "honesty": 2, "autonomy": 2 if tied else 3}
        counts = alignments(*(run_of(data, steered) for steered in (False, True)), target=target)
        found = steering_effect(counts, rng=rng)
        wanted = wanted["with_tie_harmlessness_honesty"] if tied else wanted
        assert [counts.default.sum(), found.trials] == wanted["default"][:2]
        assert [counts.steered.sum(), found.trials] == wanted["steered"][:2]
        assert found.default.value == pytest.approx(wanted["default"][2], abs=1e-6)
        assert found.effect.value == pytest.approx(wanted["effect"], abs=1e-6)

    def test_steering_towards_a_tie_of_harmlessness_and_honesty(self, data, rng):
        # by hand over s01 to s08: 2 0 1 2 0 1 2 0 aligned by default; steered all but s06 in its first order
        target = {"harmlessness": 1, "honesty": 1, "autonomy": 2}
        counts = alignments(*(run_of(data, steered) for steered in (False, True)), target=target)
        assert (counts.default.sum(), counts.steered.sum(), counts.trials.sum()) == (8, 14, 15)
        assert steering_effect(counts, rng=rng).effect.value == pytest.approx(6 / 7)


def run_of(data, steered):
    answers = data["steered"]["answers"] if steered else data["multiple_choice"]["llm_a"]
    rows = []
    for scenario in data["scenarios"]:
        for order, letter in answers[scenario["uid"]].items():
            first = (letter == "A") == (order == "value_1_first")
            choice = None if letter is None else "value_1" if first else "value_2"
            rows.append((scenario["uid"], order, scenario["value_1"], scenario["value_2"], choice))
    return SteeredRun(*zip(*rows, strict=True))


def test_kendall_agrees_with_scipy(rng):
    x, y = rng.integers(0, 4, size=(2, 50, 6)).astype(float)
    ours = kendall_tau_b(x, y)
    theirs = [kendalltau(a, b).statistic for a, b in zip(x, y, strict=True)]
    assert ours == pytest.approx(theirs, nan_ok=True)


def test_the_same_choices_twice_do_not_differ_and_have_no_limits(rng):
    tallies = simulated([0.5, 0.0, -0.5], scenarios=20, rng=rng)
    found = paired_shift(tallies, tallies, rng=rng)
    assert points(found.strengths) == pytest.approx([0, 0, 0], abs=1e-12)
    assert [(one.low, one.high) for one in found.strengths] == [(None, None)] * 3
    assert "no interval can be meant" in found.strengths[0].warning
    assert found.tau.value == pytest.approx(1)


def test_pairing_by_scenario_makes_differences_of_dependent_answers_narrower(rng):
    """Done repeats what was said, but for a tenth of the scenarios."""
    said = simulated([0.6, 0.0, -0.6], scenarios=60, rng=rng)
    rows = []
    for s, name in enumerate(said.scenarios):
        first, second = (said.values[k] for k in said.pairs[said.pair[s]])
        won = bool(said.wins[s]) ^ (rng.random() < 0.1)
        rows.append((name, first, second, "value_1" if won else "value_2"))
    done = tally_trials(*zip(*rows, strict=True), values=said.values)
    paired = paired_shift(said, done, rng=rng)
    by_hand = corrected_shift(Decided(said), Decided(done))
    assert by_hand.together
    for one, other in zip(paired.strengths, by_hand.strengths, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-9)
        assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.2)
        assert one.high - one.low < 0.6


def test_paired_intervals_hold(rng):
    first, second = np.array([0.6, 0.0, -0.6]), np.array([-0.2, 0.1, 0.1])
    held = 0
    for _ in range(80):
        said, done = (simulated(theta, scenarios=30, rng=rng) for theta in (first, second))
        found = paired_shift(said, done, rng=rng, resamples=300)
        held += sum(one.low <= x <= one.high for one, x in zip(found.strengths, second - first, strict=True))
    assert 0.90 <= held / 240 <= 0.99


def test_what_cannot_be_compared_is_said(rng):
    said = simulated([0.5, 0.0, -0.5], scenarios=10, rng=rng)
    nothing = said.take(np.zeros(30, dtype=bool))
    assert paired_shift(said, nothing, rng=rng).reason == "no scenario was decided in both"
    with pytest.raises(ValueError, match="same values"):
        paired_shift(said, wins(("a", "b", 2, 2), values=("a", "b")), rng=rng)
    with pytest.raises(ValueError, match="needs a group"):
        paired_shift(said, said, rng=rng, groups={"v0": "x"})
    other = tally_trials(["0-1-0"], ["v0"], ["v2"], ["value_1"], values=said.values)
    with pytest.raises(ValueError, match="other values in one than in the other"):
        paired_shift(said, other, rng=rng)


class TestSteering:
    def test_by_hand(self, rng):
        # ten scenarios, one trial each: default 4 aligned, steered 7: (0.7 - 0.4) / 0.6
        counts = Alignments(tuple(range(10)), np.array([1.0] * 4 + [0] * 6), np.array([1.0] * 7 + [0] * 3), np.ones(10))
        found = steering_effect(counts, rng=rng)
        assert found.effect.value == pytest.approx(0.5)
        # three changed for the target, none against it: 2 (1/2)^3
        assert found.p_value == pytest.approx(0.25)
        assert "10 scenarios only" in found.effect.warning

    def test_a_perfect_llm_has_nothing_to_steer(self, rng):
        counts = Alignments(("s", "t"), np.ones(2), np.ones(2), np.ones(2))
        assert "nothing is left to steer" in steering_effect(counts, rng=rng).effect.reason

    def test_where_every_steered_choice_is_aligned_the_lower_limit_is_exact(self, rng):
        counts = Alignments(tuple(range(40)), np.array([1.0] * 20 + [0] * 20), np.ones(40), np.ones(40))
        found = steering_effect(counts, rng=rng).effect
        # 40 of 40: at least 0.025^(1/40) of all, so at most that share of the default's half is left
        assert found.low == pytest.approx(1 - (1 - 0.025 ** (1 / 40)) / 0.5)
        assert (found.value, found.high, found.conservative) == (1, 1, True)

    def test_interval_holds_with_dependent_trials(self):
        rng = np.random.default_rng(4)
        held = 0
        for _ in range(200):
            base = rng.beta(2, 2, size=60)
            default = rng.binomial(4, base).astype(float)
            steered = rng.binomial(4, base + (1 - base) * 0.4).astype(float)
            counts = Alignments(tuple(range(60)), default, steered, np.full(60, 4.0))
            found = steering_effect(counts, rng=rng, resamples=400).effect
            held += found.low <= 0.4 <= found.high
        assert 0.91 <= held / 200 <= 0.99

    def test_nothing_shared_and_bad_input(self, rng):
        run = SteeredRun(["s"], [0], ["a"], ["b"], ["value_1"])
        other = SteeredRun(["t"], [0], ["a"], ["b"], ["value_1"])
        found = steering_effect(alignments(run, other, target={"a": 1, "b": 2}), rng=rng)
        assert "no trial" in found.effect.reason
        with pytest.raises(ValueError, match="twice in slot"):
            alignments(SteeredRun(["s"] * 2, [0] * 2, ["a"] * 2, ["b"] * 2, ["value_1"] * 2), run, target={})
        with pytest.raises(ValueError, match="other values"):
            alignments(run, SteeredRun(["s"], [0], ["b"], ["a"], ["value_1"]), target={})
        with pytest.raises(ValueError, match="got 'A'"):
            alignments(SteeredRun(["s"], [0], ["a"], ["b"], ["A"]), run, target={})

    def test_holm_by_hand(self):
        # sorted 0.01, 0.03, 0.04 times 3, 2, 1, never falling
        assert holm([0.03, None, 0.01, 0.04]) == pytest.approx((0.06, None, 0.03, 0.06))


class TestCorrectedFigures:
    def test_a_mean_is_that_of_people_where_they_decided_all(self, rng):
        truth, judge = rng.random((2, 60))
        found = corrected_mean(judge, truth)
        assert found.value == pytest.approx(truth.mean())
        assert found.high - found.value == pytest.approx(t.ppf(0.975, 59) * truth.std(ddof=1) / np.sqrt(60), rel=1e-6)

    def test_intervals_of_a_mean_and_of_steering_hold_with_a_lenient_judge(self):
        rng = np.random.default_rng(9)
        held = np.zeros(2)
        for _ in range(200):
            base = rng.beta(2, 2, size=120)
            people = np.column_stack([rng.random(120) < base, rng.random(120) < base + (1 - base) * 0.4, np.ones(120)])
            judge = people.copy()
            flip = rng.random((120, 2)) < 0.25
            judge[:, :2] = np.maximum(judge[:, :2], flip)
            told = people.astype(float)
            told[rng.permutation(120)[40:]] = np.nan
            mean = corrected_mean(judge[:, 0], told[:, 0])
            effect = corrected_steering(judge, told)
            held += (mean.low <= 0.5 <= mean.high, effect.low <= 0.4 <= effect.high)
        assert 0.90 <= held[0] / 200 <= 0.99
        assert 0.90 <= held[1] / 200 <= 0.99

    def test_unanimous_people_have_an_exact_limit(self):
        found = corrected_mean(np.ones(50), np.array([1.0] * 20 + [np.nan] * 30))
        assert found.value == pytest.approx(1)
        assert found.low == pytest.approx(0.025 ** (1 / 20))
        assert found.conservative

    def test_too_few_labels_are_said(self):
        assert "no correction" in corrected_mean(np.ones(5), np.full(5, np.nan)).reason
        with pytest.raises(ValueError, match="one shape"):
            corrected_steering(np.ones((4, 3)), np.ones((5, 3)))


class TestCorrectedShift:
    def test_both_sides_judged_and_labelled_together(self):
        rng = np.random.default_rng(6)
        held = tried = 0
        first, second = np.array([0.8, 0.0, -0.8]), np.array([-0.3, 0.0, 0.3])
        for _ in range(50):
            state = rng.integers(1 << 30)
            sides = []
            for theta in (first, second):
                # the same scenarios are labelled on both sides
                judge, people = drawn(rng, theta=theta, scenarios=50, labels=50, wrong=[0.02, 0.2, 0.4])
                some = np.random.default_rng(state).permutation(50)[:20]
                keep = np.array([int(name.split("-")[2]) in some for name in people.scenarios])
                sides.append(Decided(judge, people.take(keep)))
            found = corrected_shift(*sides, groups={"v0": "x", "v1": "y", "v2": "y"})
            assert found.together
            tried += 3
            held += sum(one.low <= x <= one.high for one, x in zip(found.strengths, second - first, strict=True))
            assert dict(found.groups)["x"] == found.strengths[0]
        assert held / tried > 0.90

    def test_other_scenarios_on_the_two_sides_add_their_variances(self, rng):
        judge, people = drawn(rng, labels=20)
        other_judge, other_people = drawn(rng, labels=20)
        found = corrected_shift(Decided(judge, people), Decided(other_judge, other_people))
        assert not found.together
        assert all(one.low < one.value < one.high for one in found.strengths)

    def test_each_side_is_weighted_by_its_own_draw(self):
        """Two campaigns drew the two sides: one mostly where the judge chose the first value, the other mostly where it did not."""
        rng = np.random.default_rng(8)
        held = tried = 0
        first, second = np.array([0.8, 0.0, -0.8]), np.array([-0.3, 0.0, 0.3])
        for _ in range(50):
            sides = []
            for theta, likely in ((first, (0.7, 0.2)), (second, (0.2, 0.7))):
                judge, people = drawn(rng, theta=theta, scenarios=60, labels=60, wrong=[0.02, 0.2, 0.4])
                chance = dict(zip(judge.scenarios, np.where(judge.wins > 0, *likely), strict=True))
                keep = np.array([rng.random() < chance[name] for name in people.scenarios])
                sides.append(Decided(judge, people.take(keep), chance))
            found = corrected_shift(*sides)
            assert not found.together
            tried += 3
            held += sum(one.low <= x <= one.high for one, x in zip(found.strengths, second - first, strict=True))
        assert held / tried > 0.90

    def test_no_labels_are_said(self, rng):
        judge, people = drawn(rng)
        nobody = people.take(np.zeros(len(people.scenarios), dtype=bool))
        assert "no scenario was labelled" in corrected_shift(Decided(judge, nobody), Decided(judge)).reason


def test_tau_s_limits_are_what_the_pairs_leave_open(rng):
    """Far apart in both, each order is sure: tau is 1 and nothing is open. Close together nothing is sure: tau may be anything."""
    far = [simulated([1.6, 0.0, -1.6], scenarios=150, rng=rng) for _ in range(2)]
    sure = paired_shift(*far, rng=rng, resamples=500).tau
    assert (sure.value, sure.low, sure.high, sure.conservative) == (1, 1, 1, True)
    close = [simulated([0.05, 0.0, -0.05], scenarios=20, rng=rng) for _ in range(2)]
    unsure = paired_shift(*close, rng=rng, resamples=500).tau
    assert (unsure.low, unsure.high) == (-1, 1)


def test_tau_leaves_open_what_no_resample_moves(rng):
    """All scenarios of a pair are decided alike, three to one: resamples cannot tell how sure that is."""
    rows = [
        (f"{first} {second} {n}", first, second, "value_2" if trial == 3 else "value_1")
        for first, second in (VALUES[:2], VALUES[1:], VALUES[::2])
        for n in range(10)
        for trial in range(4)
    ]
    tallies = tally_trials(*zip(*rows, strict=True), values=VALUES)
    tau = paired_shift(tallies, tallies, rng=rng, resamples=200).tau
    assert tau.value == pytest.approx(1)
    assert (tau.low, tau.high) == (-1, 1)
