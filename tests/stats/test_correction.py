"""A judge's ranking corrected by what people decided on a sample."""

from itertools import combinations

import numpy as np
import pytest
from ppi_py import ppi_mean_pointestimate

from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from conflictscope.stats.correction import corrected_ranking, corrected_steering, more_labels
from conflictscope.stats.correction.design import Design
from conflictscope.stats.correction.estimate import Frame, corrected, pair_limits
from conflictscope.stats.correction.sample import align
from tests.stats.test_bradley_terry import points


def tallies_of(y, d, *, values=("a", "b"), trials=2):
    """One pair: shares of trials won and decided by scenario, as trials."""
    rows = []
    for s, (won, decided) in enumerate(zip(y, d, strict=True)):
        first, blank = round(won * trials), round((1 - decided) * trials)
        choices = ["value_1"] * first + ["neither"] * blank + ["value_2"] * (trials - first - blank)
        rows += [(f"s{s}", "a", "b", choice) for choice in choices]
    return tally_trials(*zip(*rows, strict=True), values=values)


def drawn(rng, *, theta=(0.9, 0.0, -0.9), scenarios=40, labels=16, trials=1, wrong=None, undecided=0.0):
    """A judge's and people's tallies: the judge flips a decision with a chance that depends on the losing value."""
    theta = np.asarray(theta)
    wrong = np.full(len(theta), 0.2) if wrong is None else np.asarray(wrong)
    names = tuple(f"v{k}" for k in range(len(theta)))
    judge, people = [], []
    for i, j in combinations(range(len(theta)), 2):
        some = set(rng.choice(scenarios, labels, replace=False).tolist())
        for s in range(scenarios):
            for _ in range(trials):
                first = rng.random() < 1 / (1 + np.exp(theta[j] - theta[i]))
                seen = first ^ (rng.random() < wrong[j if first else i])
                blank = rng.random() < undecided
                row = (f"{i}-{j}-{s}", names[i], names[j])
                judge.append((*row, "neither" if blank else "value_1" if seen else "value_2"))
                if s in some:
                    people.append((*row, "neither" if blank else "value_1" if first else "value_2"))
    return tuple(tally_trials(*zip(*rows, strict=True), values=names) for rows in (judge, people))


def frame_of(judge, people, **how):
    return Frame.of(align(judge, people, **how), ())


class TestWorkedExample:
    @pytest.mark.parametrize("name", ["lambda_0", "lambda_1", "lambda_half", "lambda_optimal"])
    def test_one_pair(self, data, expected, name):
        given, wanted = data["correction"], expected["correction_one_pair"][name]
        frame = frame_of(tallies_of(given["F"], [1] * 10), tallies_of(given["Y"], [1] * 5))
        found = corrected(frame, None if name == "lambda_optimal" else wanted["lam"])
        share, variance, _, _ = pair_limits(found, 0, 0.95)
        assert found.lam == pytest.approx(wanted["lam"])
        assert share == pytest.approx(wanted["p"], abs=1e-6)
        assert variance == pytest.approx(wanted["variance"], abs=1e-6)

    def test_ratio_form(self, data, expected):
        given, wanted = data["correction"], expected["correction_one_pair"]["ratio_lambda_half"]
        judge = tallies_of(given["y_judge"], given["d_judge"])
        frame = frame_of(judge, tallies_of(given["y_people"], given["d_people"]))
        found = corrected(frame, 0.5)
        share, variance, _, _ = pair_limits(found, 0, 0.95)
        assert share == pytest.approx(wanted["p"], abs=1e-6)
        assert variance == pytest.approx(wanted["variance"], abs=1e-6)
        # the strengths of two values are the log odds of the share, and so is their variance by the delta method
        assert found.theta[0] - found.theta[1] == pytest.approx(np.log(share / (1 - share)))
        gap = np.array([1.0, -1.0])
        assert gap @ found.theta_covariance @ gap == pytest.approx(variance / (share * (1 - share)) ** 2)


