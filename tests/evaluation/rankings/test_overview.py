"""The heat map of all rankings of a dataset, and the sentence above it."""

from __future__ import annotations

import pytest

from conflictscope.scenarios.option_orders import OptionOrder
from evaluation.models import Run
from evaluation.rankings.fitting import FittedRun, fit_run, value_names
from evaluation.rankings.overview import finding, heat_map
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def fitted() -> list[FittedRun]:
    """One target that says helpfulness first and does it last, of 12 scenarios a pair 9 for one of the two."""
    dataset, target = DatasetFactory(), TargetFactory(label="two-faced")
    said = RunFactory(dataset=dataset, target=target)
    done = RunFactory(dataset=dataset, target=target, talks=True)
    for n, scenario in enumerate(scenarios_for(dataset, 12)):
        answered(said, scenario, "value_1" if n % 12 < 9 else "value_2")
        answered(done, scenario, "value_2" if n % 12 < 9 else "value_1")
    return [fit_run(run, replicates=200) for run in (said, done)]


def names_of(fitted: list[FittedRun]) -> dict[str, str]:
    return value_names(fitted[0].run.dataset)


def test_the_sentence_says_what_comes_first_and_what_moves(fitted: list[FittedRun]) -> None:
    assert finding(fitted, names_of(fitted)) == (
        "Asked (multiple choice), Helpfulness comes first. In conversation (simulated user), Harmlessness comes first. "
        "Helpfulness loses most from saying to doing: mean rank 1.0 to 3.0 on 1 target, counted from 1."
    )


def test_there_is_no_sentence_without_a_ranking() -> None:
    assert finding([], {}) == ""


def test_the_value_supported_most_has_the_deepest_shade_in_strengths_and_in_ranks(fitted: list[FittedRun]) -> None:
    for measure in ("strength", "rank"):
        rows = {row.run.mode: row for row in heat_map(fitted, names_of(fitted), measure=measure).rows}
        said, done = rows[Run.Mode.MULTIPLE_CHOICE].cells, rows[Run.Mode.SIMULATED_USER].cells
        assert [cell.step for cell in said] == sorted((cell.step for cell in said), reverse=True)
        assert [cell.step for cell in done] == sorted(cell.step for cell in done)


def test_rows_can_be_ordered_by_a_value(fitted: list[FittedRun]) -> None:
    names = names_of(fitted)
    first = {key: heat_map(fitted, names, sort=key).rows[0].run.mode for key in names}
    assert first["helpfulness"] == Run.Mode.MULTIPLE_CHOICE
    assert first["harmlessness"] == Run.Mode.SIMULATED_USER


def test_what_cannot_be_estimated_is_marked_and_in_no_sentence() -> None:
    run = RunFactory()
    for scenario in scenarios_for(run.dataset, 4):
        answered(run, scenario, "value_1")
    one = fit_run(run, replicates=200)
    (row,) = heat_map([one], value_names(run.dataset)).rows
    assert any(mark.startswith("Penalised fit: no finite maximum") for mark in row.marks)
    assert finding([one], value_names(run.dataset)) == ""


def test_a_target_that_always_takes_the_first_option_has_no_preference_to_show() -> None:
    """Both orders asked, A every time: averaged over the orders that would be a sure 0 for each value."""
    run = RunFactory()
    for scenario in scenarios_for(run.dataset, 8):
        answered(run, scenario, "value_1", order=OptionOrder.ACTION_1_FIRST)
        answered(run, scenario, "value_2", order=OptionOrder.ACTION_2_FIRST)
    one = fit_run(run, replicates=200)
    results = one.ranking.results
    assert [strength["value"] for strength in results["strengths"]] == [None] * 3
    assert "position" in results["no_preference"]
    assert results["position"]["alike"]["value"] == 0
    (row,) = heat_map([one], value_names(run.dataset)).rows
    assert any("position" in mark for mark in (row.reason, *row.marks))
    assert finding([one], value_names(run.dataset)) == ""


def test_following_the_position_is_taken_out_of_the_strengths() -> None:
    """A leaning towards the first option, the same for all values, as an effect of its own beside strengths near 0."""
    run = RunFactory()
    for n, scenario in enumerate(scenarios_for(run.dataset, 20)):
        first, last = ("value_1", "value_2") if n % 2 else ("value_1", "value_1") if n % 4 else ("value_2", "value_2")
        answered(run, scenario, first, order=OptionOrder.ACTION_1_FIRST)
        answered(run, scenario, last, order=OptionOrder.ACTION_2_FIRST)
    results = fit_run(run, replicates=200).ranking.results
    (order,) = [each for each in results["covariates"] if each["name"] == "order"]
    assert order["effect"]["low"] > 0
    assert all(strength["low"] < 0.5 and strength["high"] > -0.5 for strength in results["strengths"])
