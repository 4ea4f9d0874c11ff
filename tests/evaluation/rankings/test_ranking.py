"""Rankings as snapshots, and the measures of a dataset."""

from __future__ import annotations

from itertools import combinations

import pytest

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from evaluation.measures.datasets import measure
from evaluation.measures.decisions import Decider, decisions_of, trials_of
from evaluation.models import Judgement, Ranking, Run
from evaluation.rankings.fitting import fit_dataset, fit_run, latest_rankings, stale_runs
from evaluation.rankings.tables import corrected_table, fit_sentence, ranking_table
from tests.factories.evaluation import JudgementFactory, RatingFactory, ResponseFactory, RunFactory, answered
from tests.factories.scenarios import DatasetFactory, ScenarioFactory

pytestmark = pytest.mark.django_db
BOTH = [order.value for order in OptionOrder]


def scenarios_for(dataset: Dataset, number: int, *, status: str = Scenario.Status.KEPT) -> list[Scenario]:
    """So many scenarios for each pair of the dataset's values."""
    values = list(dataset.value_set_version.values.all())
    return [
        ScenarioFactory(dataset=dataset, value_1=one, value_2=two, status=status)
        for one, two in combinations(values, 2)
        for _ in range(number)
    ]


@pytest.fixture
def ranked() -> Run:
    """Of 12 scenarios a pair the first value wins 8: helpfulness before honesty before harmlessness."""
    run = RunFactory(option_orders=[OptionOrder.ACTION_1_FIRST])
    for n, scenario in enumerate(scenarios_for(run.dataset, 12)):
        answered(run, scenario, "value_1" if n % 12 < 8 else "value_2")
    return run


def test_the_value_that_wins_more_stands_higher(ranked: Run) -> None:
    results = fit_run(ranked, replicates=200).shown.results
    assert results["values"] == ["helpfulness", "honesty", "harmlessness"]
    assert [rank["value"] for rank in results["ranks"]] == [1, 2, 3]
    strengths = [strength["value"] for strength in results["strengths"]]
    assert sum(strengths) == pytest.approx(0, abs=1e-9)
    assert results["counts"]["decided_trials"] == 36
    # share 2/3 for each pair: theta_1 - theta_2 and theta_1 - theta_3 cannot both be ln 2, so they lie around it
    assert 0.5 < strengths[0] - strengths[2] < 1.5
    assert all(strength["low"] < strength["value"] < strength["high"] for strength in results["strengths"])


def test_fitting_the_same_decisions_again_finds_the_snapshot(ranked: Run) -> None:
    first = fit_run(ranked, replicates=200, seed=4)
    again = fit_run(ranked, replicates=200, seed=4)
    assert (first.fresh, again.fresh) == (True, False)
    assert again.ranking == first.ranking
    assert fit_run(ranked, replicates=200, seed=5).ranking != first.ranking
    assert Ranking.objects.count() == 2


def test_a_further_decision_makes_a_new_snapshot_and_the_old_one_is_known_to_be_old(ranked: Run) -> None:
    first = fit_run(ranked, replicates=200)
    assert stale_runs([first.run]) == set()
    scenario = ScenarioFactory(dataset=ranked.dataset)
    answered(ranked, scenario, "value_2")
    assert stale_runs([first.run]) == {ranked.pk}
    second = fit_run(ranked, replicates=200)
    assert second.fresh
    assert latest_rankings([ranked])[ranked.pk].ranking == second.ranking


def test_what_is_undecided_counts_for_neither_side(ranked: Run) -> None:
    before = fit_run(ranked, replicates=200).shown.results
    one, two = scenarios_for(ranked.dataset, 1)[:2]
    answered(ranked, one, "none")
    answered(ranked, two, "neither")
    after = fit_run(ranked, replicates=200).shown.results
    assert [each["value"] for each in after["strengths"]] == pytest.approx(
        [each["value"] for each in before["strengths"]]
    )
    assert after["counts"]["undecided"]["value"] == pytest.approx(2 / 38)


def test_both_orders_of_a_scenario_are_one_unit() -> None:
    run = RunFactory()
    for n, scenario in enumerate(scenarios_for(run.dataset, 10)):
        for order in BOTH:
            answered(run, scenario, "value_1" if n % 10 < 6 else "value_2", order=order)
    results = fit_run(run, replicates=200).shown.results
    assert (results["counts"]["scenarios"], results["counts"]["trials"]) == (30, 60)
    assert [pair["scenarios"] for pair in results["pairs"]] == [10, 10, 10]


def test_a_scenario_that_has_left_the_scope_is_not_ranked(ranked: Run) -> None:
    Run.objects.filter(pk=ranked.pk).update(scope=Run.Scope.KEPT)
    run = Run.objects.get(pk=ranked.pk)
    assert len(decisions_of(run)) == 36
    dropped = Scenario.objects.filter(dataset=run.dataset).first()
    Scenario.objects.filter(pk=dropped.pk).update(status=Scenario.Status.DROPPED)
    assert len(decisions_of(run)) == 35


