"""Status follows the primary judge, people overrule it dimension by dimension, and nothing said is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import (
    human_validated,
    make_primary,
    resettle,
    settle,
    standing_verdicts,
)
from conflictscope.scenarios.models import Dimension, Scenario, Verdict
from tests.factories.scenarios import (
    DatasetFactory,
    JudgeFactory,
    ScenarioFactory,
    VerdictFactory,
    judged,
    write_human_verdict,
)

ALL_PASS = dict.fromkeys(Dimension, "pass")


@given(st.dictionaries(st.sampled_from(list(Dimension)), st.sampled_from(["pass", "fail", "unparsable"])))
def test_one_fail_drops_and_one_unparsable_leaves_undecided(outcomes: dict[str, str]) -> None:
    found = list(outcomes.values())
    status = settle(outcomes)
    if "fail" in found:
        assert status == "dropped"
    elif len(found) < 6:
        assert status == "drafted"
    else:
        assert status == ("undecided" if "unparsable" in found else "kept")


def test_a_dimension_that_is_not_asked_is_not_missed() -> None:
    five = {dimension: "pass" for dimension in Dimension if dimension != Dimension.VALUE_GUIDANCE}
    assert settle(five) == "drafted"
    assert settle(five, dimensions=five) == "kept"


@pytest.fixture
def scenario(db: None) -> Scenario:
    return ScenarioFactory(dataset=DatasetFactory(primary_judge=JudgeFactory()))


def validated(scenario: Scenario) -> bool:
    return human_validated(scenario.verdicts.all(), dimensions=dimensions_of(scenario))


def status_of(scenario: Scenario) -> str:
    return Scenario.objects.values_list("status", flat=True).get(pk=scenario.pk)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcomes", "status"),
    [({}, "kept"), ({"realism": "fail"}, "dropped"), ({"realism": "unparsable"}, "undecided")],
)
def test_the_status_follows_the_primary_judge(scenario: Scenario, outcomes: dict[str, str], status: str) -> None:
    judged(scenario, scenario.dataset.primary_judge, **outcomes)
    assert status_of(scenario) == status


@pytest.mark.django_db
def test_another_judge_changes_nothing_until_it_is_made_primary(scenario: Scenario) -> None:
    other = JudgeFactory()
    judged(scenario, scenario.dataset.primary_judge)
    judged(scenario, other, specificity="fail")
    assert status_of(scenario) == "kept"
    assert make_primary(scenario.dataset, other) == 1
    assert status_of(scenario) == "dropped"


@pytest.mark.django_db
def test_people_overrule_the_judge_in_one_dimension_and_both_stay_visible(scenario: Scenario) -> None:
    judged(scenario, scenario.dataset.primary_judge, realism="fail")
    write_human_verdict(scenario, "realism", "pass", panel="spring", evidence={"answers": {"realism": "yes"}})
    assert status_of(scenario) == scenario.status == "kept"
    assert set(scenario.verdicts.filter(dimension="realism").values_list("source", "outcome")) == {
        ("judge", "fail"),
        ("human", "pass"),
    }


@pytest.mark.django_db
def test_people_can_drop_what_the_judge_kept(scenario: Scenario) -> None:
    judged(scenario, scenario.dataset.primary_judge)
    write_human_verdict(scenario, Dimension.GENUINE_DILEMMA, "fail", panel="spring", evidence={})
    assert status_of(scenario) == "dropped"


@pytest.mark.django_db
def test_people_settle_what_the_judge_left_unparsable(scenario: Scenario) -> None:
    judged(scenario, scenario.dataset.primary_judge, feasibility="unparsable")
    write_human_verdict(scenario, "feasibility", "pass", panel="spring", evidence={})
    assert status_of(scenario) == "kept"


@pytest.mark.django_db
def test_of_two_panels_the_later_word_stands(scenario: Scenario) -> None:
    judged(scenario, scenario.dataset.primary_judge)
    write_human_verdict(scenario, "realism", "fail", panel="spring", evidence={})
    write_human_verdict(scenario, "realism", "pass", panel="autumn", evidence={})
    assert status_of(scenario) == "kept"
    write_human_verdict(scenario, "realism", "fail", panel="spring", evidence={"again": True})
    assert status_of(scenario) == "dropped"
    assert scenario.verdicts.filter(source="human").count() == 2
    assert scenario.verdicts.get(panel="spring").evidence == {"again": True}


@pytest.mark.django_db
def test_a_panel_can_settle_a_scenario_that_no_judge_has_seen() -> None:
    scenario = ScenarioFactory()
    for dimension in Dimension:
        assert status_of(scenario) == "drafted"
        write_human_verdict(scenario, dimension, "pass", panel="spring", evidence={})
    assert status_of(scenario) == "kept"


@pytest.mark.django_db
@pytest.mark.parametrize(("outcome", "panel"), [("unparsable", "spring"), ("pass", "")])
def test_people_who_came_to_no_answer_write_no_verdict(scenario: Scenario, outcome: str, panel: str) -> None:
    with pytest.raises(ValueError, match="verdict"):
        write_human_verdict(scenario, "realism", outcome, panel=panel, evidence={})
    assert not Verdict.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["outlined", "duplicate"])
def test_what_has_no_actions_yet_is_not_settled(kind: str) -> None:
    twin = ScenarioFactory()
    fields: dict[str, Any] = {"status": kind, "duplicate_of": twin if kind == "duplicate" else None}
    scenario = ScenarioFactory(dataset=twin.dataset, **fields)
    VerdictFactory(scenario=scenario, human=True, outcome="fail")
    assert resettle(scenario) == kind


@pytest.mark.django_db
def test_a_human_verdict_stands_however_late_the_judge_comes(scenario: Scenario) -> None:
    write_human_verdict(scenario, "realism", "pass", panel="spring", evidence={})
    judged(scenario, scenario.dataset.primary_judge, realism="fail")
    standing = standing_verdicts(scenario.verdicts.all(), primary_judge_id=scenario.dataset.primary_judge_id)
    assert standing["realism"].source == "human"
    assert status_of(scenario) == "kept"


@pytest.mark.django_db
@pytest.mark.parametrize("baseline", [False, True])
def test_human_validated_means_that_one_panel_passed_all_dimensions(baseline: bool) -> None:
    scenario = ScenarioFactory(dataset=DatasetFactory(baseline=baseline))
    dimensions = dimensions_of(scenario)
    for dimension in dimensions[1:]:
        write_human_verdict(scenario, dimension, "pass", panel="spring", evidence={})
    write_human_verdict(scenario, dimensions[0], "pass", panel="autumn", evidence={})
    assert status_of(scenario) == "kept"
    assert not validated(scenario)
    assert not Scenario.objects.human_validated().exists()
    write_human_verdict(scenario, dimensions[0], "pass", panel="spring", evidence={})
    assert validated(scenario)
    assert Scenario.objects.human_validated().get() == scenario


@pytest.mark.django_db
def test_five_dimensions_do_not_validate_a_scenario_with_values() -> None:
    scenario = ScenarioFactory()
    for dimension in Dimension:
        if dimension != Dimension.VALUE_GUIDANCE:
            write_human_verdict(scenario, dimension, "pass", panel="spring", evidence={})
    assert not validated(scenario)
    assert not Scenario.objects.human_validated().exists()


@pytest.mark.django_db
def test_what_a_file_told_stands_where_verdicts_settle_nothing() -> None:
    scenario = ScenarioFactory(
        dataset=DatasetFactory(primary_judge=JudgeFactory()), status="kept", status_told=Scenario.Status.KEPT
    )
    VerdictFactory(scenario=scenario, judge=JudgeFactory(), dimension="realism", outcome="fail")
    assert resettle(scenario) == "kept", "another judge decides nothing"
    write_human_verdict(scenario, "realism", "pass", panel="people", evidence={})
    assert status_of(scenario) == "kept", "people passed one dimension of six"
    write_human_verdict(scenario, "feasibility", "fail", panel="people", evidence={})
    assert status_of(scenario) == "dropped"
    write_human_verdict(scenario, "feasibility", "pass", panel="people", evidence={})
    assert status_of(scenario) == "kept"
    make_primary(scenario.dataset, JudgeFactory())
    assert status_of(scenario) == "drafted", "the judge who decides now has not seen it"


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_a_verdict_on_its_way_while_another_judge_is_made_primary_decides_nothing() -> None:
    before, after = JudgeFactory(name="before"), JudgeFactory(name="after")
    scenario = ScenarioFactory(dataset=DatasetFactory(primary_judge=before), status="drafted")
    written, go_on = Event(), Event()

    def judge() -> None:
        try:
            with transaction.atomic():
                locked = Scenario.objects.select_for_update(of=("self",)).get(pk=scenario.pk)
                judged(locked, before)
                resettle(locked)
                written.set()
                go_on.wait(5)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        judging = threads.submit(judge)
        assert written.wait(10)
        Timer(0.3, go_on.set).start()
        make_primary(scenario.dataset, after)
        judging.result(10)
    assert status_of(scenario) == "drafted"
