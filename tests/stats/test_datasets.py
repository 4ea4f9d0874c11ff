"""What is said of a dataset."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from conflictscope.stats.datasets import (
    conjunction,
    discriminative_power,
    diversity,
    likert_divergence,
    observed_agreement,
    pass_rates,
)
from conflictscope.stats.types import Estimate

LLMS = ("llm_a", "llm_b", "llm_c")
NAMES = {"P": "pass", "F": "fail", "U": "unparsable", ".": None}


def chosen(letter, order):
    if letter is None:
        return "none"
    return "value_1" if (letter == "A") == (order == "value_1_first") else "value_2"


class TestWorkedExample:
    def test_observed_agreement(self, data, expected):
        rows = [
            (uid, order, llm, chosen(letter, order))
            for llm in LLMS
            for uid, answers in data["multiple_choice"][llm].items()
            for order, letter in answers.items()
        ]
        found = observed_agreement(*zip(*rows, strict=True))
        wanted = expected["observed_agreement"]
        for uid, agreement in zip(found.scenarios, found.per_scenario, strict=True):
            top, bottom = wanted["A_s"][uid].split("/")
            assert agreement == pytest.approx(int(top) / int(bottom))
        assert found.mean.value == pytest.approx(wanted["mean"], abs=1e-6)
        # the example rounds the normal quantile to 1.96
        assert [found.mean.low, found.mean.high] == pytest.approx(wanted["ci_normal"], abs=3e-6)
        assert (found.mean.n, found.left_out) == (12, 0)
        assert "12 units only" in found.mean.warning

    def test_likert_divergence(self, data, expected):
        rows = [(uid, llm, *pair) for llm in LLMS for uid, pair in data["ratings"][llm].items()]
        found = likert_divergence(*zip(*rows, strict=True))
        wanted = expected["likert_divergence"]
        assert (found.differ, found.pairs, found.left_out) == (wanted["differ"], wanted["of"], 1)
        assert found.share.value == pytest.approx(wanted["share"], abs=1e-6)
        assert found.mean_difference.value == pytest.approx(wanted["mean_absolute_difference"], abs=1e-6)
        assert found.mean_difference.low < found.mean_difference.value < found.mean_difference.high

    def test_pass_rates(self, data, expected):
        outcomes = [[NAMES[letter] for letter in data["filter"]["judge"][s["uid"]]] for s in data["scenarios"]]
        found = pass_rates(outcomes, dimensions=data["dimensions"])
        for name, wanted in expected["pass_rates_judge"].items():
            rate = found.all if name == "all six" else found.dimensions[name]
            assert (rate.passed, rate.of) == (wanted["passed"], wanted["of"])
            assert rate.unparsable == wanted.get("unparsable", wanted.get("undecided"))
            assert rate.rate.value == pytest.approx(wanted["rate"], abs=1e-6)
            assert [rate.rate.low, rate.rate.high] == pytest.approx(wanted["wilson"], abs=1e-6)

    def test_conjunction_of_the_peoples_majority(self, expected):
        wanted = expected["people_majority_filter"]
        found = conjunction([[NAMES[letter] for letter in letters] for letters in wanted["verdicts"].values()])
        assert found == tuple(NAMES[letter] for letter in wanted["conjunction"].values())


def test_observed_agreement_by_hand():
    # three llms, 2 against 1: 2 * 1 / (3 * 2) = 1/3; the other order: two of them decide, alike: 1. Mean 2/3.
    rows = [
        ("s", "order 1", "a", "value_1"),
        ("s", "order 1", "b", "value_1"),
        ("s", "order 1", "c", "value_2"),
        ("s", "order 2", "a", "value_2"),
        ("s", "order 2", "b", "value_2"),
        ("s", "order 2", "c", "both"),
    ]
    found = observed_agreement(*zip(*rows, strict=True))
    assert found.per_scenario == pytest.approx([2 / 3])
    assert found.mean.warning == "one unit only: no interval"


def test_observed_agreement_near_one_keeps_inside_it_and_is_marked():
    """30 scenarios of three llms, one of which two against one: the normal upper limit would be above 1."""
    rows = [(s, 0, llm, "value_2" if (s, llm) == (0, "a") else "value_1") for s in range(30) for llm in "abc"]
    found = observed_agreement(*zip(*rows, strict=True)).mean
    assert found.value == pytest.approx((29 + 1 / 3) / 30)
    assert found.low < found.value < found.high <= 1
    assert found.conservative
    alike = observed_agreement(*zip(*[row for row in rows if row[0]], strict=True)).mean
    assert (alike.value, alike.high) == (1, 1)
    assert alike.low == pytest.approx(0.025 ** (1 / 29))


def test_discriminative_power_counts_pairs_away_from_one_half():
    shares = [
        Estimate(0.7, 0.55, 0.8),
        Estimate(0.5, 0.4, 0.6),
        Estimate(0.2, 0.1, 0.3),
        Estimate(0.9, warning="one scenario"),
    ]
    found = discriminative_power(shares)
    assert (found.value, found.n) == (pytest.approx(2 / 3), 3)
    assert "no pair" in discriminative_power([]).reason


def test_a_scenario_that_one_llm_decided_is_left_out_and_counted():
    found = observed_agreement(["s", "s"], [0, 0], ["a", "b"], ["value_1", "neither"])
    assert found.mean.reason == "in no scenario did two llms decide"
    assert found.left_out == 1


def test_observed_agreement_interval_covers_where_llms_are_dependent():
    """300 simulated datasets, six llms whose choices hang on the scenario: pairs taken as independent cover half."""
    rng = np.random.default_rng(2)

    def draw(n):
        chance = rng.beta(0.7, 0.7, size=n)
        ones = rng.binomial(6, chance)
        return ones, (ones * (ones - 1) + (6 - ones) * (5 - ones)) / 30

    truth = draw(400_000)[1].mean()
    covered = naive = 0
    for _ in range(300):
        ones, agreement = draw(60)
        rows = [
            (s, 0, llm, "value_1" if llm < count else "value_2") for s, count in enumerate(ones) for llm in range(6)
        ]
        found = observed_agreement(*zip(*rows, strict=True))
        assert found.mean.value == pytest.approx(agreement.mean())
        covered += found.mean.low <= truth <= found.mean.high
        naive += abs(found.mean.value - truth) < 1.96 * math.sqrt(truth * (1 - truth) / (60 * 15))
    assert 0.92 <= covered / 300 <= 0.98
    assert naive / 300 < 0.7


def test_likert_divergence_by_hand():
    found = likert_divergence(["s", "s", "t", "t"], ["a", "b", "a", "b"], [3, 4, 7, None], [6, 4, 1, 2])
    assert (found.pairs, found.differ, found.left_out) == (3, 2, 1)
    assert found.share.value == pytest.approx(2 / 3)
    assert found.mean_difference.value == pytest.approx(3)
    assert (found.share.n, found.llms) == (2, 2)


def test_undefined_cases_are_said_in_words():
    nothing = likert_divergence(["s"], ["a"], [None], [3])
    assert nothing.share.reason == nothing.mean_difference.reason == "no llm rated both actions of a scenario"
    assert likert_divergence([], [], [], []).pairs == 0
    rates = pass_rates([["unparsable", None]], dimensions=("realism", "specificity"))
    assert rates.dimensions["realism"].rate.reason == "no scenario has a pass or a fail"
    assert rates.dimensions["realism"].unparsable == 1
    assert rates.all.of == 0


def test_one_fail_fails_whatever_the_rest_says():
    assert conjunction(
        [
            ["pass", "fail"],
            ["unparsable", "fail"],
            ["pass", "unparsable"],
            ["pass", "pass"],
            [None, "fail"],
            [None, "pass"],
        ]
    ) == ("fail", "fail", "unparsable", "pass", "fail", None)


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="answered scenario 's' twice"):
        observed_agreement(["s", "s"], [0, 0], ["a", "a"], ["value_1", "value_1"])
    with pytest.raises(ValueError, match="got 'A'"):
        observed_agreement(["s"], [0], ["a"], ["A"])
    with pytest.raises(ValueError, match="one entry for each"):
        observed_agreement(["s"], [0], ["a"], [])
    with pytest.raises(ValueError, match="ratings go from 1 to 7"):
        likert_divergence(["s"], ["a"], [0], [3])
    with pytest.raises(ValueError, match="got 'P'"):
        conjunction([["P"]])
    with pytest.raises(ValueError, match="needs 2 outcomes"):
        pass_rates([["pass"]], dimensions=("realism", "specificity"))
    with pytest.raises(ValueError, match="as many counts"):
        pass_rates([["pass"]], dimensions=("realism",), counts=[1, 2])


def test_pass_rates_of_counted_rows_are_those_of_the_rows_written_out():
    patterns = [("pass", "fail"), ("pass", "pass"), ("unparsable", "pass"), (None, "fail")]
    counts = [3, 4, 2, 0]
    rows = [pattern for pattern, count in zip(patterns, counts, strict=True) for _ in range(count)]
    names = ("realism", "specificity")
    assert pass_rates(patterns, dimensions=names, counts=counts) == pass_rates(rows, dimensions=names)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_diversity_is_what_comparing_every_twosome_gives() -> None:
    """Two pairs by hand: 1 - cos of every twosome; the jackknife by leaving each text out in turn."""
    rng = np.random.default_rng(7)
    groups = [unit(rng.normal(size=(m, 5)) + 1) for m in (12, 17)]

    def by_hand(rows: NDArray[np.float32]) -> float:
        return float(np.mean([1 - rows[i] @ rows[j] for i in range(len(rows)) for j in range(i)]))

    found = diversity(groups)
    assert found.mean.value == pytest.approx(np.mean([by_hand(rows) for rows in groups]), abs=1e-6)
    variances = []
    for rows in groups:
        without = np.array([by_hand(np.delete(rows, i, axis=0)) for i in range(len(rows))])
        variances.append((len(rows) - 1) / len(rows) * ((without - without.mean()) ** 2).sum())
    half = 1.959964 * np.sqrt(sum(variances)) / 2
    assert found.mean.high == pytest.approx(found.mean.value + half, abs=1e-5)
    assert (found.mean.n, found.pairs, found.left_out) == (29, 2, 0)


def test_diversity_of_texts_that_are_all_alike_is_nothing_and_of_too_few_is_undefined() -> None:
    alike = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (12, 1))
    assert diversity([alike]).mean.value == pytest.approx(0, abs=1e-6)
    alone = diversity([alike[:1], alike[:0]])
    assert (alone.mean.value, alone.mean.reason) == (None, "no value pair has two texts to compare")
    assert alone.left_out == 1
    two = diversity([alike[:2], np.eye(12, dtype=np.float32)])
    assert (two.mean.value, two.mean.low) == (pytest.approx(0.5, abs=1e-6), None)
    assert "no interval" in two.mean.warning
    assert "too few to trust" in diversity([np.eye(4, dtype=np.float32)]).mean.warning


def test_the_interval_of_diversity_holds_what_it_promises() -> None:
    """Texts scattered about a centre of their pair: the truth is 1 - |mean vector|², here from a very large sample."""
    rng = np.random.default_rng(11)
    centres = [1.5 * centre for centre in np.eye(6)[:3]]

    def sample(centre: NDArray[np.float64], m: int) -> NDArray[np.float32]:
        return unit(rng.normal(size=(m, 6)) + centre)

    truth = float(np.mean([1 - (sample(centre, 200_000).mean(axis=0) ** 2).sum() for centre in centres]))
    covered = 0
    for _ in range(400):
        mean = diversity([sample(centre, 25) for centre in centres]).mean
        assert mean.low is not None
        assert mean.high is not None
        covered += mean.low <= truth <= mean.high
    assert 0.915 <= covered / 400 <= 0.98