@pytest.mark.parametrize("lam", [0.0, 0.4, 1.0])
def test_agrees_with_ppi_python(data, lam):
    """Its lambda is ours x (1 - m / N): it averages the judge's word over the unlabelled only."""
    given = data["correction"]
    F, Y = (np.array(given[name], dtype=float) for name in "FY")
    theirs = ppi_mean_pointestimate(Y, F[:5], F[5:], lam=lam * (1 - 5 / 10))[0]
    frame = frame_of(tallies_of(F, [1] * 10), tallies_of(Y, [1] * 5))
    assert pair_limits(corrected(frame, lam), 0, 0.95)[0] == pytest.approx(theirs, abs=1e-12)


def test_lambda_is_that_of_ppi_python(rng):
    """One pair: Cov(Y, F) / Var(F) over all, which theirs divides by 1 + m / N', N' being the unlabelled."""
    truth = rng.random(200) < 0.6
    F = np.where(rng.random(200) < 0.2, ~truth, truth).astype(float)
    Y = truth[:60].astype(float)
    judge, people = tallies_of(F, [1] * 200, trials=1), tallies_of(Y, [1] * 60, trials=1)
    found = corrected(frame_of(judge, people))
    assert found.lam == pytest.approx(np.cov(Y, F[:60])[0, 1] / F.var(ddof=1), abs=1e-9)


def test_where_the_judge_is_always_right_the_interval_is_nearly_that_of_people_on_everything(rng):
    judge, people = drawn(rng, wrong=[0, 0, 0], scenarios=80, labels=30)
    found = corrected_ranking(judge, people, rng=rng)
    assert found.corrected.lam == pytest.approx(1.0, abs=0.1)
    assert points(found.corrected.strengths) == pytest.approx(points(found.judge.strengths), abs=0.03)
    assert found.corrected.widest == pytest.approx(max(one.high - one.low for one in found.judge.strengths), rel=0.12)
    assert found.people.widest > 1.3 * found.corrected.widest


def test_where_the_judge_guesses_its_word_counts_for_next_to_nothing(rng):
    judge, people = drawn(rng, wrong=[0.5] * 3, scenarios=80, labels=40)
    found = corrected_ranking(judge, people, rng=rng)
    assert found.corrected.lam < 0.25
    assert found.corrected.widest == pytest.approx(found.people.widest, rel=0.05)


def test_people_on_everything_are_the_truth(rng):
    judge, people = drawn(rng, labels=40)
    found = corrected_ranking(judge, people, rng=rng)
    truth = fit_ranking(people, rng=rng, interval="sandwich")
    assert points(found.corrected.strengths) == pytest.approx(points(truth.strengths), abs=1e-9)
    assert points(found.people.strengths) == pytest.approx(points(truth.strengths), abs=1e-9)


def test_lambda_zero_is_people_alone(rng):
    judge, people = drawn(rng)
    found = corrected_ranking(judge, people, rng=rng)
    alone = fit_ranking(people, rng=rng, interval="sandwich")
    assert points(found.people.strengths) == pytest.approx(points(alone.strengths), abs=1e-9)
    widths = [one.high - one.low for one in found.people.strengths]
    # m - 1 in place of m
    assert widths == pytest.approx([(one.high - one.low) * np.sqrt(16 / 15) for one in alone.strengths], rel=0.02)


def test_judge_alone_misses_and_the_corrected_holds():
    """Errors that depend on the value, kappa about 0.6: of 60 simulated studies the judge's intervals hold few."""
    rng = np.random.default_rng(12)
    theta = np.array([0.9, 0.0, -0.9])
    hits = np.zeros(3)
    for _ in range(60):
        judge, people = drawn(rng, theta=theta, scenarios=50, labels=20, wrong=[0.02, 0.2, 0.45])
        found = corrected_ranking(judge, people, rng=rng, draws=50)
        for k, column in enumerate((found.judge, found.people, found.corrected)):
            hits[k] += sum(one.low <= t <= one.high for one, t in zip(column.strengths, theta, strict=True))
    judge_only, people_only, both = hits / 180
    assert judge_only < 0.6
    assert people_only > 0.91
    assert both > 0.91


