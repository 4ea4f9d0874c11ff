"""Rankings of other kinds: with ties, with undecided trials credited, as the paper's script computes."""

import choix
import numpy as np
import pytest

from conflictscope.stats.bradley_terry import (
    authors_ranking,
    fit_ranking,
    fit_with_ties,
    tally_trials,
    undecided_bounds,
)
from tests.stats.test_bradley_terry import LLMS, MODES, VALUES, points, simulated, trials_of, wins

# Davidson (1970), J. Am. Stat. Assoc. 65(329):317-328, table 1: brands of chocolate pudding, preferred i, j, neither.
PUDDINGS = [
    (1, 2, 19, 22, 16), (1, 3, 16, 19, 12), (2, 3, 19, 19, 10), (1, 4, 18, 23, 13), (2, 4, 23, 19, 9),
    (3, 4, 19, 20, 15), (1, 5, 13, 19, 18), (2, 5, 16, 20, 12), (3, 5, 16, 15, 17), (4, 5, 17, 14, 16),
    (1, 6, 18, 21, 12), (2, 6, 22, 20, 12), (3, 6, 13, 18, 10), (4, 6, 14, 19, 18), (5, 6, 11, 21, 12),
]  # fmt: skip


def puddings():
    rows = []
    for i, j, first, second, neither in PUDDINGS:
        for choice, count in (("value_1", first), ("value_2", second), ("neither", neither)):
            rows += [(str(i), str(j), choice)] * count
    return tally_trials(range(len(rows)), *zip(*rows, strict=True), values=tuple("123456"))


class TestTies:
    def test_davidsons_puddings(self):
        found = fit_with_ties(puddings())
        worth = np.exp(points(found.strengths))
        # The R package PlackettLuce (Turner et al. 2020, Comput. Stat. 35) gives these for Davidson's data
        wanted = [0.1388005, 0.1729985, 0.1617420, 0.1653930, 0.1586805, 0.2023855]
        # its iterations stop a little before the maximum
        assert worth / worth.sum() == pytest.approx(wanted, abs=4e-5)
        assert np.exp(found.log_nu.value) == pytest.approx(0.7468147, abs=2e-5)
        assert (found.ties, found.trials) == (202, 745)

    def test_two_values_by_hand(self):
        # 6 : 3 : 3 of 12: w_1 / w_2 = 2, and nu = 3 / sqrt(6 x 3)
        rows = [("a", "b", choice) for choice in ["value_1"] * 6 + ["value_2"] * 3 + ["both"] * 3]
        found = fit_with_ties(tally_trials(range(12), *zip(*rows, strict=True), values=("a", "b")))
        assert points(found.strengths) == pytest.approx([np.log(2) / 2, -np.log(2) / 2])
        assert np.exp(found.log_nu.value) == pytest.approx(3 / np.sqrt(18))
        # log(6/3) / 2 has the variance (1/6 + 1/3) / 4
        assert found.strengths[0].high - found.strengths[0].value == pytest.approx(
            1.959964 * np.sqrt(0.5) / 2, rel=1e-4
        )

    def test_what_has_no_fit_says_why(self):
        none = fit_with_ties(wins(("a", "b", 4, 4), values=("a", "b")))
        assert "no trial was tied" in none.reason
        rows = [("a", "b", "value_1")] * 3 + [("b", "c", "both")] * 2
        apart = fit_with_ties(tally_trials(range(5), *zip(*rows, strict=True), values=("a", "b", "c")))
        assert apart.reason.startswith("no finite maximum likelihood fit")
        assert points(apart.strengths) == [None] * 3


