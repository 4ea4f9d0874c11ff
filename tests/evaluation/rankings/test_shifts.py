"""What a target does beside what it says, as a snapshot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.stats.types import Estimate
from conflictscope.studies.permissions import Role
from evaluation.models import Comparison, Judgement, Ranking, Run, Target
from evaluation.rankings.consistency import TargetShift, contradicted, mean_slopes
from evaluation.rankings.fitting import FittedRun, fit_run, value_names
from evaluation.rankings.shifts import SaidAndDone, compare, latest_shifts, said_and_done
from evaluation.rankings.tables import shift_table
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_faced() -> tuple[Run, Run]:
    """Of 20 scenarios a pair the first value wins 15 when the target is asked, and 5 when it acts."""
    dataset, target = DatasetFactory(), TargetFactory(label="two-faced")
    said = RunFactory(dataset=dataset, target=target)
    done = RunFactory(dataset=dataset, target=target, talks=True)
    for n, scenario in enumerate(scenarios_for(dataset, 20)):
        answered(said, scenario, "value_1" if n % 20 < 15 else "value_2")
        answered(done, scenario, "value_1" if n % 20 >= 15 else "value_2")
    return said, done


def test_the_shift_goes_from_what_it_says_to_what_it_does(two_faced: tuple[Run, Run]) -> None:
    (both,) = said_and_done(two_faced)
    assert (both.said, both.done) == two_faced
    comparison, fresh = compare(both, replicates=200)
    shift = comparison.results["shift"]
    by_value = dict(zip(shift["values"], shift["strengths"], strict=True))
    assert fresh
    assert by_value["helpfulness"]["high"] < 0 < by_value["harmlessness"]["low"]
    assert (shift["first_ranks"], shift["second_ranks"]) == ([1, 2, 3], [3, 2, 1])
    assert shift["tau"]["value"] == -1
    assert comparison.results["corrected"] is None
    assert "two-faced, said against done on 60 scenarios" in shift_table(
        comparison, "two-faced", value_names(both.said.dataset)
    )


def test_the_same_decisions_find_the_snapshot_and_others_a_new_one(two_faced: tuple[Run, Run]) -> None:
    (both,) = said_and_done(two_faced)
    first, _ = compare(both, replicates=200)
    assert compare(both, replicates=200) == (first, False)
    for n, response in enumerate(both.done.responses.order_by("pk")):
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if n % 4 == 1 else "value_2")
    second, fresh = compare(both, replicates=200)
    assert fresh
    assert second.results["corrected"]["reason"] == ""
    assert latest_shifts(two_faced) == {both.said.target_id: second}
    assert Comparison.objects.count() == 2
    tuned = both.done.responses.order_by("pk").values("pk")[:20]
    Judgement.objects.filter(source="human", response__in=list(tuned.values_list("pk", flat=True))).update(dev=True)
    third, fresh = compare(both, replicates=200)  # the same choices, of which fewer may correct
    assert fresh
    assert third.results["corrected"]["strengths"][0]["n"] < second.results["corrected"]["strengths"][0]["n"]


def test_a_mean_of_corrected_shifts_is_of_the_same_targets_on_all_its_sides() -> None:
    known = Estimate(-1.0, -1.5, -0.5, n=9)
    none = Estimate.undefined("nobody labelled it")
    found = [
        TargetShift(Target(label=label), Comparison(), said, (0.0, 0.0), (shift, shift), none, (), 9)
        for label, said, shift in (("with", (1.0, 1.0), known), ("without", (9.0, 9.0), none))
    ]
    first, _ = mean_slopes(found, {"a": "A", "b": "B"}, None)
    assert (first.first, first.second, first.difference) == (1.0, 0.0, (-1.0, -1.5, -0.5))


def test_what_the_penalty_draws_is_not_said_to_be_contradicted() -> None:
    judged = Ranking(results={"values": ["a", "b"], "strengths": [{"value": 2.0}, {"value": -2.0}]})
    people = [{"value": 0.0, "low": -0.1, "high": 0.1, "n": 9}] * 2
    one = FittedRun(Run(), judged, corrected=Ranking(results={"corrected": {"strengths": people}}))
    assert contradicted(one, {"a": "A", "b": "B"}) == ("A", "B")
    assert contradicted(replace(one, penalised=judged), {}) == ()


def test_a_steered_run_is_not_what_a_target_does_by_itself(two_faced: tuple[Run, Run]) -> None:
    said, _ = two_faced
    assert said_and_done([said]) == []
    assert said_and_done([]) == []
    assert latest_shifts([said]) == {}


def test_where_one_of_the_two_has_no_strengths_the_reason_is_said(two_faced: tuple[Run, Run]) -> None:
    target = TargetFactory(label="stubborn")
    dataset = two_faced[0].dataset
    said, done = RunFactory(dataset=dataset, target=target), RunFactory(dataset=dataset, target=target, talks=True)
    for n, scenario in enumerate(dataset.scenarios.order_by("pk")):
        answered(said, scenario, "value_1" if n % 3 else "value_2")
        answered(done, scenario, "value_1")
    comparison, _ = compare(said_and_done([said, done])[0], replicates=200)
    assert comparison.results["shift"]["reason"]
    assert "not comparable" in shift_table(comparison, "stubborn", {})


def test_the_shift_is_a_heat_map_that_can_be_corrected_and_sorted(client: Client, two_faced: tuple[Run, Run]) -> None:
    said, done = two_faced
    compare(SaidAndDone(said, done), replicates=200)
    for run in two_faced:
        fit_run(run, replicates=100)
    client.force_login(member(said.study, "viewer"))
    address = reverse("evaluation:rankings", args=[said.study.slug])
    page = client.get(address, {"show": "shift", "sort": "helpfulness"}).content.decode()
    assert "Done minus said" in page
    assert 'class="heat heat-1"' in page  # the value that loses most has a deep shade of less: -1.5 of -2
    assert "surely does otherwise than it says" in page
    nobody = client.get(address, {"show": "shift", "by": "corrected"}).content.decode()
    assert "people have decided nothing" in nobody
    svg = client.get(reverse("evaluation:slope_chart", args=[said.study.slug, said.dataset.slug, said.target_id]))
    assert svg.content.startswith(b"<svg")


def test_a_target_s_page_shows_what_it_does_beside_what_it_says(client: Client, two_faced: tuple[Run, Run]) -> None:
    said, _ = two_faced
    for run in two_faced:
        fit_run(run, replicates=200)
    client.force_login(member(said.study, Role.RESEARCHER))
    where = [said.study.slug, said.dataset.slug]
    assert (
        "beside what it says"
        not in client.get(reverse("evaluation:target_rankings", args=[*where, said.target_id])).content.decode()
    )
    client.post(reverse("evaluation:fit_rankings", args=where), {"replicates": 200, "seed": 0})
    text = client.get(reverse("evaluation:target_rankings", args=[*where, said.target_id])).content.decode()
    assert "What it does beside what it says" in text
    assert "1 → 3" in text
