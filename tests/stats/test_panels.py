"""A judge beside a panel of people."""

import numpy as np
import pytest

from conflictscope.stats.agreement import cohen_kappa, judge_agreement, leave_one_out_agreement
from conflictscope.stats.alternative import alternative_annotator_test
from conflictscope.stats.clusters import Sample
from conflictscope.stats.judge_pairs import compare_judges
from conflictscope.stats.panels import against_the_others, majority_agreement, one_against_one

CHOICES = ("value_1", "value_2", "both", "neither")
VERDICTS = ("a", "b")
RATERS = ("h1", "h2", "h3")


def panel(n, *, rng, people=3, accuracy=0.85, missing=0.0):
    """Judge and people of equal skill: codes of shape (n,) and (n, people)."""
    truth = rng.integers(0, 2, n)
    right = rng.random((n, people + 1)) < accuracy
    codes = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    codes[:, 1:][rng.random((n, people)) < missing] = -1
    return codes[:, 0].copy(), codes[:, 1:].copy()


# Ties and panel sizes


def test_ties_are_counted_and_said_and_so_are_panels_of_different_sizes(rng):
    people = [["a", "b", None], ["a", "a", None], ["b", "b", "b"], ["a", "b", "b"], [None] * 3]
    found = majority_agreement(["a", "a", "b", "b", "a"], people, categories=VERDICTS, rng=rng)
    assert (found.agreement.n, found.tied, found.sizes) == (3, 1, ((2, 1), (3, 2)))
    assert "people tie on 1 of 4 items" in found.warnings[0]
    assert "2 on 1, 3 on 2" in found.warnings[1]


def test_with_two_people_the_consensus_flatters_the_judge_and_equal_footing_does_not(rng):
    judge, people = panel(4000, rng=rng, people=2)
    against_consensus = majority_agreement(judge, people, categories=VERDICTS, rng=rng, resamples=50)
    against_one = one_against_one(judge, people, categories=VERDICTS, rng=rng, resamples=50)
    # right 0.85 each: two people agree 0.745, kappa 0.49; on what they agree about they are right 0.97
    assert against_one.kappa.judge.value == pytest.approx(0.49, abs=0.03)
    assert against_one.kappa.people.value == pytest.approx(0.49, abs=0.03)
    assert against_consensus.agreement.kappa.value > 0.6
    assert against_consensus.tied == pytest.approx(0.255 * 4000, rel=0.1)


# One against one


def test_one_against_one_by_hand(rng):
    # item 1: people a, a, judge a: all alike. item 2: people a, b, judge a: judge half right, people not alike.
    found = one_against_one(["a", "a"], [["a", "a"], ["a", "b"]], categories=VERDICTS, rng=rng)
    assert (found.n, found.sizes) == (2, ((2, 2),))
    assert found.raw.judge.value == pytest.approx(0.75)
    assert found.raw.people.value == pytest.approx(0.5)
    assert found.raw.difference.value == pytest.approx(0.25)
    # people: shares a 3/4, b 1/4 on both sides, expected agreement 10/16: (1/2 - 5/8) / (3/8) = -1/3
    assert found.kappa.people.value == pytest.approx(-1 / 3)


def test_one_against_one_of_two_raters_is_the_mean_of_both_tables(rng):
    judge, people = panel(500, rng=rng, people=2)
    found = one_against_one(judge, people, categories=VERDICTS, rng=rng, resamples=50)
    single = [judge_agreement(judge, people[:, j].copy(), categories=VERDICTS, rng=rng, resamples=50) for j in (0, 1)]
    assert found.raw.judge.value == pytest.approx((single[0].raw.value + single[1].raw.value) / 2)
    assert found.raw.people.value == pytest.approx(float((people[:, 0] == people[:, 1]).mean()))
    assert found.kappa.difference.low < 0 < found.kappa.difference.high


def test_order_and_number_of_annotators_do_not_matter(rng):
    judge, people = panel(80, rng=rng, missing=0.2)
    wide = np.concatenate([people[:, ::-1], np.full((80, 57), -1, dtype=np.int8)], axis=1)
    one = one_against_one(judge, people, categories=VERDICTS, rng=np.random.default_rng(1))
    other = one_against_one(judge, wide, categories=VERDICTS, rng=np.random.default_rng(1))
    assert other == one


def test_a_judge_better_than_people_is_told_from_them(rng):
    truth = rng.integers(0, 2, 600)
    right = np.column_stack([rng.random(600) < 0.97, rng.random((600, 3)) < 0.8])
    codes = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    for compare in (one_against_one, against_the_others):
        found = compare(codes[:, 0].copy(), codes[:, 1:].copy(), categories=VERDICTS, rng=rng)
        assert found.kappa.difference.low > 0
        assert found.raw.difference.low > 0
        assert found.ac1.difference.low > 0


# Against the others