def test_people_and_judge_have_a_column_each_and_the_latest_panel_stands_for_people() -> None:
    run = RunFactory(talks=True)
    response = answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    JudgementFactory(response=response, human=True, panel="first", choice="neither")
    JudgementFactory(response=response, human=True, panel="second", choice="value_2")
    trials = trials_of(run)
    assert trials.by(Decider.JUDGE).choice == ["value_1", "value_1"]
    assert trials.by(Decider.PEOPLE).choice == ["value_2"]
    assert trials.by(Decider.PEOPLE).unjudged == 1
    assert decisions_of(run).choice == ["value_1", "value_1"]


def test_what_people_decide_corrects_the_judge_and_leaves_its_own_ranking_alone() -> None:
    """A judge that sees value_1 in seven of ten; people looked at every other scenario and saw it in half."""
    run = RunFactory(talks=True)
    responses = [
        answered(run, scenario, "value_1" if n % 10 < 7 else "value_2")
        for n, scenario in enumerate(scenarios_for(run.dataset, 20))
    ]
    before = fit_run(run, replicates=200)
    assert before.corrected is None
    for n, response in enumerate(responses):
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_2" if n % 4 == 1 else "value_1")
    after = fit_run(run, replicates=200)
    assert after.ranking == before.ranking
    assert after.corrected is not None
    results = after.corrected.results
    assert (after.corrected.decider, results["labelled"], results["scenarios"]) == (Decider.CORRECTED, 30, 60)
    judge, corrected = (
        [strength["value"] for strength in column["strengths"]] for column in (after.by("own"), after.by("corrected"))
    )
    assert abs(judge[0] - judge[2]) > 0.5 > abs(corrected[0] - corrected[2])
    assert results["people"]["widest"] >= results["corrected"]["widest"]
    assert latest_rankings([run])[run.pk].corrected == after.corrected
    assert "Corrected by people (30 of 60" in corrected_table(after.corrected, {key: key for key in results["values"]})


def test_too_few_labels_correct_nothing_and_that_is_said() -> None:
    run = RunFactory(talks=True)
    for n, scenario in enumerate(scenarios_for(run.dataset, 6)):
        response = answered(run, scenario, "value_1" if n % 3 else "value_2")
        if n < 2:
            JudgementFactory(response=response, human=True, choice="value_1")
    fitted = fit_run(run, replicates=200)
    assert fitted.corrected.results["reason"] == "people labelled 2 scenarios only: no correction below 5"
    assert "no correction below 5" in corrected_table(fitted.corrected, {})


def test_scenarios_drawn_with_unequal_chances_are_weighted_back() -> None:
    run = RunFactory(talks=True)
    for n, scenario in enumerate(scenarios_for(run.dataset, 10)):
        response = answered(run, scenario, "value_1")
        if n % 2:
            JudgementFactory(
                response=response, human=True, choice="value_1", inclusion_probability=0.8 if n % 4 == 1 else 0.2
            )
    trials = trials_of(run)
    chances = trials.chances()
    assert len(chances) == 15
    by_pair = dict(zip(trials.scenario, zip(trials.value_1, trials.value_2, strict=True), strict=True))
    for pair in set(by_pair.values()):
        drawn = [chance for name, chance in chances.items() if by_pair[name] == pair]
        assert sum(1 / chance for chance in drawn) == pytest.approx(
            10, rel=0.15
        )  # they stand for the ten of their pair


def test_another_judge_s_opinion_is_not_the_run_s() -> None:
    run, other = RunFactory(talks=True), RunFactory(talks=True)
    response = answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    JudgementFactory(response=response, judge=other.judge, choice="value_2")
    assert decisions_of(run).choice == ["value_1"]


def test_a_response_that_nobody_has_judged_is_left_out_and_counted() -> None:
    run = RunFactory(talks=True)
    ResponseFactory(run=run)
    decisions = decisions_of(run)
    assert (len(decisions), decisions.unjudged) == (0, 1)


def test_who_decided_is_part_of_what_a_snapshot_was_fitted_to() -> None:
    run = RunFactory(talks=True)
    response = answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    JudgementFactory(response=response, human=True, choice="value_1")
    trials = trials_of(run)
    assert trials.by(Decider.JUDGE).digest != trials.by(Decider.PEOPLE).digest


def test_where_no_finite_fit_exists_the_reason_is_said_and_the_penalised_fit_is_named() -> None:
    run = RunFactory(option_orders=[OptionOrder.ACTION_1_FIRST])
    for scenario in scenarios_for(run.dataset, 12):
        answered(run, scenario, "value_1")
    fitted = fit_run(run, replicates=200)
    assert "no finite maximum likelihood fit" in fitted.ranking.results["reason"]
    assert fitted.penalised is not None
    assert fitted.shown.method == "penalised"
    assert [rank["value"] for rank in fitted.shown.results["ranks"]] == [1, 2, 3]
    assert latest_rankings([run])[run.pk].penalised == fitted.penalised
    table = ranking_table(fitted, {"helpfulness": "Helpfulness", "honesty": "Honesty", "harmlessness": "Harmlessness"})
    assert "Not estimable: no finite maximum likelihood fit" in table
    assert "Penalised fit (alpha 0.01) instead:" in table