class TestUndecidedBounds:
    def test_two_values_by_hand(self):
        # 5 : 3 with 2 undecided: 5 : 5 against a, 7 : 3 for it
        rows = [("a", "b", choice) for choice in ["value_1"] * 5 + ["value_2"] * 3 + ["neither", "none"]]
        first, second = undecided_bounds(tally_trials(range(10), *zip(*rows, strict=True), values=("a", "b")))
        assert (first.low, first.high) == (pytest.approx(0, abs=1e-9), pytest.approx(np.log(7 / 3) / 2))
        assert (second.low, second.high) == (pytest.approx(-np.log(7 / 3) / 2), pytest.approx(0, abs=1e-9))
        assert (first.best_rank, first.worst_rank) == (1, 1)

    def test_they_enclose_the_ranking_of_decided_trials(self, rng):
        tallies = simulated([0.6, 0.0, -0.6], scenarios=30, undecided=0.2, rng=rng)
        ranking = fit_ranking(tallies, rng=rng, resamples=10)
        for bound, one in zip(undecided_bounds(tallies), ranking.strengths, strict=True):
            assert bound.low < one.value < bound.high
            assert bound.best_rank <= bound.worst_rank

    def test_without_undecided_trials_they_are_the_ranking(self, rng):
        tallies = simulated([0.6, 0.0, -0.6], scenarios=30, rng=rng)
        ranking = fit_ranking(tallies, rng=rng, resamples=10)
        for bound, one in zip(undecided_bounds(tallies), ranking.strengths, strict=True):
            assert bound.low == pytest.approx(one.value)
            assert bound.high == pytest.approx(one.value)

    def test_no_finite_fit_is_no_bound(self):
        first, _ = undecided_bounds(wins(("a", "b", 3, 0), values=("a", "b")))
        assert (first.low, first.high) == (None, None)


class TestAuthors:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("llm", LLMS)
    def test_worked_example(self, data, expected, llm, mode):
        _, value_1, value_2, choice = trials_of(data, llm, mode)
        found = authors_ranking(value_1, value_2, choice, values=VALUES, resamples=20)
        wanted = expected["bradley_terry"][f"{llm} {mode}"]["theta_authors_mode"]
        assert found.strengths == pytest.approx(wanted, abs=2e-6)

    def test_limits_are_those_of_rows_drawn_by_their_place_and_fitted_by_choix(self, rng):
        codes = rng.integers(0, 3, size=(60, 2))
        codes = codes[codes[:, 0] != codes[:, 1]]
        choice = np.where(rng.random(len(codes)) < 0.6, "value_1", "value_2")
        names = np.array(list("abc"))
        found = authors_ranking(*names[codes.T].tolist(), choice.tolist(), values=("a", "b", "c"), seed=7, resamples=40)
        winners = np.where((choice == "value_1")[:, None], codes, codes[:, ::-1])
        generator = np.random.RandomState(7)
        draws = []
        for _ in range(40):
            rows = winners[generator.randint(0, len(codes), len(codes))]
            draws.append(choix.ilsr_pairwise(3, rows.tolist(), alpha=0.01, max_iter=10_000, tol=1e-12))
        low, high = np.percentile(draws, [2.5, 97.5], axis=0)
        assert found.low == pytest.approx(low, abs=1e-6)
        assert found.high == pytest.approx(high, abs=1e-6)

    def test_the_order_of_the_file_decides_which_rows_are_drawn(self):
        rows = [("a", "b", "value_1")] * 12 + [("a", "b", "value_2")] * 8
        one = authors_ranking(*zip(*rows, strict=True), values=("a", "b"), resamples=9)
        other = authors_ranking(*zip(*rows[::-1], strict=True), values=("a", "b"), resamples=9)
        assert one.strengths == pytest.approx(other.strengths)
        assert one.low != other.low
        assert "in the order of the file" in one.label

    def test_bad_input_is_refused_in_words(self):
        with pytest.raises(ValueError, match="one or more trials"):
            authors_ranking([], [], [], values=("a", "b"))
        with pytest.raises(ValueError, match="unknown values"):
            authors_ranking(["a"], ["c"], ["value_1"], values=("a", "b"))
