"""Agreement of two raters."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score
from statsmodels.stats.inter_rater import cohens_kappa

from conflictscope.stats.agreement import (
    cohen_kappa,
    gwet_ac1,
    judge_agreement,
    leave_one_out_agreement,
    pairwise_agreement,
)
from conflictscope.stats.clusters import Sample

VERDICTS = ("P", "F")
CHOICES = ("value_1", "value_2", "both", "neither")


def answers_of(table, categories=VERDICTS):
    """Two lists of answers that cross to this table."""
    pairs = [
        (categories[g], categories[h])
        for g, row in enumerate(table)
        for h, count in enumerate(row)
        for _ in range(count)
    ]
    return [first for first, _ in pairs], [second for _, second in pairs]


def two_raters(n, *, prevalence, accuracy, rng):
    """Two raters who give a binary truth with the same accuracy, independently."""
    truth = rng.random(n) < prevalence
    first, second = (np.where(rng.random(n) < accuracy, truth, ~truth) for _ in range(2))
    return [VERDICTS[not x] for x in first], [VERDICTS[not x] for x in second]


class TestWorkedExample:
    def test_filter_agreement_of_all_pairs_of_raters(self, data, expected, rng):
        raters = ("judge", "h1", "h2", "h3")
        for position, dimension in enumerate(data["dimensions"]):
            answers = {
                rater: [
                    None
                    if data["filter"][rater][s["uid"]][position] in "U."
                    else data["filter"][rater][s["uid"]][position]
                    for s in data["scenarios"]
                ]
                for rater in raters
            }
            for first, second in combinations(raters, 2):
                wanted = expected["filter_agreement_judge_and_people"][dimension][f"{first}|{second}"]
                found = judge_agreement(
                    answers[first], answers[second], categories=VERDICTS, positive="P", rng=rng, resamples=50
                )
                compare(found, wanted)

    def test_which_action_agreement_of_all_pairs_of_raters(self, data, expected, rng):
        columns = which_action(data)
        labels = list(zip(*columns.values(), strict=True))
        found = pairwise_agreement(labels, raters=tuple(columns), categories=CHOICES, rng=rng, resamples=50)
        for (first, second), agreement in found.items():
            compare(agreement, expected["which_action_agreement"][f"{first}|{second}"])
        assert len(found) == 6

    def test_leave_one_out_consensus(self, data, expected, rng):
        columns = which_action(data)
        judge = columns.pop("judge")
        found = leave_one_out_agreement(
            judge,
            list(zip(*columns.values(), strict=True)),
            raters=tuple(columns),
            categories=CHOICES,
            rng=rng,
            resamples=50,
        )
        for rater, wanted in expected["leave_one_out_consensus"].items():
            assert found[rater].judge.n == wanted["items"]
            compare(found[rater].judge, wanted["judge"])
            compare(found[rater].annotator, wanted["annotator"])

    def test_conjunction_and_precision_against_the_adjudicated_majority(self, data, expected, rng):
        wanted = expected["people_majority_filter"]
        uids = [s["uid"] for s in data["scenarios"]]
        judge = [data["filter"]["judge"][uid] for uid in uids]
        found = []
        for place, dimension in enumerate(data["dimensions"]):
            said = [None if verdicts[place] in "U." else verdicts[place] for verdicts in judge]
            people = [wanted["verdicts"][uid][place] for uid in uids]
            one = judge_agreement(said, people, categories=VERDICTS, positive="P", rng=rng, resamples=20)
            for name in ("precision", "recall"):
                figure = expected["precision_recall_per_dimension"][dimension][name]
                assert getattr(one, name).value == pytest.approx(figure, abs=1e-6)
            found.append(one.precision.value)
        assert np.mean(found) == pytest.approx(expected["precision_recall_per_dimension"]["mean_precision"], abs=1e-6)
        together = ["F" if "F" in verdicts else None if "U" in verdicts else "P" for verdicts in judge]
        people = [wanted["conjunction"][uid] for uid in uids]
        whole = judge_agreement(together, people, categories=VERDICTS, positive="P", rng=rng, resamples=20)
        compare(whole, expected["conjunction_judge_against_people"])

    def test_quadratic_kappa_of_strengths(self, data, expected):
        strengths = data["strength_llm_a"]
        judge, person = ([strengths[who][uid] for uid in sorted(strengths["judge"])] for who in ("judge", "h1"))
        found = cohen_kappa(judge, person, categories=range(1, 8), weights="quadratic")
        assert found == pytest.approx(expected["quadratic_kappa_strength"], abs=1e-6)


def which_action(data):
    """Columns of judge and people over the twenty trials that people saw."""
    items = list(data["open_people"]["h1"])
    columns = {"judge": [data["open_judge"][item.split()[0]][item.split()[1]] for item in items]}
    return columns | {person: [answers[item] for item in items] for person, answers in data["open_people"].items()}


def approximately(given):
    """A result as JSON holds it, to within rounding."""
    if isinstance(given, dict):
        return {name: approximately(part) for name, part in given.items()}
    if isinstance(given, list):
        return [approximately(part) for part in given]
    return pytest.approx(given, abs=1e-12) if isinstance(given, float) else given


def compare(found, wanted):
    """An Agreement with the entries that the worked example has for it; null there means undefined here."""
    assert found.n == wanted["n"]
    assert [list(row) for row in found.confusion] == wanted["table"]
    for name, field in {
        "raw_agreement": "raw",
        "kappa": "kappa",
        "ac1": "ac1",
        "positive_agreement": "positive_agreement",
        "negative_agreement": "negative_agreement",
        "precision": "precision",
        "recall": "recall",
        "f1": "f1",
    }.items():
        if name in wanted:
            estimate = getattr(found, field)
            if wanted[name] is None:
                assert estimate.value is None
                assert estimate.reason
            else:
                assert estimate.value == pytest.approx(wanted[name], abs=2e-5)
    if "prevalence" in wanted:
        assert found.prevalence_judge.value == pytest.approx(wanted["prevalence"]["rater_1"], abs=2e-5)
        assert found.prevalence_people.value == pytest.approx(wanted["prevalence"]["rater_2"], abs=2e-5)


@pytest.mark.parametrize(("prevalence", "kappa"), [(0.5, 0.64), (0.98, 0.12)])
def test_kappa_of_two_raters_right_nine_times_in_ten_depends_on_prevalence(prevalence, kappa):
    # both pass: prev 0.81 + (1 - prev) 0.01; both fail: prev 0.01 + (1 - prev) 0.81; 0.09 each way. The published figures.
    both, neither = prevalence * 0.81 + (1 - prevalence) * 0.01, prevalence * 0.01 + (1 - prevalence) * 0.81
    table = [[round(both * 10_000), 900], [900, round(neither * 10_000)]]
    assert cohen_kappa(*answers_of(table), categories=VERDICTS) == pytest.approx(kappa, abs=0.005)


def test_kappa_by_hand():
    # 20 and 15 agreed, 5 and 10 not: po = 35/50; pe = (25 * 30 + 25 * 20) / 2500 = 0.5; kappa = 0.4
    assert cohen_kappa(*answers_of([[20, 5], [10, 15]]), categories=VERDICTS) == pytest.approx(0.4, abs=1e-12)


def test_ac1_by_hand():
    # shares of P: (25 + 30) / 100 = 0.55; pe = 2 * 0.55 * 0.45 = 0.495; (0.7 - 0.495) / 0.505
    assert gwet_ac1(*answers_of([[20, 5], [10, 15]]), categories=VERDICTS) == pytest.approx(0.205 / 0.505, abs=1e-12)


def test_ac1_counts_categories_that_nobody_used():
    first, second = answers_of([[20, 5], [10, 15]])
    # q = 3: pe = (0.55 * 0.45 * 2) / 2 = 0.2475
    assert gwet_ac1(first, second, categories=("P", "F", "X")) == pytest.approx((0.7 - 0.2475) / 0.7525, abs=1e-12)


def test_kappa_agrees_with_two_libraries(rng):
    first, second = (rng.integers(1, 5, size=200).tolist() for _ in range(2))
    second[:120] = first[:120]
    table = np.zeros((4, 4))
    for a, b in zip(first, second, strict=True):
        table[a - 1, b - 1] += 1
    assert cohen_kappa(first, second, categories=range(1, 5)) == pytest.approx(cohen_kappa_score(first, second))
    weighted = cohen_kappa(first, second, categories=range(1, 5), weights="quadratic")
    assert weighted == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"))
    assert weighted == pytest.approx(cohens_kappa(table, wt="fc").kappa)


def test_precision_recall_and_f1_are_about_the_positive_category(rng):
    judge, people = answers_of([[30, 10], [5, 55]])
    found = judge_agreement(judge, people, categories=VERDICTS, positive="P", rng=rng)
    assert found.precision.value == pytest.approx(30 / 40)
    assert found.precision.n == 40
    assert found.recall.value == pytest.approx(30 / 35)
    assert found.f1.value == pytest.approx(f1_score(people, judge, pos_label="P"))
    assert found.positive_agreement.value == found.f1.value
    # negative agreement: 2 * 55 / (60 + 65)
    assert found.negative_agreement.value == pytest.approx(110 / 125)
    assert found.prevalence_judge.value == pytest.approx(0.40)
    assert found.prevalence_people.value == pytest.approx(0.35)


def test_every_number_has_an_interval_around_it_and_a_count(rng):
    judge, people = answers_of([[30, 6], [8, 26]])
    found = judge_agreement(judge, people, categories=VERDICTS, positive="P", rng=rng)
    for name in ("raw", "kappa", "ac1", "positive_agreement", "negative_agreement", "precision", "recall", "f1"):
        estimate = getattr(found, name)
        assert estimate.low < estimate.value < estimate.high, name
        assert estimate.n > 0, name
        assert not estimate.warning, name


def test_one_category_only_leaves_kappa_undefined_in_words_but_not_ac1(rng):
    found = judge_agreement(["P"] * 30, ["P"] * 30, categories=VERDICTS, positive="P", rng=rng)
    assert found.kappa.value is None
    assert found.kappa.reason == "both raters gave one and the same answer to every item"
    assert found.ac1.value == 1
    assert found.negative_agreement.reason == "everybody answered P"
    assert found.raw.value == 1


def test_a_judge_that_never_passes_has_no_precision_and_says_so(rng):
    found = judge_agreement(["F"] * 4, ["P", "F", "F", "P"], categories=VERDICTS, positive="P", rng=rng)
    assert found.precision.reason == "the judge never answered P"
    assert found.recall.value == 0
    assert found.kappa.value == 0


def test_no_common_item_leaves_everything_undefined(rng):
    found = judge_agreement(["P", None], [None, "F"], categories=VERDICTS, positive="P", rng=rng)
    assert (found.n, found.left_out) == (0, 2)
    for name in ("raw", "kappa", "ac1", "precision", "recall", "f1", "prevalence_people", "negative_agreement"):
        assert getattr(found, name).reason == "no item was answered by both", name


def test_without_a_positive_category_its_figures_are_undefined_and_say_so(rng):
    found = judge_agreement(["both"] * 3, ["value_1", "both", "both"], categories=CHOICES, rng=rng)
    assert found.precision.reason == "there is no positive category"
    assert found.kappa.value == 0


def test_items_lacking_an_answer_are_left_out_and_counted(rng):
    found = judge_agreement(["P", "F", None, "P"], ["P", "F", "P", None], categories=VERDICTS, rng=rng)
    assert (found.n, found.left_out) == (2, 2)


def test_few_items_and_lopsided_answers_are_warned_about(rng):
    tiny = judge_agreement(*answers_of([[5, 1], [1, 5]]), categories=VERDICTS, positive="P", rng=rng)
    assert tiny.kappa.warning.startswith("12 items only")
    lopsided = judge_agreement(*answers_of([[190, 2], [2, 6]]), categories=VERDICTS, positive="P", rng=rng)
    assert any("read it beside AC1" in warning for warning in lopsided.warnings)
    rare = judge_agreement(*answers_of([[95, 2], [2, 1]]), categories=VERDICTS, positive="P", rng=rng)
    assert "only 3 of 100 items" in rare.kappa.warning


def test_perfect_agreement_still_has_an_interval(rng):
    """Thirty agreements in thirty do not prove that the thirty-first is certain."""
    found = judge_agreement(*answers_of([[15, 0], [0, 15]]), categories=VERDICTS, rng=rng)
    assert found.kappa.value == 1
    assert 0.5 < found.kappa.low < 0.97
    assert found.kappa.high == 1


def test_kappa_interval_is_the_delta_method_for_many_items(rng):
    table = [[80, 20], [30, 70]]
    found = judge_agreement(*answers_of(table), categories=VERDICTS, rng=rng)
    reference = cohens_kappa(np.array(table))
    assert found.interval == "delta"
    # Ours has n / (n - 1) besides, as any variance between sampled units has.
    half = 1.959964 * reference.std_kappa * np.sqrt(200 / 199)
    assert found.kappa.low == pytest.approx(reference.kappa - half, abs=1e-6)
    assert found.kappa.high == pytest.approx(reference.kappa + half, abs=1e-6)
    assert found.design_effect == pytest.approx(200 / 199)


@pytest.mark.parametrize(("prevalence", "items"), [(0.5, 237), (0.7, 285), (0.8, 378), (0.9, 681)])
def test_published_numbers_of_items_give_a_half_width_of_a_tenth_at_kappa_062(prevalence, items, rng):
    # raters of equal skill a with kappa 0.62: joint table with both margins `prevalence`, disagreement b each way,
    # kappa = 1 - b / (prevalence (1 - prevalence))
    b = 0.38 * prevalence * (1 - prevalence)
    table = np.array([[prevalence - b, b], [b, 1 - prevalence - b]]) * items
    half = 1.96 * np.sqrt(cohens_kappa(table).var_kappa)
    assert half == pytest.approx(0.10, abs=0.0005)
    scaled = np.round(table * 20).astype(int)
    found = judge_agreement(*answers_of(scaled), categories=VERDICTS, rng=rng, resamples=10)
    assert (found.kappa.high - found.kappa.low) / 2 == pytest.approx(0.10 / np.sqrt(20), abs=0.001)


def test_order_of_items_and_exchange_of_raters_change_nothing(rng):
    first, second = two_raters(60, prevalence=0.6, accuracy=0.8, rng=rng)
    shuffled = rng.permutation(60)
    same = judge_agreement(first, second, categories=VERDICTS, positive="P", rng=np.random.default_rng(1))
    mixed = judge_agreement(
        [first[i] for i in shuffled],
        [second[i] for i in shuffled],
        categories=VERDICTS,
        positive="P",
        rng=np.random.default_rng(1),
    )
    assert mixed.as_dict() == approximately(same.as_dict())
    swapped = judge_agreement(second, first, categories=VERDICTS, positive="P", rng=np.random.default_rng(1))
    assert swapped.kappa.value == pytest.approx(same.kappa.value)
    assert (swapped.precision.value, swapped.recall.value) == (same.recall.value, same.precision.value)


def test_equal_item_weights_change_no_value(rng):
    first, second = two_raters(60, prevalence=0.6, accuracy=0.8, rng=rng)
    plain = judge_agreement(first, second, categories=VERDICTS, positive="P", rng=rng)
    weighted = judge_agreement(
        first, second, categories=VERDICTS, positive="P", sample=Sample.of(60, weights=np.full(60, 2.5)), rng=rng
    )
    for name in ("raw", "kappa", "ac1", "precision", "recall", "prevalence_people"):
        assert getattr(weighted, name).value == pytest.approx(getattr(plain, name).value), name
    assert weighted.kappa.low == pytest.approx(plain.kappa.low, abs=0.04)


def test_item_weights_undo_unequal_sampling(rng):
    """Rejected items sampled at a quarter of the rate, weighted by four, give the table of the whole."""
    whole = np.array([[200, 40], [60, 100]])
    sampled = [[200, 40], [15, 25]]
    weights = [1] * 240 + [4] * 40
    judge, people = answers_of(sampled)
    found = judge_agreement(
        judge, people, categories=VERDICTS, positive="P", sample=Sample.of(280, weights=weights), rng=rng
    )
    assert np.allclose(found.confusion, whole)
    assert found.kappa.value == pytest.approx(cohens_kappa(whole).kappa)
    assert found.recall.value == pytest.approx(200 / 260)
    assert found.interval == "bootstrap"
    assert any("inclusion probability" in warning for warning in found.warnings)


def test_bad_input_is_refused_in_words(rng):
    with pytest.raises(ValueError, match="same items"):
        judge_agreement(["P"], ["P", "F"], categories=VERDICTS, rng=rng)
    with pytest.raises(ValueError, match="'maybe' at position 1"):
        judge_agreement(["P", "maybe"], ["P", "F"], categories=VERDICTS, rng=rng)
    with pytest.raises(ValueError, match="different labels"):
        judge_agreement(["P"], ["P"], categories=("P", "P"), rng=rng)
    with pytest.raises(ValueError, match="above 0"):
        Sample.of(2, weights=[1, 0])
    with pytest.raises(ValueError, match="positive category"):
        judge_agreement(["P"], ["P"], categories=VERDICTS, positive="Q", rng=rng)
    with pytest.raises(ValueError, match="quadratic"):
        judge_agreement(["P"], ["P"], categories=VERDICTS, weights="linear", rng=rng)
    with pytest.raises(ValueError, match="2 cells"):
        pairwise_agreement([["P", "F"], ["P"]], raters=("a", "b"), categories=VERDICTS, rng=rng)


@pytest.mark.parametrize(("n", "prevalence", "accuracy"), [(25, 0.5, 0.95), (40, 0.8, 0.9), (150, 0.8, 0.9)])
def test_kappa_interval_covers_the_truth(n, prevalence, accuracy):
    """400 simulated pairs of raters: the bootstrap and the delta method hold about 95 %."""
    agree, differ = accuracy**2 + (1 - accuracy) ** 2, 2 * accuracy * (1 - accuracy)
    passes = prevalence * accuracy + (1 - prevalence) * (1 - accuracy)
    chance = passes**2 + (1 - passes) ** 2
    truth = (agree - chance) / (1 - chance)
    assert agree + differ == pytest.approx(1)
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        raters = two_raters(n, prevalence=prevalence, accuracy=accuracy, rng=rng)
        found = judge_agreement(*raters, categories=VERDICTS, rng=rng, resamples=300)
        covered += found.kappa.low <= truth <= found.kappa.high
    assert 0.92 <= covered / 400 <= 0.985


def test_like_is_compared_with_like(rng):
    """Judge and annotators of equal skill: against all three the judge looks better than a person against a person."""
    truth = rng.random(1500) < 0.5
    right = rng.random((4, 1500)) < 0.85
    raters = np.where(right == truth, "P", "F")
    people = raters[1:].T.tolist()
    found = leave_one_out_agreement(
        raters[0].tolist(), people, raters=("a", "b", "c"), categories=VERDICTS, rng=rng, resamples=10
    )
    majority_of_all = [VERDICTS[row.count("F") > 1] for row in people]
    to_majority = cohen_kappa(raters[0].tolist(), majority_of_all, categories=VERDICTS)
    to_person = cohen_kappa(raters[1].tolist(), raters[2].tolist(), categories=VERDICTS)
    assert to_majority > to_person + 0.08
    for pair in found.values():
        assert pair.judge.kappa.value == pytest.approx(pair.annotator.kappa.value, abs=0.06)
