"""Rankings of values."""

import json
from dataclasses import replace
from itertools import combinations

import choix
import numpy as np
import pytest

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from conflictscope.stats.intervals import ratio_se, wilson

VALUES = ("autonomy", "harmlessness", "honesty")
MODES = ("multiple_choice", "open")
LLMS = ("llm_a", "llm_b", "llm_c")


def trials_of(data, llm, mode):
    """The worked example's trials of one llm and mode, as four columns."""
    rows = []
    for scenario in data["scenarios"]:
        uid, pair = scenario["uid"], (scenario["value_1"], scenario["value_2"])
        if mode == "open":
            rows.append((uid, *pair, data["open_judge"][llm][uid]))
            continue
        for order, letter in data["multiple_choice"][llm][uid].items():
            first = (letter == "A") == (order == "value_1_first")
            rows.append((uid, *pair, "none" if letter is None else "value_1" if first else "value_2"))
    return list(zip(*rows, strict=True))


def tallies_of(data, llm, mode):
    return tally_trials(*trials_of(data, llm, mode), values=[value["key"] for value in data["values"]])


def simulated(theta, *, scenarios, trials=1, spread=0.0, undecided=0.0, rng):
    """Tallies of an llm with these strengths: scenarios of a pair differ by a normal of sd `spread`."""
    values = tuple(f"v{k}" for k in range(len(theta)))
    columns = []
    for i, j in combinations(range(len(theta)), 2):
        for s in range(scenarios):
            chance = 1 / (1 + np.exp(-(theta[i] - theta[j] + spread * rng.normal())))
            for _ in range(trials):
                blank = rng.random() < undecided
                choice = "neither" if blank else "value_1" if rng.random() < chance else "value_2"
                columns.append((f"{i}-{j}-{s}", values[i], values[j], choice))
    return tally_trials(*zip(*columns, strict=True), values=values)


def wins(*rows, values=VALUES):
    """Tallies from rows (value_1, value_2, wins of value_1, wins of value_2), one trial a scenario."""
    columns = [
        (f"{one} {two} {k}", one, two, "value_1" if k < won else "value_2")
        for one, two, won, lost in rows
        for k in range(won + lost)
    ]
    return tally_trials(*zip(*columns, strict=True), values=values)


def points(estimates):
    return [estimate.value for estimate in estimates]


class TestWorkedExample:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("llm", LLMS)
    def test_tallies_and_win_shares(self, data, expected, rng, llm, mode):
        found = fit_ranking(tallies_of(data, llm, mode), rng=rng, resamples=10)
        undecided = 0
        for pair in found.pairs:
            wanted = expected["tallies_and_win_shares"][llm][mode][f"{pair.value_1}|{pair.value_2}"]
            assert pair.share.value == pytest.approx(wanted["win_share"], abs=1e-6)
            assert pair.decided == wanted["decided_scenarios"]
            undecided += wanted["undecided"]
        wanted = expected["undecided_rates"][llm][mode]
        assert found.counts.trials - found.counts.decided_trials == undecided == wanted["n"]
        assert found.counts.undecided.value == pytest.approx(wanted["rate"], abs=1e-6)
        # Wilson's interval takes trials as the units; what is shown takes scenarios
        plain = wilson(undecided, found.counts.trials)
        assert [plain.low, plain.high] == pytest.approx(wanted["wilson"], abs=1e-6)
        assert found.counts.undecided.n == 12

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("llm", LLMS)
    def test_standard_error_of_win_shares(self, data, expected, llm, mode):
        tallies = tallies_of(data, llm, mode)
        for c, (first, second) in enumerate(tallies.pairs):
            wanted = expected["tallies_and_win_shares"][llm][mode][f"{VALUES[first]}|{VALUES[second]}"]
            here = tallies.pair == c
            assert ratio_se(tallies.y[here], tallies.d[here]) == pytest.approx(wanted["se_win_share_cluster"], abs=1e-6)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("llm", LLMS)
    def test_strengths_ranks_and_fit(self, data, expected, rng, llm, mode):
        wanted = expected["bradley_terry"][f"{llm} {mode}"]
        found = fit_ranking(tallies_of(data, llm, mode), rng=rng, resamples=10)
        if wanted["theta"] is None:
            assert points(found.strengths) == [None] * 3
            assert points(found.ranks) == [None] * 3
            assert "autonomy never wins" in found.reason
            assert found.cut_off == ("autonomy",)
            assert found.fit.reason == found.reason
        else:
            assert points(found.strengths) == pytest.approx(wanted["theta"], abs=1e-6)
            assert points(found.ranks) == wanted["rank"]
            assert found.fit.g2 == pytest.approx(wanted["G2_unscaled"], abs=1e-6)
            assert found.fit.df == wanted["G2_df"]

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("llm", LLMS)
    def test_penalised_and_authors_fits(self, data, expected, rng, llm, mode):
        wanted = expected["bradley_terry"][f"{llm} {mode}"]
        tallies = tallies_of(data, llm, mode)
        penalised = fit_ranking(tallies, rng=rng, method="penalised", resamples=10)
        assert points(penalised.strengths) == pytest.approx(wanted["theta_penalised_shares_alpha_0.01"], abs=2e-6)
        authors = fit_ranking(tallies, rng=rng, method="authors", resamples=10)
        assert points(authors.strengths) == pytest.approx(wanted["theta_authors_mode"], abs=2e-6)
        assert authors.interval == "rows"
        assert any("paper's script" in warning for warning in authors.warnings)

    def test_sandwich_standard_errors(self, data, expected, rng):
        found = fit_ranking(tallies_of(data, "llm_a", "open"), rng=rng, resamples=10)
        errors = np.sqrt(np.array(found.covariance).diagonal())
        assert errors == pytest.approx(expected["sandwich_se_llm_a_open"], abs=1e-5)


