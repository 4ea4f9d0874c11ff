"""Which scenarios are drawn, and that what is said about their chances is true."""

from __future__ import annotations

import itertools
from collections import Counter
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.campaigns.populations import Candidate, candidates, population_digest
from annotation.campaigns.sampling import FLOOR, Plan, chances, draw, equal_parts, least
from conflictscope.scenarios.models import Scenario
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, VerdictFactory, judged

PAIRS = ("helpfulness-honesty", "honesty-harmlessness", "harmlessness-helpfulness")


def population(**counts: int) -> list[Candidate]:
    """Scenarios by the judge's outcome, spread over three pairs and two templates."""
    outcomes = [outcome for outcome, count in counts.items() for _ in range(count)]
    return [
        Candidate(
            number,
            PAIRS[number % 3],
            ("minor_harm", "strong_benefit")[number // 3 % 2],
            outcome,
            doubt=4.0 if number % 5 == 0 else 1.0,
        )
        for number, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize("plan", list(Plan))
@pytest.mark.parametrize("size", [3, 20, 57, 90])
def test_the_chances_of_all_scenarios_add_up_to_the_size_of_the_sample(plan, size):
    everything = population(kept=60, dropped=25, undecided=5)
    drawn = draw(everything, plan=plan, size=size, seed=3)
    assert len(drawn) == size
    stated = chances(everything, plan=plan, size=size)
    chance = {each.scenario_id: probability for each, probability in zip(everything, stated, strict=True)}
    assert all(each.probability == chance[each.candidate.scenario_id] for each in drawn)
    assert isclose(sum(stated), size)
    assert all(0 < each.probability <= 1 for each in drawn)


@pytest.mark.parametrize("plan", list(Plan))
def test_no_scenario_is_drawn_twice_and_the_same_seed_draws_the_same(plan):
    everything = population(kept=60, dropped=25, undecided=5)
    drawn = draw(everything, plan=plan, size=40, seed=11)
    assert len({each.candidate.scenario_id for each in drawn}) == 40
    assert draw(everything, plan=plan, size=40, seed=11) == drawn
    assert draw(everything, plan=plan, size=40, seed=12) != drawn


@pytest.mark.parametrize("plan", list(Plan))
def test_each_scenario_is_drawn_as_often_as_its_stated_chance_says(plan):
    everything = population(kept=14, dropped=6, undecided=3)
    draws = 2000
    times = Counter()
    stated = {}
    for seed in range(draws):
        for each in draw(everything, plan=plan, size=9, seed=seed):
            times[each.candidate.scenario_id] += 1
            stated[each.candidate.scenario_id] = each.probability
    assert set(stated) == {each.scenario_id for each in everything}
    for scenario, probability in stated.items():
        # Five standard errors of a share of 2,000 draws: at most 0.056.
        tolerance = 5 * (probability * (1 - probability) / draws) ** 0.5
        assert abs(times[scenario] / draws - probability) <= tolerance


@pytest.mark.parametrize("plan", list(Plan))
def test_an_enlarged_sample_has_the_chances_of_one_that_was_that_large_from_the_start(plan):
    everything = population(kept=14, dropped=6, undecided=3)
    draws = 2000
    times = Counter()
    wanted = chances(everything, plan=plan, size=14)
    for seed in range(draws):
        first = draw(everything, plan=plan, size=6, seed=seed)
        before = [each.candidate.scenario_id for each in first]
        more = draw(everything, plan=plan, size=14, seed=seed, before=before, size_before=6, turn=1)
        added = [each.candidate.scenario_id for each in more]
        assert not set(before) & set(added)
        assert all(each.probability == wanted[each.candidate.scenario_id] for each in more)
        times.update(before + added)
    for scenario, probability in enumerate(wanted):
        tolerance = 5 * (probability * (1 - probability) / draws) ** 0.5 + 1e-9
        assert abs(times[scenario] / draws - probability) <= tolerance


def test_a_sample_that_leans_to_uncertainty_draws_doubtful_cases_more_often_and_leaves_none_without_a_chance():
    everything = population(kept=80, dropped=20)
    stated = dict(
        zip((each.doubt for each in everything), chances(everything, plan=Plan.UNCERTAINTY, size=16), strict=True)
    )
    assert stated[4.0] / stated[1.0] == pytest.approx(4)
    rare = [Candidate(number, "a-b", "", "kept", doubt=1.0 if number else 4000.0) for number in range(100)]
    assert min(chances(rare, plan=Plan.UNCERTAINTY, size=2)) >= FLOOR * 2 / 100


@pytest.mark.parametrize("plan", list(Plan))
def test_a_larger_sample_takes_no_chance_away_from_any_scenario(plan):
    everything = population(kept=31, dropped=9, undecided=2)
    for size in range(3, 42):
        smaller, larger = (chances(everything, plan=plan, size=asked) for asked in (size, size + 1))
        assert all(few <= many + 1e-9 for few, many in zip(smaller, larger, strict=True))


def test_the_digest_of_a_population_changes_with_what_the_judge_says_of_it():
    assert population_digest(population(kept=3)) == population_digest(population(kept=3))
    assert population_digest(population(kept=3)) != population_digest(population(kept=2, dropped=1))


def test_a_stratified_sample_has_equal_parts_of_the_judges_outcomes_as_far_as_they_go():
    drawn = draw(population(kept=70, dropped=20, undecided=2), plan=Plan.STRATIFIED, size=30, seed=5)
    assert Counter(each.candidate.outcome for each in drawn) == {"kept": 14, "dropped": 14, "undecided": 2}
    assert {each.candidate.outcome: each.probability for each in drawn} == {
        "kept": pytest.approx(14 / 70),
        "dropped": pytest.approx(14 / 20),
        "undecided": 1.0,
    }


def test_a_stratified_sample_gives_each_pair_and_template_its_share_to_within_one():
    everything = population(kept=60)
    drawn = draw(everything, plan=Plan.STRATIFIED, size=24, seed=5)
    strata = Counter((each.candidate.pair, each.candidate.template) for each in drawn)
    assert len(strata) == 6
    assert all(abs(count - 24 / 6) <= 1 for count in strata.values())


def test_items_are_served_in_an_order_that_says_nothing_about_their_outcome():
    """So that an early stop is still a sample: the first third has its share of dropped scenarios, within chance."""
    everything = population(kept=50, dropped=50)
    first = Counter()
    for seed in range(40):
        served = sorted(draw(everything, plan=Plan.STRATIFIED, size=60, seed=seed), key=lambda each: each.shuffle_key)
        first.update(each.candidate.outcome for each in served[:20])
    assert abs(first["kept"] / 800 - 0.5) < 0.09  # five standard errors


def served(seed: int, **counts: int) -> list[Candidate]:
    everything = population(**counts)
    drawn = draw(everything, plan=Plan.STRATIFIED, size=len(everything), seed=seed)
    assert drawn == sorted(drawn, key=lambda each: each.shuffle_key)  # rows are numbered as they are served
    return [each.candidate for each in drawn]


def test_wherever_work_stops_every_outcome_and_stratum_has_had_its_share():
    for seed in range(20):
        order = served(seed, kept=60, dropped=30, undecided=10)
        for stop in (20, 50, 70):
            outcomes = Counter(each.outcome for each in order[:stop])
            assert all(abs(outcomes[name] - stop * n / 100) <= 4 for name, n in (("kept", 60), ("dropped", 30)))
        # Eighteen strata of 1 to 10 scenarios; half way, none is far from its half.
        half, whole = (Counter(each.stratum for each in part) for part in (order[:50], order))
        assert all(abs(half[name] - n / 2) <= 2.5 for name, n in whole.items())


def test_every_scenario_is_as_likely_as_any_other_to_come_before_the_stop():
    first = Counter()
    for seed in range(2000):
        first.update(each.scenario_id for each in served(seed, kept=14, dropped=5, undecided=1)[:8])
    # Five standard errors of a share of 2,000 draws.
    assert all(abs(first[number] / 2000 - 8 / 20) <= 5 * (0.24 / 2000) ** 0.5 for number in range(20))


def test_what_came_before_says_next_to_nothing_about_the_outcome_of_what_comes():
    """A strict turn of two outcomes would let a person who is sure of one item know the verdict on its neighbour."""
    same = [
        first.outcome == second.outcome
        for seed in range(200)
        for first, second in itertools.pairwise(served(seed, kept=30, dropped=30))
    ]
    assert 0.43 < sum(same) / len(same) < 0.5  # 0.49 in an order of pure chance, 0.25 in a strict turn


def test_more_than_there_are_takes_everything_with_certainty():
    drawn = draw(population(kept=4, dropped=1), plan=Plan.STRATIFIED, size=50, seed=1)
    assert [each.probability for each in drawn] == [1.0] * 5


def test_a_stratified_sample_is_not_so_small_that_an_outcome_has_no_chance():
    everything = population(kept=4, dropped=3, undecided=1)
    assert (least(everything, plan=Plan.STRATIFIED), least(everything, plan=Plan.RANDOM)) == (3, 1)
    with pytest.raises(ValueError, match="cannot draw 2 of 8"):
        draw(everything, plan=Plan.STRATIFIED, size=2, seed=0)
    with pytest.raises(ValueError, match="cannot draw 1 of 0"):
        draw([], plan=Plan.RANDOM, size=1, seed=0)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 30), max_size=6), st.integers(0, 200))