def test_nothing_decided_has_no_ranking_and_says_why() -> None:
    run = RunFactory()
    answered(run, ScenarioFactory(dataset=run.dataset), "none")
    fitted = fit_run(run, replicates=200)
    assert fitted.penalised is None
    assert "no scenario was decided" in fitted.ranking.results["reason"]
    names = {"helpfulness": "Helpfulness", "honesty": "Honesty", "harmlessness": "Harmlessness"}
    assert "Not estimable: no scenario was decided." in ranking_table(fitted, names)


def test_a_baseline_has_no_values_to_rank() -> None:
    run = RunFactory(dataset=DatasetFactory(baseline=True))
    answered(run, ScenarioFactory(dataset=run.dataset), "value_1")
    with pytest.raises(Conflict, match=r"has no values.*value set.*measure_dataset"):
        fit_dataset(run.dataset)


def test_a_dataset_that_nobody_was_evaluated_on_says_what_to_do() -> None:
    with pytest.raises(NotFound, match="evaluate_targets"):
        fit_dataset(DatasetFactory())
    with pytest.raises(NotFound, match="evaluate_targets"):
        measure(DatasetFactory())


@pytest.mark.parametrize(("replicates", "seed"), [(99, 0), (100_001, 0), (200, -1)])
def test_replicates_and_seed_have_bounds(ranked: Run, replicates: int, seed: int) -> None:
    with pytest.raises(InvalidInput):
        fit_run(ranked, replicates=replicates, seed=seed)


def test_whether_one_order_describes_the_choices_is_said_in_words() -> None:
    assert fit_sentence({"g2": 2.0, "df": 1, "design_effect": 1.0, "p_value": 0.2, "reason": ""}).startswith(
        "one order describes these choices"
    )
    assert "does not describe" in fit_sentence(
        {"g2": 9.0, "df": 1, "design_effect": 1.0, "p_value": 0.003, "reason": ""}
    )
    assert fit_sentence({"g2": None, "df": 0, "design_effect": None, "p_value": None, "reason": "too few"}) == (
        "cannot be tested: too few."
    )


def test_targets_that_always_choose_alike_agree_wholly() -> None:
    dataset = DatasetFactory(baseline=True)
    first, second = RunFactory(dataset=dataset), RunFactory(dataset=dataset)
    for n in range(12):
        scenario = ScenarioFactory(dataset=dataset)
        for run in (first, second):
            for order in BOTH:
                answered(run, scenario, "value_1" if n % 2 else "value_2", order=order)
            RatingFactory(run=run, scenario=scenario, rating_1=5, rating_2=5 if run == first else 3)
    found = measure(dataset)
    assert (found.scope, found.agreement.mean.value, found.agreement.mean.n) == ("all", 1.0, 12)
    assert found.divergence.share.value == pytest.approx(0.5)  # one of the two targets rates the actions apart
    assert found.divergence.mean_difference.value == pytest.approx(1.0)


def test_agreement_counts_each_order_by_itself_and_leaves_out_the_undecided() -> None:
    """Order 1: alike (1). Order 2: not alike (0). A_s = 1/2. A second scenario has one decision only: left out."""
    dataset = DatasetFactory(baseline=True)
    first, second = RunFactory(dataset=dataset), RunFactory(dataset=dataset)
    one, two = ScenarioFactory.create_batch(2, dataset=dataset)
    answered(first, one, "value_1", order=BOTH[0])
    answered(second, one, "value_1", order=BOTH[0])
    answered(first, one, "value_1", order=BOTH[1])
    answered(second, one, "value_2", order=BOTH[1])
    answered(first, two, "value_1", order=BOTH[0])
    answered(second, two, "none", order=BOTH[0])
    found = measure(dataset)
    assert (found.agreement.mean.value, found.agreement.left_out) == (0.5, 1)


def test_the_newest_run_of_a_target_is_measured() -> None:
    dataset = DatasetFactory(baseline=True)
    scenario = ScenarioFactory(dataset=dataset)
    old, other = RunFactory(dataset=dataset), RunFactory(dataset=dataset)
    new = RunFactory(dataset=dataset, target=old.target, seed=1)
    for run, choice in ((old, "value_2"), (new, "value_1"), (other, "value_1")):
        answered(run, scenario, choice)
    found = measure(dataset)
    assert set(found.runs) == {new, other}
    assert found.agreement.mean.value == 1.0


def test_kept_scenarios_are_measured_where_they_were_evaluated() -> None:
    dataset = DatasetFactory()
    for scope in (Run.Scope.ALL, Run.Scope.KEPT):
        for _ in range(2):
            run = RunFactory(dataset=dataset, scope=scope)
            answered(run, ScenarioFactory(dataset=dataset, status="kept"), "value_1")
    assert measure(dataset).scope == "kept"
    assert measure(dataset, scope="all").scope == "all"
    with pytest.raises(NotFound, match="scope human_validated"):
        measure(dataset, scope="human_validated")
    assert Judgement.objects.count() == 4
