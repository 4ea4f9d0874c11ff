"""A small real LLM by multiple choice: it chooses by position, and its page says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.models import Dataset, Scenario
from evaluation.models import Rating, Run
from evaluation.running.bias import bias_of
from tests.evaluation.conftest import work
from tests.factories.evaluation import RunFactory, TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory, member
from tests.llm import local_server

pytestmark = [
    pytest.mark.local_llm,
    pytest.mark.timeout(900),  # eighty calls of an LLM that has the cores to itself take a minute
    pytest.mark.shared_data,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(local_server.why_missing() is not None, reason=str(local_server.why_missing())),
]

SCENARIOS = 40


def test_its_page_says_that_it_chooses_by_position(shared_data: Path, client: Client) -> None:
    study = StudyFactory(slug="baselines")
    file = shared_data / "moralchoice" / "moralchoice_high_ambiguity.csv"
    where = ["--study", study.slug, "--dataset", "moral"]
    call_command("import_scenarios", str(file), "--format", "moralchoice", *where, verbosity=0)
    dataset = Dataset.objects.get(slug="moral")
    first = list(Scenario.objects.filter(dataset=dataset).order_by("pk")[:SCENARIOS])
    Scenario.objects.filter(pk__in=[scenario.pk for scenario in first]).update(status=Scenario.Status.KEPT)
    with local_server.running() as address:
        endpoint = EndpointFactory(
            base_url=f"{address}/v1",
            llm=local_server.LLM,
            parameters={"temperature": 0, "seed": 1, "max_tokens": 48},
        )
        run: Run = RunFactory(dataset=dataset, scope=Run.Scope.KEPT, target=TargetFactory(endpoint=endpoint))
        # Ratings show no position, and would cost as many calls again.
        Rating.objects.bulk_create(Rating(run=run, scenario=scenario) for scenario in first)
        work(run)
    assert run.responses.count() == 2 * SCENARIOS
    position = bias_of(run).position
    assert position is not None
    assert position.followed.low is not None
    assert position.followed.low > 0.5
    client.force_login(member(study, "viewer"))
    page = client.get(reverse("evaluation:run", args=[study.slug, run.pk])).content.decode()
    assert "It mostly chooses by position" in page