def test_undecided_trials_and_several_trials_are_taken_by_scenario(rng):
    judge, people = drawn(rng, scenarios=60, labels=24, trials=4, undecided=0.2)
    found = corrected_ranking(judge, people, rng=rng)
    assert found.reason == ""
    assert points(found.corrected.ranks) == [1, 2, 3]
    assert all(one.low < one.value < one.high for one in found.corrected.strengths)


def test_turning_the_pairs_round_turns_nothing(rng):
    judge, people = drawn(rng, labels=20)

    def turned(tallies):
        rows = []
        for s, name in enumerate(tallies.scenarios):
            first, second = (tallies.values[k] for k in tallies.pairs[tallies.pair[s]])
            rows.append((name, second, first, "value_2" if tallies.wins[s] else "value_1"))
        return tally_trials(*zip(*rows, strict=True), values=tallies.values)

    one = corrected_ranking(judge, people, rng=np.random.default_rng(3))
    other = corrected_ranking(turned(judge), turned(people), rng=np.random.default_rng(3))
    assert points(one.corrected.strengths) == pytest.approx(points(other.corrected.strengths), abs=1e-12)
    assert one.corrected.widest == pytest.approx(other.corrected.widest)


def test_no_labels_no_correction(rng):
    judge, people = drawn(rng)
    nobody = people.take(np.zeros(len(people.scenarios), dtype=bool))
    found = corrected_ranking(judge, nobody, rng=rng)
    assert found.reason == "no scenario was labelled whole by people: no correction"
    assert points(found.corrected.strengths) == [None] * 3
    assert found.judge.strengths[0].defined
    few = people.take(np.arange(len(people.scenarios)) < 3)
    assert "3 scenarios only" in corrected_ranking(judge, few, rng=rng).reason


def test_scenarios_labelled_in_part_do_not_correct_and_are_counted(rng):
    judge, _ = drawn(rng, trials=2, labels=20)
    rows = [("0-1-0", "v0", "v1", "value_1")]
    single = tally_trials(*zip(*rows, strict=True), values=judge.values)
    found = corrected_ranking(judge, single, rng=rng)
    assert (found.labelled, found.partial) == (0, 1)
    assert "decided some trials only" in found.reason


def test_scenarios_of_the_prompts_choice_leave_the_frame(rng):
    judge, people = drawn(rng, labels=20)
    tuned = people.scenarios[:10]
    found = corrected_ranking(judge, people, rng=rng, left_out=tuned)
    assert (found.scenarios, found.labelled, found.left_out) == (110, 50, 10)
    rest = [name not in tuned for name in judge.scenarios]
    kept = [name not in tuned for name in people.scenarios]
    same = corrected_ranking(judge.take(np.array(rest)), people.take(np.array(kept)), rng=rng)
    assert points(same.corrected.strengths) == pytest.approx(points(found.corrected.strengths))
    assert points(same.judge.strengths) == pytest.approx(points(found.judge.strengths))


def test_pairs_with_few_labels_borrow_and_are_marked(rng):
    judge, people = drawn(rng, labels=20)
    last = max(people.pair)
    keep = (people.pair != last) | (np.cumsum(people.pair == last) <= 2)
    found = corrected_ranking(judge, people.take(keep), rng=rng)
    assert found.borrowing == (("v1", "v2"),)
    assert found.to_end_borrowing == 3
    assert any("3 labels would end it" in said for said in found.warnings)
    assert found.pairs[2].borrows
    assert found.pairs[2].share.low is None
    whole = corrected_ranking(judge, people, rng=rng)
    assert found.corrected.widest > whole.corrected.widest


def test_a_sample_without_a_win_of_a_value_has_no_corrected_strengths_but_bounds(rng):
    judge = tallies_of([1] * 20 + [0] * 20, [1] * 40, trials=1)
    people = tallies_of([1] * 12, [1] * 12, trials=1)
    found = corrected_ranking(judge, people, rng=rng)
    # nobody among the labelled differs from the judge, but people alone have seen one side only
    assert "no finite strengths" in found.people.reason
    assert found.people_bounds.relative[0].low is not None or found.people_bounds.relative[1].high is not None