class TestAgainstChoix:
    @staticmethod
    def comparisons_of(tallies):
        """Trials as choix wants them: (winner, loser)."""
        rows = []
        for s, c in enumerate(tallies.pair):
            first, second = tallies.pairs[c]
            rows += [(first, second)] * tallies.wins[s]
            rows += [(second, first)] * (tallies.decided[s] - tallies.wins[s])
        return rows

    @pytest.mark.parametrize("size", [3, 5, 8])
    def test_newton_reproduces_the_penalty_of_choix_to_nine_digits(self, size, rng):
        tallies = simulated(np.linspace(1, -1, size), scenarios=12, rng=rng)
        theirs = choix.ilsr_pairwise(size, self.comparisons_of(tallies), alpha=0.01, max_iter=10_000, tol=1e-13)
        ours = fit_ranking(tallies, rng=rng, method="penalised", alpha=0.01, resamples=1)
        assert points(ours.strengths) == pytest.approx(theirs - theirs.mean(), abs=1e-9)

    def test_maximum_likelihood_agrees_with_choix(self, rng):
        tallies = simulated([0.8, 0.1, -0.2, -0.7], scenarios=20, rng=rng)
        theirs = choix.opt_pairwise(4, self.comparisons_of(tallies), alpha=0, method="Newton-CG", tol=1e-13)
        ours = fit_ranking(tallies, rng=rng, resamples=1)
        assert points(ours.strengths) == pytest.approx(theirs - theirs.mean(), abs=1e-6)

    def test_worked_example_trials_agree_with_choix(self, data, expected):
        """Decided trials, each counted once, as choix counts them: the weights are trials, not scenarios."""
        for llm in LLMS:
            for mode in MODES:
                tallies = tallies_of(data, llm, mode)
                weight = np.bincount(tallies.pair, weights=tallies.decided).astype(float)
                share = np.bincount(tallies.pair, weights=tallies.wins) / weight
                found = comparisons.fit(weight[None], share[None], tallies.pairs, 3, alpha=0.01)[0][0]
                wanted = expected["bradley_terry"][f"{llm} {mode}"]["theta_choix_alpha_0.01_decided_trials"]
                assert found == pytest.approx(wanted, abs=2e-6)


def test_two_values_have_the_log_odds_of_their_share(rng):
    # 6 of 8: theta_1 - theta_2 = log 3, so +- log(3) / 2
    found = fit_ranking(wins(("a", "b", 6, 2), values=("a", "b")), rng=rng)
    assert points(found.strengths) == pytest.approx([np.log(3) / 2, -np.log(3) / 2])
    assert points(found.ranks) == [1, 2]
    assert found.fit.reason == "as many pairs as strengths: any shares fit"