def test_equal_parts_never_exceed_what_there_is_and_differ_only_where_a_group_is_used_up(available, total):
    parts = equal_parts(available, total)
    assert sum(parts.values()) == min(total, sum(available.values()))
    assert all(0 <= parts[name] <= available[name] for name in available)
    with_rest = [parts[name] for name in available if parts[name] < available[name]]
    if with_rest:
        assert max(parts.values()) <= min(with_rest) + 1


@pytest.mark.django_db
def test_dropped_and_unjudged_scenarios_are_candidates_and_outlines_and_duplicates_are_not():
    judge = JudgeFactory()
    dataset = DatasetFactory(primary_judge=judge)
    kept = judged(ScenarioFactory(dataset=dataset), judge)
    dropped = judged(ScenarioFactory(dataset=dataset), judge, realism="fail")
    undecided = judged(ScenarioFactory(dataset=dataset), judge, realism="unparsable")
    unjudged = ScenarioFactory(dataset=dataset)
    ScenarioFactory(dataset=dataset, status=Scenario.Status.OUTLINED)
    ScenarioFactory(dataset=dataset, status=Scenario.Status.DUPLICATE, duplicate_of=kept)
    found = {each.scenario_id: each for each in candidates(dataset)}
    assert {pk: each.outcome for pk, each in found.items()} == {
        kept.pk: "kept",
        dropped.pk: "dropped",
        undecided.pk: "undecided",
        unjudged.pk: "drafted",
    }
    assert found[kept.pk].stratum == "helpfulness-honesty · minor_benefit · kept"


@pytest.mark.django_db
def test_strata_follow_the_judge_alone_and_not_what_people_have_overruled(dataset):
    judge = JudgeFactory()
    dataset.primary_judge = judge
    dataset.save()
    scenario = judged(ScenarioFactory(dataset=dataset), judge, realism="fail")
    VerdictFactory(scenario=scenario, human=True, outcome="pass")
    assert [each.outcome for each in candidates(dataset)] == ["dropped"]