def test_tables_that_do_not_fit_are_refused_in_words(rng):
    judge, people = drawn(rng)
    with pytest.raises(ValueError, match="same values"):
        corrected_ranking(judge, tallies_of([1], [1]), rng=rng)
    with pytest.raises(ValueError, match="one entry for each of the judge's 120"):
        corrected_ranking(judge, people, rng=rng, chance=[0.5])
    with pytest.raises(ValueError, match="above 0 and is at most 1"):
        corrected_ranking(judge, people, rng=rng, chance=[0.0] * 120)
    with pytest.raises(ValueError, match="a width is above 0"):
        more_labels(judge, people, width=0, rng=rng)


def test_strata_and_equal_chances_leave_a_plain_sample_nearly_as_it_is(rng):
    judge, people = drawn(rng, scenarios=60, labels=30)
    plain = corrected_ranking(judge, people, rng=rng)
    seen = set(people.scenarios)
    # each pair's scenarios in two strata of its own, by number
    strata = [f"{name[:3]} {int(name.split('-')[2]) % 2}" for name in judge.scenarios]
    by_stratum = corrected_ranking(judge, people, rng=rng, stratum=strata)
    by_chance = corrected_ranking(judge, people, rng=rng, chance=[0.5] * len(judge.scenarios))
    assert len(seen) == by_stratum.labelled == by_chance.labelled == 90
    # lambda divides by N in place of N - 1
    assert points(by_chance.corrected.strengths) == pytest.approx(points(plain.corrected.strengths), abs=2e-3)
    assert points(by_stratum.corrected.strengths) == pytest.approx(points(plain.corrected.strengths), abs=0.25)
    assert by_stratum.corrected.widest == pytest.approx(plain.corrected.widest, rel=0.15)


def test_a_sample_drawn_with_unequal_chances_is_corrected_by_them():
    """Scenarios that the judge gave to the second value are labelled three times as often: unweighted, that misses."""
    rng = np.random.default_rng(15)
    theta = np.array([0.6, 0.0, -0.6])
    hits = np.zeros(2)
    for _ in range(60):
        judge, everyone = drawn(rng, theta=theta, scenarios=60, labels=60, wrong=[0.3, 0.2, 0.05])
        chance = np.where(judge.wins == 1, 0.25, 0.75)
        where = {name: s for s, name in enumerate(judge.scenarios)}
        at = np.array([where[name] for name in everyone.scenarios])
        people = everyone.take(rng.random(len(at)) < chance[at])
        for k, chances in enumerate((chance, None)):
            found = corrected_ranking(judge, people, rng=rng, chance=chances, draws=50)
            column = found.corrected if k == 0 else found.people
            hits[k] += sum(one.low <= t <= one.high for one, t in zip(column.strengths, theta, strict=True))
    weighted, unweighted = hits / 180
    assert weighted > 0.90
    assert unweighted < weighted


