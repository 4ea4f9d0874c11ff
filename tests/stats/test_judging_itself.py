"""Response sets, a judge against itself, agreement by group."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import f
from statsmodels.stats.contingency_tables import SquareTable
from statsmodels.stats.inter_rater import fleiss_kappa

from conflictscope.stats.agreement_by_group import agreement_by_group
from conflictscope.stats.clusters import Sample
from conflictscope.stats.consistency import drift, position_consistency, self_consistency
from conflictscope.stats.response_sets import compare_by_sets, response_sets, set_agreement

VERDICTS = ("a", "b")
CHOICES = ("value_1", "value_2", "both", "neither")


# Response sets


def sets_of_four():
    """Four items by three people; what was marked also is written behind the first answer.

    1: value_1, value_1, value_2(value_1) -> value_1 marked by 3 of 3; value_2 by 1: {value_1}
    2: value_1, value_2, unsure -> each 1 of 2: {value_1, value_2}
    3: value_1, value_2, both -> each 1 of 3: empty
    4: unsure, unsure, not asked -> empty
    """
    labels = [
        ["value_1", "value_1", "value_2"],
        ["value_1", "value_2", None],
        ["value_1", "value_2", "both"],
        [None, None, None],
    ]
    also = np.zeros((4, 3, 4), dtype=bool)
    also[0, 2, 0] = True
    unsure = np.zeros((4, 3), dtype=bool)
    unsure[1, 2] = unsure[3, 0] = unsure[3, 1] = True
    return response_sets(labels, categories=CHOICES, also=also, unsure=unsure)


def test_sets_are_what_half_of_those_who_answered_marked():
    sets = sets_of_four()
    assert sets.allowed.tolist() == [[True, False, False, False], [True, True, False, False], [False] * 4, [False] * 4]
    assert (sets.answered.tolist(), sets.unsure.tolist()) == ([3, 2, 3, 0], [0, 1, 0, 2])


def test_agreement_by_sets_by_hand(rng):
    found = set_agreement(["value_2", "value_2", "value_1", "both"], sets_of_four(), categories=CHOICES, rng=rng)
    # Items 1 and 2 have a set: not in the first, in the second. Sizes 1 and 2. Three of ten people asked were unsure.
    assert (found.n, found.empty, found.unread) == (2, 2, 0)
    assert found.agreement.value == 0.5
    assert found.mean_size.value == 1.5
    assert found.unsure.value == pytest.approx(3 / 11)
    assert found.unsure.n == 11
    # The judge always says value_2, which half of the sets allow.
    assert found.shuffled == 0.5
    assert found.above_shuffled.value == 0


def test_the_shuffled_figure_is_the_mean_over_all_ways_to_deal_the_answers(rng):
    labels = [["a", "a"], ["a", "b"], ["b", "b"], ["a", "a"], ["b", "a"]]
    sets = response_sets(labels, categories=VERDICTS)
    judge = ["a", "b", "b", "b", "a"]
    found = set_agreement(judge, sets, categories=VERDICTS, rng=rng)
    dealt = [
        np.mean([sets.allowed[item, VERDICTS.index(answer)] for item, answer in enumerate(order)])
        for order in permutations(judge)
    ]
    assert found.shuffled == pytest.approx(np.mean(dealt))


def test_without_anything_also_defensible_sets_of_one_person_are_forced_choice(rng):
    judge, person = rng.integers(0, 2, (2, 80)).astype(np.int8)
    sets = response_sets(person[:, None], categories=VERDICTS)
    found = set_agreement(judge, sets, categories=VERDICTS, rng=rng)
    assert found.agreement.value == pytest.approx(float((judge == person).mean()))
    assert (found.mean_size.value, found.empty) == (1, 0)


def test_a_judge_that_picks_what_is_also_defensible_gains_by_sets_alone(rng):
    first = rng.integers(0, 2, (200, 1)).astype(np.int8)
    also = np.zeros((200, 1, 2), dtype=bool)
    also[np.arange(100), 0, 1 - first[:100, 0]] = True
    judge = np.where(np.arange(200) < 100, 1 - first[:, 0], first[:, 0]).astype(np.int8)
    forced = set_agreement(judge, response_sets(first, categories=VERDICTS), categories=VERDICTS, rng=rng)
    by_sets = set_agreement(judge, response_sets(first, categories=VERDICTS, also=also), categories=VERDICTS, rng=rng)
    assert forced.agreement.value == pytest.approx(0.5)
    assert by_sets.agreement.value == 1
    assert by_sets.mean_size.value == 1.5


def test_the_judge_that_wins_by_one_answer_can_lose_by_sets(rng):
    people = np.zeros((100, 1), dtype=np.int8)
    also = np.zeros((100, 1, 2), dtype=bool)
    also[:40, 0, 1] = True
    sets = response_sets(people, categories=VERDICTS, also=also)
    places = np.arange(100)
    bold, shy = (places < 40).astype(np.int8), (places >= 80).astype(np.int8)
    # By one answer the shy one is right 80 times and the bold one 60; by sets 80 times and always.
    found = compare_by_sets(bold, shy, sets, categories=VERDICTS, rng=rng)
    assert (found.judge.value, found.people.value, found.difference.value) == (1.0, 0.8, pytest.approx(0.2))
    assert found.difference.low is not None
    assert 0.1 < found.difference.low < 0.2
    nobody = compare_by_sets([None] * 100, shy, sets, categories=VERDICTS, rng=rng)
    assert nobody.difference.value is None
    with pytest.raises(ValueError, match="same items"):
        compare_by_sets(bold[:9], shy, sets, categories=VERDICTS, rng=rng)


def test_bad_sets_are_refused_in_words(rng):
    with pytest.raises(ValueError, match="has shape"):
        response_sets([["a"]], categories=VERDICTS, also=np.zeros((1, 1, 3), dtype=bool))
    with pytest.raises(ValueError, match="only beside a first one"):
        response_sets([[None]], categories=VERDICTS, also=np.ones((1, 1, 2), dtype=bool))
    with pytest.raises(ValueError, match="gives no answer"):
        response_sets([["a"]], categories=VERDICTS, unsure=np.ones((1, 1), dtype=bool))
    with pytest.raises(ValueError, match="same items"):
        set_agreement(["a"], response_sets([["a"]] * 2, categories=VERDICTS), categories=VERDICTS, rng=rng)
    nothing = set_agreement([None], response_sets([["a"]], categories=VERDICTS), categories=VERDICTS, rng=rng)
    assert (nothing.n, nothing.unread, nothing.agreement.value, nothing.shuffled) == (0, 1, None, None)


# A judge against itself


def test_self_consistency_of_complete_samples_is_fleiss_kappa(rng):
    truth = rng.integers(0, 2, 70)
    readings = np.where(rng.random((70, 4)) < 0.85, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    found = self_consistency(readings, categories=VERDICTS, rng=rng)
    counts = np.stack([(readings == c).sum(axis=1) for c in (0, 1)], axis=1)
    assert found.kappa.value == pytest.approx(fleiss_kappa(counts))
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert (found.n, found.unread.value) == (70, 0)


def test_samples_without_an_answer_are_counted_and_each_item_counts_once(rng):
    # item 1: a a a: alike 1; item 2: a b: 0; item 3: a b b: 1/3; item 4: one answer only
    readings = [["a", "a", "a"], ["a", "b", None], ["a", "b", "b"], ["a", None, None]]
    found = self_consistency(readings, categories=VERDICTS, rng=rng)
    assert (found.n, found.raw.value) == (3, pytest.approx(4 / 9))
    assert found.unread.value == pytest.approx(3 / 12)
    assert self_consistency([["a", None]], categories=VERDICTS, rng=rng).raw.reason == "no item has two answers"


def test_a_judge_that_follows_the_position_is_seen_to(rng):
    """It takes what stands first in half of the items, and otherwise what it thinks."""
    thinks = rng.integers(0, 2, 400)
    follows = rng.random(400) < 0.5
    first = np.where(follows, 0, thinks).astype(np.int8)
    second = np.where(follows, 1, thinks).astype(np.int8)
    found = position_consistency(first, second, categories=CHOICES, options=("value_1", "value_2"), rng=rng)
    assert found.agreement.raw.value == pytest.approx(0.5, abs=0.06)
    assert found.followed_first.value == 1
    assert found.followed_first.n == int((first != second).sum())
    even = position_consistency(first, first, categories=CHOICES, options=("value_1", "value_2"), rng=rng)
    assert even.agreement.raw.value == 1
    assert "differently" in even.followed_first.reason
    with pytest.raises(ValueError, match="options"):
        position_consistency(first, second, categories=CHOICES, options=("value_1", "value_3"), rng=rng)


def test_the_test_of_drift_is_bhapkars_on_independent_anchors(rng):
    table = np.array([[80, 9, 6], [5, 90, 12], [7, 4, 87]])
    before, after = (np.repeat(side, table.reshape(-1)).astype(np.int8) for side in np.indices((3, 3)).reshape(2, -1))
    found = drift(before, after, categories=("a", "b", "c"), rng=rng)
    reference = SquareTable(table, shift_zeros=False).homogeneity(method="bhapkar")
    # Ours has n - 1 in the variance and Hotelling's F: close to, and a little above, the chi-squared of large samples.
    assert found.p == pytest.approx(reference.pvalue, rel=0.1)
    assert found.p > reference.pvalue
    shift = dict(found.shifts)["c"]
    assert shift.value == pytest.approx(float((after == 2).mean() - (before == 2).mean()))
    assert shift.low < shift.value < shift.high


def test_a_judge_that_has_not_moved_has_not_drifted(rng):
    before = rng.integers(0, 2, 100).astype(np.int8)
    same = drift(before, before, categories=VERDICTS, rng=rng)
    assert (same.p, same.reason) == (None, "every anchor was answered as before")
    noisy = np.where(rng.random(100) < 0.1, 1 - before, before).astype(np.int8)
    assert drift(before, noisy, categories=VERDICTS, rng=rng).p > 0.05
    nothing = drift(["a"], [None], categories=VERDICTS, rng=rng)
    assert nothing.reason == "no anchor was answered at both dates"


def test_under_no_drift_p_is_small_as_often_as_it_says():
    rng = np.random.default_rng(5)
    small = 0
    for _ in range(400):
        truth = np.repeat(rng.integers(0, 2, 40), 3)
        before, after = (np.where(rng.random(120) < 0.85, truth, 1 - truth).astype(np.int8) for _ in range(2))
        sample = Sample.of(120, scenarios=np.repeat(np.arange(40), 3))
        found = drift(before, after, categories=VERDICTS, rng=rng, sample=sample, resamples=5)
        small += found.p is not None and found.p < 0.05
    assert 0.02 <= small / 400 <= 0.085


# By group


def grouped(rng, accuracies, size=120):
    truth = rng.integers(0, 2, size * len(accuracies))
    accuracy = np.repeat(accuracies, size)
    judge, people = (np.where(rng.random(len(truth)) < accuracy, truth, 1 - truth).astype(np.int8) for _ in range(2))
    return judge, people, np.repeat([f"pair {k}" for k in range(len(accuracies))], size).tolist()


def test_each_group_has_the_agreement_of_its_items_and_small_ones_stand_together(rng):
    judge, people, groups = grouped(rng, [0.9, 0.9, 0.9])
    groups[:5], groups[5:9] = ["tiny"] * 5, ["small"] * 4
    found = agreement_by_group(judge, people, groups, categories=VERDICTS, rng=rng)
    assert [row.label for row in found.rows] == ["pair 0", "pair 1", "pair 2", "others"]
    assert found.rows[-1].groups == ("small", "tiny")
    assert (found.merged, sum(row.agreement.n for row in found.rows)) == (2, 360)
    assert found.compared == ("pair 0", "pair 1", "pair 2")
    inside = np.array(groups) == "pair 1"
    assert found.rows[1].agreement.raw.value == pytest.approx(float((judge == people)[inside].mean()))


def test_groups_that_differ_are_told_from_groups_that_do_not(rng):
    differ = agreement_by_group(*grouped(rng, [0.95, 0.7, 0.95]), categories=VERDICTS, rng=rng)
    assert differ.p_raw < 0.001
    assert differ.p_kappa < 0.001
    alike = agreement_by_group(*grouped(rng, [0.9, 0.9, 0.9]), categories=VERDICTS, rng=rng)
    assert alike.p_kappa > 0.01


def test_the_test_of_two_groups_is_that_of_two_shares(rng):
    judge, people, groups = grouped(rng, [0.9, 0.8])
    found = agreement_by_group(judge, people, groups, categories=VERDICTS, rng=rng, resamples=10)
    alike = (judge == people).astype(float)
    one, other = alike[:120], alike[120:]
    z2 = (one.mean() - other.mean()) ** 2 / (one.var(ddof=1) / 120 + other.var(ddof=1) / 120)
    # All 240 scenarios are drawn together here, so that their factor is 240 / 239 instead of 120 / 119.
    assert found.p_raw == pytest.approx(f.sf(z2, 1, 238), rel=0.05)


def test_one_group_cannot_differ_and_says_so(rng):
    judge, people, _ = grouped(rng, [0.9])
    found = agreement_by_group(judge, people, ["one"] * 120, categories=VERDICTS, rng=rng)
    assert (found.p_raw, found.p_kappa) == (None, None)
    assert found.reason.startswith("fewer than two groups")
    with pytest.raises(ValueError, match="as many groups"):
        agreement_by_group(judge, people, ["one"], categories=VERDICTS, rng=rng)


def test_where_no_group_is_large_enough_nothing_is_tested(rng):
    judge, people = rng.integers(0, 2, (2, 12)).astype(np.int8)
    found = agreement_by_group(judge, people, [f"group {place}" for place in range(12)], categories=VERDICTS, rng=rng)
    assert [row.label for row in found.rows] == ["others"]
    assert (found.merged, found.p_kappa, found.compared) == (12, None, ())
    nobody = agreement_by_group([None] * 12, people, ["one"] * 12, categories=VERDICTS, rng=rng)
    assert (nobody.rows, nobody.p_raw) == ((), None)
