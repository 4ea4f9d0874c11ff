"""Agreement of more than two raters."""

import evalica
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss_kappa

from conflictscope.stats.consensus import votes_of
from conflictscope.stats.reliability import _costs, chance_corrected, coincidences, fleiss_kappa, krippendorff_alpha

CHOICES = ("value_1", "value_2", "both", "neither")
VERDICTS = ("P", "F")


def people(data):
    answers = data["open_people"]
    return [[answers[person][item] for person in ("h1", "h2", "h3")] for item in answers["h1"]]


def raters(n, *, count, accuracy, missing, rng, size=3):
    """Raters of equal skill on a nominal truth, some answers missing: n rows of `count` integers 1..size or None."""
    truth = rng.integers(1, size + 1, size=n)
    rows = []
    for answer in truth:
        given = [int(answer) if rng.random() < accuracy else int(rng.integers(1, size + 1)) for _ in range(count)]
        rows.append([None if rng.random() < missing else label for label in given])
    return rows


class TestWorkedExample:
    def test_fleiss_uses_the_items_that_all_answered(self, data, expected, rng):
        found = fleiss_kappa(people(data), categories=CHOICES, rng=rng)
        assert found.n == expected["fleiss_which_action"]["items"]
        assert found.value == pytest.approx(expected["fleiss_which_action"]["kappa"], abs=2e-5)

    def test_krippendorff_of_which_action(self, data, expected, rng):
        found = krippendorff_alpha(people(data), categories=CHOICES, rng=rng)
        assert found.n == expected["krippendorff_which_action_nominal"]["units"]
        assert found.value == pytest.approx(expected["krippendorff_which_action_nominal"]["alpha"], abs=1e-6)

    def test_krippendorff_of_each_dimension(self, data, expected, rng):
        for position, dimension in enumerate(data["dimensions"]):
            labels = [
                [
                    None if data["filter"][h][s["uid"]][position] in "U." else data["filter"][h][s["uid"]][position]
                    for h in ("h1", "h2", "h3")
                ]
                for s in data["scenarios"]
            ]
            found = krippendorff_alpha(labels, categories=VERDICTS, rng=rng)
            assert found.value == pytest.approx(expected["krippendorff_filter_nominal"][dimension], abs=1e-6)

    @pytest.mark.parametrize("metric", ["ordinal", "interval"])
    def test_krippendorff_of_strengths(self, data, expected, rng, metric):
        strengths = data["strength_llm_a"]
        labels = [[strengths["judge"][uid], strengths["h1"][uid]] for uid in strengths["judge"]]
        found = krippendorff_alpha(labels, categories=range(1, 8), metric=metric, rng=rng)
        assert found.value == pytest.approx(expected["krippendorff_strength"][metric], abs=1e-6)


def test_one_dissent_among_equal_answers_gives_alpha_zero_and_a_warning(rng):
    found = krippendorff_alpha([["P", "P", "P"]] * 29 + [["P", "P", "F"]], categories=VERDICTS, rng=rng)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert "only 1.1% of the answers" in found.warning


def test_alpha_by_hand(rng):
    # items PP, PF, FF: coincidences PP 2, PF 1, FP 1, FF 2; n = 6; Do = 2/6; De = 2 * 3 * 3 / (6 * 5) = 18/30
    found = krippendorff_alpha([["P", "P"], ["P", "F"], ["F", "F"]], categories=VERDICTS, rng=rng)
    assert found.value == pytest.approx(1 - (2 / 6) / (18 / 30), abs=1e-12)


