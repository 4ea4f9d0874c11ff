"""Snapshots have addresses that stay, and say whether they still hold."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.studies.permissions import Role
from evaluation.models import Judgement, Ranking, Run
from evaluation.rankings.checking import check_ranking, check_shift
from evaluation.rankings.fitting import fit_run
from evaluation.rankings.shifts import compare, said_and_done
from evaluation.steering.effects import DefaultAndSteered, work_out
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.evaluation.rankings.test_shifts import two_faced
from tests.evaluation.steering.test_steering import steered_by
from tests.factories.evaluation import JudgementFactory, RunFactory, answered
from tests.factories.studies import UserFactory, member

__all__ = ["two_faced"]

pytestmark = pytest.mark.django_db


def test_worked_out_again_every_snapshot_has_the_same_numbers(two_faced: tuple[Run, Run]) -> None:
    _, done = two_faced
    for n, response in enumerate(done.responses.order_by("pk")):
        if n % 2:
            JudgementFactory(response=response, human=True, choice="value_1" if n % 4 == 1 else "value_2")
    fitted = [fit_run(run, replicates=200) for run in two_faced]
    comparison, _ = compare(said_and_done(two_faced)[0], replicates=200)
    corrected = fitted[1].corrected
    assert corrected is not None
    for snapshot in (fitted[0].ranking, fitted[1].ranking, corrected, comparison):
        found = check_ranking(snapshot) if isinstance(snapshot, Ranking) else check_shift(snapshot)
        assert found.same, (snapshot, found)
        assert "every number is the same" in found.sentence


def test_a_snapshot_says_when_its_rows_have_moved_on_and_keeps_its_numbers(
    client: Client, two_faced: tuple[Run, Run]
) -> None:
    said, _ = two_faced
    ranking = fit_run(said, replicates=200).ranking
    before = ranking.results
    Judgement.objects.filter(response__run=said, choice="value_2").first().delete()
    client.force_login(member(said.study, Role.VIEWER))
    page = client.get(ranking.get_absolute_url(), {"check": "1"}).content.decode()
    assert "The data has moved on" in page
    assert "Work it out again" in page
    ranking.refresh_from_db()
    assert ranking.results == before


def test_one_made_by_an_earlier_arithmetic_says_so(two_faced: tuple[Run, Run]) -> None:
    ranking = fit_run(two_faced[0], replicates=200).ranking
    results = ranking.results
    results["strengths"][0]["value"] += 0.25
    Ranking.objects.filter(pk=ranking.pk).update(results=results, parameters=ranking.parameters | {"code": "1: of old"})
    ranking.refresh_from_db()
    found = check_ranking(ranking)
    assert found.difference == pytest.approx(0.25)
    assert "an earlier arithmetic (1: of old" in found.sentence
    del results["fit"]
    Ranking.objects.filter(pk=ranking.pk).update(results=results)
    ranking.refresh_from_db()
    assert "another form" in check_ranking(ranking).sentence


def test_a_snapshot_is_for_who_may_see_the_study(client: Client, two_faced: tuple[Run, Run]) -> None:
    ranking = fit_run(two_faced[0], replicates=200).ranking
    for person in (UserFactory(), member(two_faced[0].study, Role.ANNOTATOR)):
        client.force_login(person)
        assert client.get(ranking.get_absolute_url()).status_code == 404


def test_the_effect_of_a_steering_has_an_address_too_and_is_in_the_report(
    client: Client, two_faced: tuple[Run, Run]
) -> None:
    _, done = two_faced
    Run.objects.filter(pk=done.pk).update(scope=Run.Scope.KEPT)
    done.refresh_from_db()
    steered = RunFactory(
        dataset=done.dataset,
        target=done.target,
        talks=True,
        scope=Run.Scope.KEPT,
        judge=done.judge,
        user_simulator=done.user_simulator,
        steering=steered_by(done.dataset, "Helpfulness > Honesty > Harmlessness"),
    )
    for n, scenario in enumerate(done.dataset.scenarios.order_by("pk")):
        answered(steered, scenario, "value_1" if n % 20 < 16 else "value_2")
    effect, _ = work_out(DefaultAndSteered(done, steered), replicates=200)
    client.force_login(member(done.study, Role.VIEWER))
    page = " ".join(client.get(effect.get_absolute_url(), {"check": "1"}).content.decode().split())
    assert "every number is the same" in page
    assert "when steered" in page
    answered(steered, scenarios_for(done.dataset, 1)[0], "value_1")
    answered(done, steered.responses.last().scenario, "value_1")
    assert "The data has moved on" in client.get(effect.get_absolute_url(), {"check": "1"}).content.decode()
    report = client.get(reverse("overview:report", args=[done.study.slug])).content.decode()
    assert "Of 1 effects of a steering 1 differ from none" in report
    assert effect.get_absolute_url() in report