def test_against_the_others_pools_what_each_annotator_shows(data, rng):
    items = list(data["open_people"]["h1"])
    judge = [data["open_judge"][item.split()[0]][item.split()[1]] for item in items]
    labels = [[data["open_people"][h][item] for h in RATERS] for item in items]
    pooled = against_the_others(judge, labels, categories=CHOICES, rng=rng, resamples=100)
    each = leave_one_out_agreement(judge, labels, raters=RATERS, categories=CHOICES, rng=rng, resamples=20)
    # With each (item, annotator) weighed by one over the annotators usable there: from the rows themselves.
    hits = {"judge": 0.0, "annotator": 0.0}
    used = 0
    for j, row in enumerate(labels):
        pairs = []
        for k, own in enumerate(row):
            others = [x for i, x in enumerate(row) if i != k and x is not None]
            best = [c for c in set(others) if others.count(c) == max(others.count(d) for d in set(others))]
            if own is not None and len(best) == 1:
                pairs.append((judge[j] == best[0], own == best[0]))
        if pairs:
            used += 1
            hits["judge"] += sum(hit for hit, _ in pairs) / len(pairs)
            hits["annotator"] += sum(hit for _, hit in pairs) / len(pairs)
    assert pooled.n == used
    assert pooled.raw.judge.value == pytest.approx(hits["judge"] / used)
    assert pooled.raw.people.value == pytest.approx(hits["annotator"] / used)
    assert sum(one.judge.n for one in each.values()) >= used


def test_items_on_which_the_others_always_tie_are_left_out_and_counted(rng):
    # Two people who disagree: leaving one out, the other is the consensus, no tie. Three who all differ: always a tie.
    three = ("a", "b", "c")
    found = against_the_others(["a", "a"], [["a", "b", "c"], ["a", "b", None]], categories=three, rng=rng)
    assert (found.n, found.tied) == (1, 1)
    lone = leave_one_out_agreement(
        ["a", "a"], [["a", "b", "c"], ["a", "b", None]], raters=RATERS, categories=three, rng=rng
    )
    assert [lone[rater].tied for rater in RATERS] == [1, 1, 1]
    assert [lone[rater].judge.n for rater in RATERS] == [1, 1, 0]
    assert lone["h1"].sizes == ((1, 1),)


def test_without_two_people_on_an_item_nothing_can_be_compared(rng):
    found = one_against_one(["a", None], [["a", None], ["a", "a"]], categories=VERDICTS, rng=rng)
    assert found.n == 0
    assert found.kappa.difference.reason == "no item was answered by the judge and by two people"
    with pytest.raises(ValueError, match="same items"):
        one_against_one(["a"], [["a", "a"]] * 2, categories=VERDICTS, rng=rng)


# The alternative annotator test