def test_fleiss_by_hand(rng):
    # items PPP, PPF: P = 1 and 1/3, mean 2/3; shares 5/6 and 1/6, pe = 26/36; (2/3 - 26/36) / (10/36) = -0.2
    found = fleiss_kappa([["P", "P", "P"], ["P", "P", "F"]], categories=VERDICTS, rng=rng)
    assert found.value == pytest.approx(-0.2, abs=1e-12)


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_bootstrap_replicates_compute_what_the_library_computes(metric, rng):
    """The replicates have a formula of their own, on coincidence matrices: on the data itself it must be alpha."""
    rows = raters(40, count=4, accuracy=0.6, missing=0.2, rng=rng, size=5)
    rows = [row for row in rows if sum(label is not None for label in row) >= 2]
    codes = np.array([[-1 if label is None else label - 1 for label in row] for row in rows])
    total = coincidences(votes_of(codes, 5).astype(float)).sum(axis=0)
    ours = chance_corrected(total, _costs(metric, range(1, 6)), paired=True)
    frame = pd.DataFrame(np.where(codes < 0, np.nan, codes + 1.0).T)
    assert ours == pytest.approx(evalica.alpha(frame, distance=metric).alpha, abs=1e-12)


def test_fleiss_replicates_compute_what_the_library_computes(rng):
    rows = raters(40, count=4, accuracy=0.6, missing=0, rng=rng, size=3)
    codes = np.array(rows) - 1
    counts = (codes[:, :, None] == np.arange(3)).sum(axis=1)
    ours = chance_corrected(coincidences(counts.astype(float)).sum(axis=0), _costs("nominal", range(3)), paired=False)
    assert ours == pytest.approx(statsmodels_fleiss_kappa(counts), abs=1e-12)


def test_undefined_cases_are_said_in_words(rng):
    assert krippendorff_alpha([["P", None], [None, "F"]], categories=VERDICTS, rng=rng).reason == (
        "no item was answered by two raters"
    )
    assert krippendorff_alpha([["P", "P"]] * 5, categories=VERDICTS, rng=rng).reason == "only one category was used"
    assert krippendorff_alpha([], categories=VERDICTS, rng=rng).value is None
    assert fleiss_kappa([["P", "P"]] * 5, categories=VERDICTS, rng=rng).reason == "only one category was used"
    assert "no item" in fleiss_kappa([["P", None]], categories=VERDICTS, rng=rng).reason
    assert "no item" in fleiss_kappa([["P"]], categories=VERDICTS, rng=rng).reason


def test_bad_input_is_refused_in_words(rng):
    with pytest.raises(ValueError, match="needs numbers"):
        krippendorff_alpha([["P", "F"]], categories=VERDICTS, metric="interval", rng=rng)
    with pytest.raises(ValueError, match="metric"):
        krippendorff_alpha([["P", "F"]], categories=VERDICTS, metric="cosine", rng=rng)
    with pytest.raises(ValueError, match="rows of"):
        krippendorff_alpha([["P", "F"], ["P"]], categories=VERDICTS, rng=rng)


def test_order_of_items_and_of_raters_change_nothing(rng):
    rows = raters(50, count=3, accuracy=0.7, missing=0.1, rng=rng)
    mixed = [list(reversed(rows[i])) for i in rng.permutation(50)]
    one, other = (krippendorff_alpha(r, categories=(1, 2, 3), rng=np.random.default_rng(3)) for r in (rows, mixed))
    assert other.value == pytest.approx(one.value)
    assert (other.low, other.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize(("n", "accuracy"), [(25, 0.9), (60, 0.7)])
def test_alpha_interval_covers_the_truth(n, accuracy):
    """300 simulated panels of three with a tenth of the answers missing."""
    # two raters agree when both are right or both guess alike: a = accuracy + (1 - accuracy)/3 is the chance to be right
    right, wrong = accuracy + (1 - accuracy) / 3, (1 - accuracy) / 3
    truth = 1 - (1 - right**2 - 2 * wrong**2) / (2 / 3)
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        rows = raters(n, count=3, accuracy=accuracy, missing=0.1, rng=rng)
        found = krippendorff_alpha(rows, categories=(1, 2, 3), rng=rng, resamples=300)
        covered += found.low <= truth <= found.high
    assert 0.915 <= covered / 300 <= 0.985