def test_a_cycle_has_equal_strengths_first_ranks_and_a_bad_fit(rng):
    """Rock, paper, scissors: each wins three quarters against the next, and no order describes that."""
    cycle = wins(
        ("autonomy", "harmlessness", 30, 10), ("harmlessness", "honesty", 30, 10), ("autonomy", "honesty", 10, 30)
    )
    found = fit_ranking(cycle, rng=rng)
    assert points(found.strengths) == pytest.approx([0, 0, 0], abs=1e-12)
    assert points(found.ranks) == [1, 1, 1]
    # each pair: 2 * 40 * (0.75 ln 1.5 + 0.25 ln 0.5)
    assert found.fit.g2 == pytest.approx(3 * 80 * (0.75 * np.log(1.5) + 0.25 * np.log(0.5)), abs=1e-9)
    # one trial a scenario: variance p q / 39 against 1/4 / 40, so 0.75 * 40 / 39
    assert found.fit.design_effect == pytest.approx(0.75 * 40 / 39)
    assert found.fit.p_value < 1e-4
    assert all(abs(pair.residual) > 3 for pair in found.pairs)


def test_trials_of_a_scenario_that_always_agree_add_no_certainty(rng):
    """Four copies of each trial leave strengths, intervals and fit as they are; trials taken as independent do not."""
    columns = [("autonomy", "harmlessness", 14, 6), ("harmlessness", "honesty", 9, 11), ("autonomy", "honesty", 12, 8)]
    single = wins(*columns)
    rows = []
    for one, two, won, lost in columns:
        for k in range(won + lost):
            rows += [(f"{one} {two} {k}", one, two, "value_1" if k < won else "value_2")] * 4
    fourfold = tally_trials(*zip(*rows, strict=True), values=VALUES)
    alone = fit_ranking(single, rng=np.random.default_rng(1))
    copied = fit_ranking(fourfold, rng=np.random.default_rng(1))
    assert copied.strengths == alone.strengths
    assert copied.ranks == alone.ranks
    assert copied.fit == alone.fit
    assert copied.counts.trials == 4 * alone.counts.trials
    # the variance of a share is then estimated from 20 scenarios, which costs a little
    assert [pair.share.low for pair in copied.pairs] == pytest.approx(
        [pair.share.low for pair in alone.pairs], abs=0.02
    )
    authors = [
        fit_ranking(tallies, rng=np.random.default_rng(1), method="authors").strengths[0]
        for tallies in (single, fourfold)
    ]
    assert authors[1].high - authors[1].low < 0.6 * (authors[0].high - authors[0].low)


def test_undecided_trials_count_for_neither_side(rng):
    columns = [("s1", "a", "b", "value_1"), ("s2", "a", "b", "value_2"), ("s3", "a", "b", "value_1")]
    undecided = [(f"u{k}", "a", "b", choice) for k, choice in enumerate(("both", "neither", "none", None, ""))]
    plain = fit_ranking(tally_trials(*zip(*columns, strict=True), values=("a", "b")), rng=rng)
    found = fit_ranking(tally_trials(*zip(*columns, *undecided, strict=True), values=("a", "b")), rng=rng)
    assert points(found.strengths) == pytest.approx(points(plain.strengths))
    assert found.counts.undecided.value == 5 / 8
    assert (found.counts.scenarios, found.counts.decided_scenarios) == (8, 3)
    assert found.strengths[0].n == 3


def test_a_value_that_never_wins_has_no_finite_fit_but_a_penalised_one_by_name(rng):
    tallies = wins(("autonomy", "harmlessness", 0, 5), ("autonomy", "honesty", 0, 5), ("harmlessness", "honesty", 3, 2))
    found = fit_ranking(tallies, rng=rng)
    assert found.reason == (
        "no finite maximum likelihood fit: autonomy never wins against the others; the penalised fit is finite"
    )
    assert all(not estimate.defined and estimate.reason == found.reason for estimate in found.strengths)
    assert found.above == ((None,) * 3,) * 3
    assert found.covariance is None
    assert [pair.share.value for pair in found.pairs] == [0, 0, 0.6]
    penalised = fit_ranking(tallies, rng=rng, method="penalised")
    assert points(penalised.ranks) == [3, 1, 2]
    assert any("penalised fit (alpha 0.01)" in warning for warning in penalised.warnings)
    assert all(one.low is None and "drawing aid" in one.warning for one in penalised.strengths + penalised.ranks)
    assert penalised.fit.reason


