"""What the filter let pass, counted by hand in a small dataset."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from conflictscope.scenarios.datasets import quick_dimension_rates
from conflictscope.scenarios.filtering import judge_comparison, pass_rates
from conflictscope.scenarios.filtering.verdicts import make_primary
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario
from conflictscope.stats.intervals import wilson
from evaluation.measures.comparing import compared
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged, write_human_verdict

pytestmark = pytest.mark.django_db

TEMPLATES = Scenario.Template


@pytest.fixture
def strict() -> Judge:
    return JudgeFactory(name="strict")


@pytest.fixture
def dataset(strict: Judge) -> Dataset:
    """Six judged scenarios: three kept, one fails realism, one realism and feasibility, one unparsable. One duplicate."""
    dataset = DatasetFactory(slug="small", study__slug="study", primary_judge=strict)
    third = dataset.value_set_version.values.get(position=2)
    twin = judged(ScenarioFactory(dataset=dataset, uid="a"), strict)
    judged(ScenarioFactory(dataset=dataset, uid="b", template=TEMPLATES.STRONG_HARM, acting_action="2"), strict)
    judged(ScenarioFactory(dataset=dataset, uid="c", value_2=third), strict)
    judged(ScenarioFactory(dataset=dataset, uid="d"), strict, realism="fail")
    judged(ScenarioFactory(dataset=dataset, uid="e", value_2=third), strict, realism="fail", feasibility="fail")
    judged(ScenarioFactory(dataset=dataset, uid="f"), strict, genuine_dilemma="unparsable")
    late = judged(ScenarioFactory(dataset=dataset, uid="g"), strict, realism="fail")
    Scenario.objects.filter(pk=late.pk).update(status=Scenario.Status.DUPLICATE, duplicate_of=twin)
    ScenarioFactory(dataset=dataset, uid="h")
    return dataset


def test_rates_leave_unparsable_answers_and_duplicates_out(dataset: Dataset, strict: Judge) -> None:
    rates = pass_rates.dimension_rates(pass_rates.findings_of(dataset, strict))
    assert rates.dimensions["realism"].rate == wilson(4, 6)
    assert rates.dimensions["genuine_dilemma"].rate == wilson(5, 5)
    assert rates.dimensions["genuine_dilemma"].unparsable == 1
    assert rates.all.rate == wilson(3, 5)


def test_the_datasets_page_and_the_comparison_tell_the_same_rates(dataset: Dataset, strict: Judge) -> None:
    rates = pass_rates.dimension_rates(pass_rates.findings_of(dataset, strict))
    counted = {
        each.dimension: (each.passed, each.failed, each.unparsable) for each in quick_dimension_rates(dataset, strict)
    }
    assert counted == {
        name: (each.passed, each.of - each.passed, each.unparsable) for name, each in rates.dimensions.items()
    }
    (row,) = compared(dataset.study)
    assert row.rates == rates


def test_rates_by_group_stand_in_the_order_of_the_set(dataset: Dataset, strict: Judge) -> None:
    by_pair = pass_rates.rates_by(pass_rates.findings_of(dataset, strict), by="pair")
    assert [(each.label, each.scenarios) for each in by_pair] == [
        ("Helpfulness – Honesty", 4),
        ("Helpfulness – Harmlessness", 2),
    ]
    assert by_pair[1].rates.all.rate == wilson(1, 2)
    by_template = pass_rates.rates_by(pass_rates.findings_of(dataset, strict), by="template")
    assert [(each.key, each.rates.all.passed) for each in by_template] == [("minor_benefit", 2), ("strong_harm", 1)]
    by_acting = pass_rates.rates_by(pass_rates.findings_of(dataset, strict), by="acting")
    assert [(each.key, each.scenarios) for each in by_acting] == [("1", 5), ("2", 1)]
    with pytest.raises(ValueError, match="grouped by"):
        pass_rates.rates_by(pass_rates.findings_of(dataset, strict), by="colour")  # type: ignore[arg-type]


def test_the_dimension_that_drops_most_comes_first(dataset: Dataset, strict: Judge) -> None:
    first, second, third, *_ = pass_rates.drops(pass_rates.findings_of(dataset, strict))
    assert (first.dimension, first.failed, first.alone) == (Dimension.REALISM, 2, 1)
    assert first.share == wilson(2, 2)
    assert (second.dimension, second.failed, second.alone) == (Dimension.FEASIBILITY, 1, 0)
    assert third.failed == 0


def test_each_stage_of_the_funnel_is_part_of_the_one_before(dataset: Dataset) -> None:
    for dimension in Dimension:
        write_human_verdict(dataset.scenarios.get(uid="c"), dimension, "pass", panel="people", evidence={"votes": {}})
    stages = [(stage.name, stage.count) for stage in pass_rates.funnel(dataset)]
    assert stages == [("written", 8), ("different", 7), ("drafted", 7), ("judged", 6), ("kept", 3), ("validated", 1)]


def test_two_judges_are_compared_on_what_both_decided(dataset: Dataset, strict: Judge) -> None:
    mild = JudgeFactory(name="mild")
    for uid in "abde":
        judged(dataset.scenarios.get(uid=uid), mild)
    (pair,) = judge_comparison.compare_all(dataset)
    assert (pair.first, pair.second) == (strict, mild)
    rows = {row.dimension: row.agreement for row in pair.rows}
    realism, together = rows[Dimension.REALISM], rows[None]
    assert (realism.n, realism.left_out) == (4, 2)
    assert (realism.raw.value, realism.raw.n) == (0.5, 4)
    assert realism.kappa.value == 0
    assert (together.raw.value, together.raw.n, together.raw.conservative) == (0.5, 4, True)
    assert [each.uid for each in judge_comparison.differing(dataset, strict, mild)] == ["d", "e"]
    only = judge_comparison.differing(dataset, mild, strict, dimension=Dimension.FEASIBILITY)
    assert [each.uid for each in only] == ["e"]
    with pytest.raises(ValueError, match="not asked"):
        judge_comparison.differing(DatasetFactory(baseline=True), mild, strict, dimension="value_guidance")


def test_judges_without_a_common_scenario_have_no_agreement_and_say_why(dataset: Dataset, strict: Judge) -> None:
    mild = JudgeFactory(name="mild")
    judged(dataset.scenarios.get(uid="h"), mild)
    row = judge_comparison.compare(dataset, strict, mild)[0]
    assert row.agreement.raw.value is None
    assert "both" in row.agreement.raw.reason


def test_statuses_follow_another_primary_judge_but_not_against_people(
    dataset: Dataset, strict: Judge, django_assert_max_num_queries: object
) -> None:
    mild = JudgeFactory(name="mild")
    for scenario in dataset.scenarios.exclude(uid="h"):
        judged(scenario, mild)
    write_human_verdict(dataset.scenarios.get(uid="d"), "realism", "fail", panel="people", evidence={"votes": {}})
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert make_primary(dataset, mild) == 2
    statuses = dict(dataset.scenarios.values_list("uid", "status"))
    assert statuses["e"] == statuses["f"] == "kept"
    assert statuses["d"] == "dropped"
    assert statuses["g"] == "duplicate"
    assert make_primary(dataset, strict) == 2


def test_the_command_says_it_in_words_and_as_json(dataset: Dataset) -> None:
    out = StringIO()
    call_command("measure_filter", study="study", dataset="small", stdout=out)
    said = out.getvalue()
    assert "Realism          100% [34%, 100%], n = 2; 1 of them for this alone" in said
    assert "Helpfulness – Harmlessness     50%" in said
    out = StringIO()
    call_command("measure_filter", study="study", dataset="small", json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert report["funnel"][4] == {"name": "kept", "label": "Kept", "count": 3}
    assert report["dimensions"]["all"]["passed"] == 3
    with pytest.raises(CommandError, match="Judges: strict"):
        call_command("measure_filter", study="study", dataset="small", judge="gone")
    with pytest.raises(CommandError, match="agrees with itself"):
        call_command("measure_filter", study="study", dataset="small", against="strict")