class TestAlternativeAnnotator:
    """Four items, three people.

    item  h1 h2 h3 judge    h1 left out: others, agreeing with h1 and with the judge (of 2)
    1     a  a  a  a        a a: 2, 2 both win
    2     a  a  b  a        a b: 1, 1 both win
    3     a  b  b  b        b b: 0, 2 the judge wins alone
    4     b  b  b  a        b b: 2, 0 the person wins alone

    h1: judge 3/4, person 3/4; differences 0, 0, -1, 1: mean 0, sd sqrt(2/3), t = -0.2 / sqrt(2/12).
    h2: others aa, ab, ab, bb: with h2 2, 1, 1, 2, with the judge 2, 1, 1, 0; judge 3/4, person 1; mean 1/4, sd 1/2,
        t = 0.05 / 0.25.
    h3: others aa, aa, ab, bb: with h3 2, 0, 1, 2, with the judge 2, 2, 1, 0; judge 3/4, person 3/4, as h1.
    Student's distribution with 3 degrees of freedom: P(t < -0.48990) = 0.32888, P(t < 0.2) = 0.57286.
    """

    LABELS = (("a", "a", "a"), ("a", "a", "b"), ("a", "b", "b"), ("b", "b", "b"))
    JUDGE = ("a", "a", "b", "a")

    def test_by_hand(self):
        found = alternative_annotator_test(self.JUDGE, self.LABELS, raters=RATERS, categories=VERDICTS, fewest=4)
        assert [(row.judge, row.person) for row in found.rows] == [(0.75, 0.75), (0.75, 1.0), (0.75, 0.75)]
        assert [row.p for row in found.rows] == pytest.approx([0.32888, 0.57286, 0.32888], abs=1e-4)
        assert (found.omega, found.passed, found.advantage) == (0, False, 0.75)

    def test_ten_copies_turn_the_tie_into_a_win(self):
        """t grows with the root of n: -0.2 / sqrt(20/39/40) = -1.766, p = 0.0426; epsilon 0.4 gives -3.533, p = 0.0005.

        h2: (0.25 - 0.4) / sqrt(7.5/39/40) = -2.163, p = 0.0184. Benjamini and Yekutieli with three tests (1 + 1/2 + 1/3):
        0.05 x (1, 2, 3)/3 / 1.8333 = 0.0091, 0.0182, 0.0273: all three, since the largest is below its bound.
        """
        judge, labels = self.JUDGE * 10, self.LABELS * 10
        found = alternative_annotator_test(judge, labels, raters=RATERS, categories=VERDICTS, epsilon=0.4)
        assert [row.p for row in found.rows] == pytest.approx([0.0005, 0.0184, 0.0005], abs=1e-4)
        assert (found.omega, found.passed) == (1.0, True)
        strict = alternative_annotator_test(judge, labels, raters=RATERS, categories=VERDICTS, epsilon=0.2)
        assert strict.rows[0].p == pytest.approx(0.0426, abs=1e-4)
        assert strict.passed is False

    def test_copies_within_a_scenario_are_no_new_evidence(self):
        judge, labels = self.JUDGE * 10, self.LABELS * 10
        sample = Sample.of(40, scenarios=list(range(4)) * 10)
        found = alternative_annotator_test(judge, labels, raters=RATERS, categories=VERDICTS, sample=sample)
        assert [row.p for row in found.rows] == pytest.approx([0.32888, 0.57286, 0.32888], abs=1e-4)
        assert found.rows[0].scenarios == 4

    def test_too_few_annotators_or_items_are_said(self):
        found = alternative_annotator_test(self.JUDGE, self.LABELS, raters=RATERS, categories=VERDICTS)
        assert (found.omega, found.passed, found.too_few) == (None, None, RATERS)
        assert "the test needs 3" in found.reason
        with pytest.raises(ValueError, match="epsilon"):
            alternative_annotator_test(self.JUDGE, self.LABELS, raters=RATERS, categories=VERDICTS, epsilon=1)

    def test_a_good_judge_passes_and_one_that_guesses_does_not(self, rng):
        judge, people = panel(300, rng=rng)
        good = alternative_annotator_test(judge, people, raters=RATERS, categories=VERDICTS)
        guess = rng.integers(0, 2, 300).astype(np.int8)
        bad = alternative_annotator_test(guess, people, raters=RATERS, categories=VERDICTS)
        assert (good.omega, good.passed) == (1.0, True)
        assert (bad.omega, bad.passed) == (0.0, False)
        assert good.advantage > bad.advantage


# Two judges


def test_two_judges_by_hand(rng):
    # 10 items: both right 5, only the first 3, only the second 1, none 1; McNemar exact: 2 (1 + 4) / 16
    people = list("aabbaabbab")
    first = list("aabbaabbba")
    second = list("aabbabaaaa")
    found = compare_judges(first, second, people, categories=VERDICTS, rng=rng)
    assert (found.n, found.only_first, found.only_second) == (10, 3, 1)
    assert found.raw.difference.value == pytest.approx(0.2)
    assert found.p == pytest.approx(0.625)
    assert found.kappa.difference.value == pytest.approx(
        cohen_kappa(first, people, categories=VERDICTS) - cohen_kappa(second, people, categories=VERDICTS)
    )


def test_exchanging_the_judges_turns_the_difference_around(rng):
    judge, people = panel(300, rng=rng)
    other = people[:, 1].copy()
    one = compare_judges(judge, other, people[:, 0].copy(), categories=VERDICTS, rng=rng)
    two = compare_judges(other, judge, people[:, 0].copy(), categories=VERDICTS, rng=rng)
    assert two.kappa.difference.value == pytest.approx(-one.kappa.difference.value)
    assert two.kappa.difference.low == pytest.approx(-one.kappa.difference.high)
    assert two.p == pytest.approx(one.p)


def test_a_judge_compared_with_itself_differs_by_nothing(rng):
    judge, people = panel(60, rng=rng)
    found = compare_judges(judge, judge, people[:, 0].copy(), categories=VERDICTS, rng=rng)
    assert found.kappa.difference.value == 0
    assert found.p == 1


def test_mcnemar_is_not_said_of_clustered_or_weighted_items(rng):
    judge, people = panel(60, rng=rng)
    given = (judge, people[:, 1].copy(), people[:, 0].copy())
    clustered = compare_judges(*given, categories=VERDICTS, rng=rng, sample=Sample.of(60, scenarios=np.arange(60) // 2))
    assert (clustered.p, clustered.scenarios) == (None, 30)
    assert "several items" in clustered.why_no_p
    weighted = compare_judges(*given, categories=VERDICTS, rng=rng, sample=Sample.of(60, weights=rng.uniform(1, 2, 60)))
    assert "weighted" in weighted.why_no_p
    with pytest.raises(ValueError, match="same items"):
        compare_judges(judge, judge, judge[:3], categories=VERDICTS, rng=rng)
    nothing = compare_judges(["a"], ["a"], [None], categories=VERDICTS, rng=rng)
    assert (nothing.n, nothing.left_out, nothing.raw.difference.value) == (0, 1, None)