@pytest.mark.parametrize(
    ("rows", "cut", "words"),
    [
        (
            [("autonomy", "harmlessness", 5, 0), ("harmlessness", "honesty", 2, 3)],
            ("autonomy",),
            "autonomy never loses",
        ),
        (
            [("autonomy", "harmlessness", 4, 0), ("autonomy", "honesty", 4, 0), ("harmlessness", "honesty", 4, 0)],
            ("honesty",),
            "honesty never wins",
        ),
    ],
)
def test_what_is_cut_off_is_named(rows, cut, words, rng):
    found = fit_ranking(wins(*rows), rng=rng)
    assert set(cut) <= set(found.cut_off)
    assert words in found.reason


def test_no_decided_scenario_at_all_is_said(rng):
    found = fit_ranking(tally_trials(["s"], ["a"], ["b"], ["neither"], values=("a", "b")), rng=rng)
    assert found.reason == "no scenario was decided"
    assert found.pairs[0].share.reason == "no trial was decided"
    empty = fit_ranking(tally_trials([], [], [], [], values=("a", "b")), rng=rng, method="penalised")
    assert empty.reason == "no scenario was decided"
    assert empty.pairs == ()


def test_a_value_without_scenarios_is_undefined_even_with_a_penalty(rng):
    found = fit_ranking(wins(("autonomy", "harmlessness", 2, 3)), rng=rng, method="penalised")
    assert found.strengths[2].reason == "honesty was in no decided scenario"
    assert found.strengths[0].defined


def test_resamples_without_a_finite_fit_are_counted_and_reported(rng):
    found = fit_ranking(wins(("a", "b", 1, 5), values=("a", "b")), rng=rng)
    # five draws of six, none of them the single win: (5/6)^5 = 0.40
    assert found.disconnected / found.resamples == pytest.approx((5 / 6) ** 5, abs=0.05)
    assert "no finite fit" in found.strengths[0].warning
    assert found.alpha == 0.01


def test_few_scenarios_are_warned_about_and_many_are_not(rng):
    few = fit_ranking(simulated([0.3, 0, -0.3], scenarios=4, rng=rng), rng=rng)
    assert all("decided scenarios only" in estimate.warning for estimate in few.strengths)
    many = fit_ranking(simulated([0.3, 0, -0.3], scenarios=60, rng=rng), rng=rng)
    assert many.warnings == ()
    assert many.disconnected == 0


def test_the_same_seed_gives_the_same_result_whatever_the_order_of_the_trials(data):
    columns = trials_of(data, "llm_a", "multiple_choice")
    order = np.random.default_rng(0).permutation(len(columns[0]))
    mixed = [[column[i] for i in order] for column in columns]
    one, other = (fit_ranking(tally_trials(*c, values=VALUES), rng=np.random.default_rng(11)) for c in (columns, mixed))
    # the sandwich adds up the scenarios in their order
    assert np.array(one.covariance) == pytest.approx(np.array(other.covariance), abs=1e-12)
    assert replace(one, covariance=None) == replace(other, covariance=None)
    assert one.seed == 11


def test_naming_the_values_the_other_way_round_turns_nothing_but_the_names(rng):
    tallies = simulated([0.5, 0.0, -0.5], scenarios=15, rng=rng)
    one = fit_ranking(tallies, rng=np.random.default_rng(2))
    rows = []
    for s, c in enumerate(tallies.pair):
        first, second = (tallies.values[k] for k in tallies.pairs[c])
        rows.append((s, second, first, "value_2" if tallies.wins[s] else "value_1"))
    turned = fit_ranking(tally_trials(*zip(*rows, strict=True), values=tallies.values), rng=np.random.default_rng(2))
    assert turned == one


def test_exchanging_winners_and_losers_turns_the_ranking_round(rng):
    tallies = simulated([0.6, 0.1, -0.7], scenarios=20, rng=rng)
    rows = []
    for s, c in enumerate(tallies.pair):
        first, second = (tallies.values[k] for k in tallies.pairs[c])
        rows.append((s, first, second, "value_2" if tallies.wins[s] else "value_1"))
    turned = tally_trials(*zip(*rows, strict=True), values=tallies.values)
    one, other = (fit_ranking(t, rng=rng, interval="sandwich") for t in (tallies, turned))
    assert points(other.strengths) == pytest.approx([-x for x in points(one.strengths)])
    assert [x.high for x in other.strengths] == pytest.approx([-x.low for x in one.strengths])


def test_shares_of_resamples_above_add_up_and_follow_the_strengths(rng):
    found = fit_ranking(simulated([1.0, 0.0, -1.0], scenarios=40, rng=rng), rng=rng)
    above = found.above
    for i, j in combinations(range(3), 2):
        assert above[i][j] + above[j][i] == pytest.approx(1)
    assert above[0][2] > 0.99
    assert [above[k][k] for k in range(3)] == [None] * 3