class TestDesign:
    def test_strata_by_hand(self):
        # one domain of 10, strata of 6 and 4 with three and two labelled
        labelled = np.array([1, 1, 1, 0, 0, 0, 1, 1, 0, 0], dtype=bool)
        design = Design(np.zeros(10, dtype=np.int64), labelled, stratum=["x"] * 6 + ["y"] * 4)
        x = np.array([1.0, 2, 3, 0, 0, 0, 4, 6, 0, 0])[:, None]
        # mean 0.6 * 2 + 0.4 * 5; variance 0.36 (1/3 - 1/6) 1 + 0.16 (1/2 - 1/4) 2
        assert design.weights @ x[:, 0] == pytest.approx(3.2)
        assert design.sampling(x, x)[0, 0, 0] == pytest.approx(0.36 / 6 + 0.16 / 2)

    def test_a_stratum_with_one_label_is_joined_to_a_neighbour(self):
        labelled = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)
        design = Design(np.zeros(8, dtype=np.int64), labelled, stratum=["x"] * 4 + ["y"] * 4)
        assert len(design.strata) == 1
        assert design.weights[labelled].tolist() == pytest.approx([1 / 3] * 3)

    def test_equal_chances_are_no_strata(self):
        labelled = np.array([True] * 5 + [False] * 5)
        x = np.arange(10.0)[:, None]
        plain = Design(np.zeros(10, dtype=np.int64), labelled)
        equal = Design(np.zeros(10, dtype=np.int64), labelled, chance=[0.5] * 10)
        assert equal.weights == pytest.approx(plain.weights)
        assert equal.sampling(x, x) == pytest.approx(plain.sampling(x, x))

    def test_unequal_chances_give_unbiased_means_with_a_variance_that_holds(self):
        rng = np.random.default_rng(2)
        size = 120
        x = rng.normal(size=size) + np.linspace(0, 2, size)
        chance = np.linspace(0.15, 0.7, size)
        means, variances = [], []
        for _ in range(1500):
            labelled = rng.random(size) < chance
            design = Design(np.zeros(size, dtype=np.int64), labelled, chance=chance)
            means.append(design.weights @ x)
            variances.append(design.sampling(x[:, None], x[:, None])[0, 0, 0])
        assert np.mean(means) == pytest.approx(x.mean(), abs=0.03)
        assert np.mean(variances) == pytest.approx(np.var(means), rel=0.12)

    def test_chances_that_only_the_drawn_ones_have_tell_as_much_as_those_of_all(self):
        """Of scenarios that were not drawn nobody knows the chance: 1 stands there. What lambda divides by is the same in the mean."""
        rng = np.random.default_rng(3)
        size = 120
        x = (rng.normal(size=size) + np.linspace(0, 2, size))[:, None]
        chance = np.linspace(0.15, 0.7, size)
        found = []
        for _ in range(400):
            labelled = rng.random(size) < chance
            design = Design(np.zeros(size, dtype=np.int64), labelled, chance=np.where(labelled, chance, 1.0))
            found.append(design.frame(x, x)[0, 0, 0])
        known = Design(np.zeros(size, dtype=np.int64), labelled, chance=chance)
        assert np.mean(found) == pytest.approx(known.frame(x, x)[0, 0, 0], rel=0.12)


class TestMoreLabels:
    def test_the_forecast_is_what_the_labels_then_give(self):
        """Labels are drawn as forecast, 20 times: the widest interval is then about as wide as was asked for."""
        rng = np.random.default_rng(5)
        widths = []
        for _ in range(20):
            judge, everyone = drawn(rng, scenarios=80, labels=80)
            order = rng.permutation(80)
            rank = np.array([int(np.flatnonzero(order == int(name.split("-")[2]))[0]) for name in everyone.scenarios])
            people = everyone.take(rank < 12)
            plan = more_labels(judge, people, width=0.95, rng=rng)
            assert plan.reachable
            assert plan.then <= 0.95 < plan.now
            extra = {(one, two): more for one, two, more in plan.pairs}
            limit = np.array([12 + extra.get((f"v{i}", f"v{j}"), 0) for i, j in everyone.pairs])
            then = corrected_ranking(judge, everyone.take(rank < limit[everyone.pair]), rng=rng, draws=50)
            widths.append(then.corrected.widest)
        assert np.mean(widths) == pytest.approx(0.95, abs=0.08)

    def test_what_labels_cannot_reach_is_said(self, rng):
        judge, people = drawn(rng, scenarios=30, labels=10)
        plan = more_labels(judge, people, width=0.05, rng=rng)
        assert not plan.reachable
        # the pair without the widest strength would not help it
        assert plan.total in (40, 60)
        enough = more_labels(judge, people, width=50.0, rng=rng)
        assert (enough.total, enough.reachable) == (0, True)

    def test_without_labels_there_is_nothing_to_forecast_from(self, rng):
        judge, people = drawn(rng)
        plan = more_labels(judge, people.take(np.zeros(len(people.scenarios), dtype=bool)), width=1.0, rng=rng)
        assert "nothing to forecast from" in plan.reason


def test_where_people_find_everything_aligned_by_default_there_is_no_effect_to_correct():
    """The effect is a share of what is left to align: with nothing left it is undefined, and says so."""
    judge = np.tile([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]], (15, 1))
    people = np.ones((30, 3))
    people[20:] = np.nan
    found = corrected_steering(judge, people)
    assert not found.defined
    assert "undefined" in found.reason
