"""Scenarios as the unit: samples, variances, bootstrap limits."""

import numpy as np
import pytest
from scipy.stats import bootstrap
from statsmodels.stats.inter_rater import cohens_kappa

from conflictscope.stats import tables
from conflictscope.stats.agreement import judge_agreement
from conflictscope.stats.clusters import Kinds, Sample, accelerated, collapsed, covariance, slopes, variance_of
from conflictscope.stats.crossing import Crossing, exact_limits, unit_variance, wilson_limits
from conflictscope.stats.intervals import ratio_se, wilson
from conflictscope.stats.reliability import krippendorff_alpha

VERDICTS = ("P", "F")
TABLE = np.array([[40.0, 8.0], [12.0, 30.0]])


def codes_of(table):
    cells = np.repeat(np.arange(4), table.astype(int).reshape(-1))
    return (cells // 2).astype(np.int8), (cells % 2).astype(np.int8)


def kinds_of(values, strata=None):
    values = np.asarray(values, dtype=float)
    strata = np.zeros(len(values), dtype=np.int64) if strata is None else np.asarray(strata)
    return Kinds(values, strata, np.ones(len(values)))


# Samples


def test_effective_size_is_that_of_kish_over_scenarios():
    # weights 1, 1, 4: 36 / 18
    assert Sample.of(3, weights=[1, 1, 4]).effective == pytest.approx(2)
    # scenarios of 1, 1 and 4 items weigh as much
    sample = Sample.of(6, scenarios=["a", "b", "c", "c", "c", "c"])
    assert (sample.effective, sample.scenarios, sample.clustered, sample.weighted) == (pytest.approx(2), 3, True, False)
    assert Sample.of(5).effective == 5


def test_a_part_of_a_sample_forgets_scenarios_without_items():
    sample = Sample.of(5, scenarios=[7, 7, 3, 9, 9], strata=["x", "x", "y", "y", "y"], weights=[1, 1, 2, 3, 3])
    part = sample.part(np.array([False, False, True, True, True]))
    assert (part.n, part.scenarios) == (3, 2)
    assert part.weight.tolist() == [2, 3, 3]
    single = sample.part(np.array([True, False, True, True, False]))
    assert not single.clustered
    assert single.stratum.tolist() == [0, 1, 1]


def test_what_an_item_adds_is_summed_by_scenario_whether_few_or_many(monkeypatch):
    rng = np.random.default_rng(0)
    sample = Sample.of(30, scenarios=rng.integers(0, 8, 30), weights=rng.uniform(1, 3, 30))
    code, adds = rng.integers(0, 5, 30), rng.normal(size=(5, 2, 3))
    wanted = np.zeros((sample.scenarios, 2, 3))
    np.add.at(wanted, sample.scenario, adds[code] * sample.weight[:, None, None])
    assert np.allclose(sample.kinds(code, adds).cells, wanted)
    monkeypatch.setattr("conflictscope.stats.clusters.MOST_CROSSED", 0)
    assert np.allclose(sample.kinds(code, adds).cells, wanted)


def test_items_alike_in_stratum_weight_and_code_are_one_kind():
    sample = Sample.of(6, strata=[0, 0, 0, 1, 1, 1], weights=[1, 1, 1, 2, 2, 2])
    kinds = sample.kinds(np.array([0, 0, 1, 1, 1, 0]), np.eye(2))
    assert kinds.times.sum() == kinds.scenarios == 6
    assert len(kinds.times) == 4
    assert kinds.total.tolist() == [4, 5]


def test_bad_samples_are_refused_in_words():
    with pytest.raises(ValueError, match="3 items need 3 entries of scenario, got 2"):
        Sample.of(3, scenarios=[1, 2])
    with pytest.raises(ValueError, match="above 0"):
        Sample.of(2, weights=[1, float("nan")])
    with pytest.raises(ValueError, match="two strata"):
        Sample.of(3, scenarios=["a", "a", "b"], strata=[0, 1, 1])
    with pytest.raises(ValueError, match="sample has 2 items"):
        Crossing.of(*codes_of(TABLE), 2, Sample.of(2))


def test_small_strata_are_put_together_with_the_next():
    strata = np.repeat([0, 1, 2, 3, 4], [3, 1, 4, 6, 2])
    assert np.bincount(collapsed(kinds_of(np.ones(16), strata))).tolist() == [8, 8]
    assert collapsed(kinds_of(np.ones(3), [0, 1, 2])).tolist() == [0, 0, 0]


# Variances


def test_the_variance_of_a_ratio_is_that_of_the_textbook():
    rng = np.random.default_rng(1)
    d = rng.integers(1, 6, 25).astype(float)
    y = rng.binomial(d.astype(int), 0.7).astype(float)
    kinds = kinds_of(np.column_stack([y, d]))
    assert variance_of(lambda t: t[..., 0] / t[..., 1], kinds) == pytest.approx(ratio_se(y, d) ** 2)


def test_the_stratified_variance_of_a_total_by_hand():
    # strata 1, 3, 2, 2, 2 and 5, 7, 6, 6, 6: each sum of squares 2, times 5 / 4, twice
    scores = np.array([1, 3, 2, 2, 2, 5, 7, 6, 6, 6.0])[:, None]
    assert covariance(scores, kinds_of(scores, np.repeat([0, 1], 5)))[0, 0] == pytest.approx(5)
    assert np.isnan(covariance(scores[:1], kinds_of(scores[:1]))[0, 0])


@pytest.mark.parametrize("weights", [None, "quadratic"])
def test_the_delta_method_of_kappa_is_that_of_fleiss_cohen_and_everitt(weights):
    table = np.array([[20, 5, 1], [4, 18, 6], [2, 3, 25.0]])
    variance = unit_variance(lambda t: tables.kappa(t, weights), table / table.sum())
    reference = cohens_kappa(table, wt="fc" if weights else None)
    assert variance / table.sum() == pytest.approx(reference.var_kappa)


def test_slopes_are_the_derivatives_of_every_statistic():
    step = 1e-5
    for statistic in (tables.kappa, tables.ac1, tables.specific_agreement(2, 0), tables.precision(2, 1)):
        found = slopes(statistic, TABLE, 2)
        for cell in np.ndindex(2, 2):
            moved = np.zeros((2, 2))
            moved[cell] = step
            wanted = (statistic(TABLE + moved) - statistic(TABLE - moved)) / (2 * step)
            assert found[cell] == pytest.approx(float(wanted), abs=1e-8)


# Limits


def test_limits_agree_with_wilson_and_with_clopper_and_pearson():
    reference = wilson(17, 40)
    assert wilson_limits(17 / 40, 40, 0.95) == pytest.approx((reference.low, reference.high))
    # Clopper & Pearson by their tables: 0 of 10 -> 0.3085, 5 of 10 -> 0.1871 and 0.8129
    assert exact_limits(0, 10, 0.95) == pytest.approx((0, 0.3085), abs=1e-4)
    assert exact_limits(5, 10, 0.95) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert exact_limits(10, 10, 0.95)[1] == 1


def test_shares_of_independent_items_have_wilsons_interval():
    found = Crossing.of(*codes_of(2 * TABLE), 2).share(tables.raw_ratio(2), reason="")
    reference = wilson(140, 180)
    assert (found.low, found.high, found.n) == (pytest.approx(reference.low), pytest.approx(reference.high), 180)
    assert not found.conservative
    few = Crossing.of(*codes_of(TABLE), 2).share(tables.raw_ratio(2), reason="")
    assert (few.low, few.high) == pytest.approx(exact_limits(70, 90, 0.95))
    assert few.conservative


def test_items_that_repeat_within_a_scenario_add_nothing_but_a_count():
    """Every response of a scenario judged alike: the interval is that of the scenarios, whatever their number of responses."""
    first, second = codes_of(TABLE)
    once = judge_agreement(first, second, categories=VERDICTS, positive="P", rng=np.random.default_rng(1))
    scenarios = np.repeat(np.arange(90), 3)
    thrice = judge_agreement(
        np.repeat(first, 3),
        np.repeat(second, 3),
        categories=VERDICTS,
        positive="P",
        rng=np.random.default_rng(1),
        sample=Sample.of(270, scenarios=scenarios),
    )
    assert (thrice.n, thrice.scenarios, thrice.effective) == (270, 90, 90)
    assert thrice.kappa.value == pytest.approx(once.kappa.value)
    assert thrice.kappa.high - thrice.kappa.low == pytest.approx(once.kappa.high - once.kappa.low, rel=0.05)
    assert thrice.raw.high - thrice.raw.low == pytest.approx(once.raw.high - once.raw.low, rel=0.1)
    assert thrice.design_effect == pytest.approx(3 * once.design_effect)


def test_limits_of_a_mean_resampled_by_scenario_lie_where_those_of_scipy_do():
    rng = np.random.default_rng(3)
    x = rng.exponential(size=60)
    kinds = kinds_of(np.column_stack([x, np.ones(60)]))
    low, high = accelerated(lambda t: t[..., 0] / t[..., 1], kinds, rng=rng, resamples=20_000, level=0.95)
    reference = bootstrap((x,), np.mean, n_resamples=20_000, method="BCa", rng=rng).confidence_interval
    width = reference.high - reference.low
    assert low == pytest.approx(reference.low, abs=0.03 * width)
    assert high == pytest.approx(reference.high, abs=0.03 * width)


def test_there_are_no_limits_where_nothing_varies_or_a_single_scenario_is():
    same = kinds_of(np.ones((8, 2)))
    one = kinds_of(np.ones((1, 2)))
    for kinds in (same, one):
        found = accelerated(
            lambda t: t[..., 0] / t[..., 1], kinds, rng=np.random.default_rng(0), resamples=100, level=0.95
        )
        assert found is None


def test_clusters_widen_the_interval_and_the_sample_says_how_little_it_is_worth(rng):
    first, second = codes_of(TABLE)
    order = np.lexsort((second, first))
    sample = Sample.of(90, scenarios=np.repeat(np.arange(9), 10))
    alone = judge_agreement(first[order], second[order], categories=VERDICTS, positive="P", rng=rng)
    together = judge_agreement(first[order], second[order], categories=VERDICTS, positive="P", rng=rng, sample=sample)
    assert together.kappa.value == pytest.approx(alone.kappa.value)
    assert together.kappa.high - together.kappa.low > 1.5 * (alone.kappa.high - alone.kappa.low)
    assert together.kappa.warning.startswith("as much as 9 scenarios only")
    assert together.design_effect > 4


def test_one_scenario_alone_has_no_interval(rng):
    sample = Sample.of(90, scenarios=np.zeros(90))
    found = judge_agreement(*codes_of(TABLE), categories=VERDICTS, positive="P", rng=rng, sample=sample)
    for estimate in (found.raw, found.kappa, found.precision):
        assert estimate.value is not None
        assert (estimate.low, estimate.high) == (None, None)
        assert estimate.warning


def test_small_weighted_samples_warn_by_their_effective_size(rng):
    first, second = codes_of(np.array([[16, 4], [4, 16]]))
    weights = np.where(np.arange(40) % 10 == 0, 50.0, 1.0)
    found = judge_agreement(
        first, second, categories=VERDICTS, positive="P", rng=rng, sample=Sample.of(40, weights=weights)
    )
    assert found.effective < 6
    assert "as much as" in found.kappa.warning
    assert "as much as" in found.raw.warning
    assert any("of equal weight" in warning for warning in found.warnings)


def test_perfect_agreement_in_seventeen_responses_counts_scenarios(rng):
    """The bound is Clopper and Pearson's of so many scenarios, of which one half passes: kappa's chance is 1/2."""
    answers = np.repeat(np.arange(40) % 2, 17).astype(np.int8)
    sample = Sample.of(680, scenarios=np.repeat(np.arange(40), 17))
    found = judge_agreement(answers, answers, categories=VERDICTS, positive="P", rng=rng, sample=sample)
    low = 0.025 ** (1 / 40)
    assert (found.raw.low, found.raw.high, found.raw.conservative) == (pytest.approx(low), 1, True)
    assert found.kappa.low == pytest.approx(1 - (1 - low) / 0.5)
    assert (found.interval, found.kappa.conservative) == ("exact", True)
    alpha = krippendorff_alpha(np.column_stack([answers] * 3), categories=VERDICTS, rng=rng, sample=sample)
    assert (alpha.value, alpha.high, alpha.conservative) == (pytest.approx(1), 1, True)
    assert alpha.low == pytest.approx(found.kappa.low)


def test_a_few_answers_on_a_scale_warn(rng):
    answers = rng.integers(0, 7, 60).astype(np.int8)
    found = judge_agreement(answers, answers[::-1].copy(), categories=range(7), weights="quadratic", rng=rng)
    assert found.kappa.warning.startswith("60 items only")
    lopsided = np.where(rng.random(120) < 0.6, 6, rng.integers(0, 7, 120)).astype(np.int8)
    other = np.where(rng.random(120) < 0.7, lopsided, 6).astype(np.int8)
    found = judge_agreement(lopsided, other, categories=range(7), weights="quadratic", rng=rng)
    assert "most with one and the same answer" in found.kappa.warning