def test_rank_limits_are_whole_places_around_the_rank(rng):
    found = fit_ranking(simulated([0.2, 0.1, -0.1, -0.2], scenarios=10, rng=rng), rng=rng)
    for rank in found.ranks:
        assert float(rank.low).is_integer()
        assert float(rank.high).is_integer()
        assert 1 <= rank.low <= rank.value <= rank.high <= 4
    clear = fit_ranking(simulated([3.0, 0.0, -3.0], scenarios=200, rng=rng), rng=rng)
    assert [(rank.low, rank.value, rank.high) for rank in clear.ranks] == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]


def test_known_strengths_are_recovered(rng):
    theta = np.array([0.9, 0.4, 0.1, -0.3, -1.1])
    found = fit_ranking(simulated(theta, scenarios=1500, undecided=0.1, rng=rng), rng=rng, resamples=200)
    assert points(found.strengths) == pytest.approx(theta - theta.mean(), abs=0.08)
    assert points(found.ranks) == [1, 2, 3, 4, 5]
    assert found.fit.p_value > 0.01


def test_bootstrap_and_sandwich_agree_with_many_scenarios(rng):
    tallies = simulated([0.5, 0.2, -0.2, -0.5], scenarios=150, trials=2, spread=1.0, undecided=0.1, rng=rng)
    one, other = (fit_ranking(tallies, rng=rng, interval=interval) for interval in ("bootstrap", "sandwich"))
    widths = [[x.high - x.low for x in found.strengths] for found in (one, other)]
    assert widths[0] == pytest.approx(widths[1], rel=0.08)
    assert [x.low for x in one.strengths] == pytest.approx([x.low for x in other.strengths], abs=0.03)


@pytest.mark.parametrize("interval", ["bootstrap", "sandwich"])
def test_intervals_cover_where_trials_of_a_scenario_are_dependent(interval):
    """150 simulated llms, four trials a scenario, scenarios that differ, 18 % undecided: about 95 %, not 81 %."""
    rng = np.random.default_rng(8)
    theta = np.array([0.6, 0.0, -0.6])
    spread = rng.normal(size=200_000) * 2.5
    pairs = np.array(list(combinations(range(3), 2)))
    shares = np.array([(1 / (1 + np.exp(-(theta[i] - theta[j] + spread)))).mean() for i, j in pairs])
    truth = comparisons.fit(np.ones((1, 3)), shares[None], pairs, 3)[0][0]
    covered = naive = 0
    for _ in range(150):
        tallies = simulated(theta, scenarios=20, trials=4, spread=2.5, undecided=0.18, rng=rng)
        found = fit_ranking(tallies, rng=rng, interval=interval, resamples=300)
        covered += sum(x.low <= t <= x.high for x, t in zip(found.strengths, truth, strict=True))
        weight = np.bincount(tallies.pair, weights=tallies.decided).astype(float)
        share = np.bincount(tallies.pair, weights=tallies.wins) / weight
        fitted = comparisons.fit(weight[None], share[None], pairs, 3)[0]
        X, plane = comparisons.design(pairs, 3), comparisons.basis(3)
        curve = comparisons.derivatives(fitted @ plane, weight[None], share[None], X, plane, 0)[1][0]
        errors = np.sqrt((plane @ np.linalg.inv(curve) @ plane.T).diagonal())
        naive += (np.abs(fitted[0] - truth) <= 1.96 * errors).sum()
    assert 0.92 <= covered / 450 <= 0.985
    assert naive / 450 < 0.88


def test_goodness_of_fit_keeps_its_level_where_trials_are_dependent():
    """A true order, trials of a scenario dependent: undivided G2 would reject it far too often."""
    rng = np.random.default_rng(9)
    rejected = undivided = 0
    for _ in range(200):
        found = fit_ranking(simulated([0, 0, 0, 0], scenarios=25, trials=4, spread=2.0, rng=rng), rng=rng, resamples=1)
        rejected += found.fit.p_value < 0.05
        undivided += found.fit.design_effect < 1
    # trials are not counted as independent to begin with (N_c counts scenarios), so the design effect is below one
    assert undivided == 200
    assert 0.01 <= rejected / 200 <= 0.10


def test_results_can_be_stored_as_json(data, rng):
    found = fit_ranking(tallies_of(data, "llm_b", "open"), rng=rng, resamples=20).as_dict()
    stored = json.loads(json.dumps(found, allow_nan=False))
    assert stored["strengths"][0]["value"] == found["strengths"][0]["value"]
    assert stored["above"][0][0] is None
    assert stored["pairs"][0]["value_1"] == "autonomy"


def test_bad_input_is_refused_in_words(rng):
    with pytest.raises(ValueError, match="two or more different values"):
        tally_trials(["s"], ["a"], ["b"], ["value_1"], values=("a",))
    with pytest.raises(ValueError, match="known are"):
        tally_trials(["s"], ["a"], ["c"], ["value_1"], values=("a", "b"))
    with pytest.raises(ValueError, match="known are"):
        tally_trials(["s"], ["a"], ["a"], ["value_1"], values=("a", "b"))
    with pytest.raises(ValueError, match="two pairs"):
        tally_trials(["s", "s"], ["a", "a"], ["b", "c"], ["value_1"] * 2, values=("a", "b", "c"))
    with pytest.raises(ValueError, match="got 'A'"):
        tally_trials(["s"], ["a"], ["b"], ["A"], values=("a", "b"))
    with pytest.raises(ValueError, match="one entry for each trial"):
        tally_trials(["s"], ["a"], ["b"], [], values=("a", "b"))
    tallies = wins(("a", "b", 2, 2), values=("a", "b"))
    with pytest.raises(ValueError, match="above 0"):
        fit_ranking(tallies, rng=rng, alpha=0)
    with pytest.raises(ValueError, match="unknown method"):
        fit_ranking(tallies, rng=rng, method="elo")


class TestNewton:
    def test_lopsided_shares_converge(self):
        """999 of 1000 twice over: full Newton steps from zero would overshoot."""
        pairs = np.array([[0, 1], [1, 2], [0, 2]])
        weight, share = np.full((1, 3), 1000.0), np.array([[0.999, 0.999, 0.9999999]])
        theta, converged = comparisons.fit(weight, share, pairs, 3)
        assert converged.all()
        X, plane = comparisons.design(pairs, 3), comparisons.basis(3)
        slope, _ = comparisons.derivatives(theta @ plane, weight, share, X, plane, 0)
        assert np.abs(slope).max() < 1e-7

    def test_many_tables_at_once_are_the_same_as_one_by_one(self, rng):
        pairs = np.array(list(combinations(range(5), 2)))
        weight, share = rng.uniform(1, 30, size=(50, 10)), rng.uniform(0.05, 0.95, size=(50, 10))
        together, _ = comparisons.fit(weight, share, pairs, 5)
        singly = np.concatenate([comparisons.fit(weight[b : b + 1], share[b : b + 1], pairs, 5)[0] for b in range(50)])
        assert together == pytest.approx(singly, abs=1e-9)
        assert together.sum(axis=1) == pytest.approx(np.zeros(50), abs=1e-12)

    def test_derivatives_are_those_of_the_objective(self, rng):
        pairs = np.array(list(combinations(range(4), 2)))
        X, plane = comparisons.design(pairs, 4), comparisons.basis(4)
        weight, share = rng.uniform(1, 9, size=(1, 6)), rng.uniform(0.1, 0.9, size=(1, 6))
        beta, step = rng.normal(size=(1, 3)), 1e-5
        slope, curve = comparisons.derivatives(beta, weight, share, X, plane, 0.3)
        for k in range(3):
            ahead, behind = beta.copy(), beta.copy()
            ahead[0, k] += step
            behind[0, k] -= step
            up, down = (comparisons.objective(b, weight, share, X, plane, 0.3)[0] for b in (ahead, behind))
            assert slope[0, k] == pytest.approx((up - down) / (2 * step), rel=1e-6)
            up, down = (comparisons.derivatives(b, weight, share, X, plane, 0.3)[0][0] for b in (ahead, behind))
            assert -curve[0, k] == pytest.approx((up - down) / (2 * step), rel=1e-5)

    def test_a_chain_of_wins_in_a_ring_is_connected_and_a_line_is_not(self):
        ring = np.roll(np.eye(6, dtype=bool), 1, axis=1)
        line = ring.copy()
        line[5, 0] = False
        assert comparisons.strongly_connected(np.stack([ring, line])).tolist() == [True, False]
        assert comparisons.cut_off(ring, "abcdef") == ((), "")
