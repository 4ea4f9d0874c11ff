"""A baseline of real dilemmas, whole: imported, asked of two targets, and measured for how far it divides them."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.models import Scenario
from evaluation.models import Judgement, Rating, Response
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.shared_data]


def command(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, "--study", "baselines", "--dataset", "moralchoice", stdout=out, verbosity=0)
    return out.getvalue()


def test_moralchoice_is_imported_asked_of_two_targets_and_measured(simulator: Running, shared_data: Path) -> None:
    StudyFactory(slug="baselines")
    for name in ("sim-target-candid", "sim-target-careful"):
        EndpointFactory(name=name, llm=name, base_url=f"{simulator.base_url}/v1", max_concurrency=16)
    file = shared_data / "moralchoice" / "moralchoice_high_ambiguity.csv"
    assert "680 scenarios added" in command("import_scenarios", str(file), "--format", "moralchoice")
    assert Scenario.objects.filter(status=Scenario.Status.DRAFTED).count() == 680

    targets = ["--targets", "sim-target-candid", "sim-target-careful", "--modes", "multiple_choice", "--scope", "all"]
    command("evaluate_targets", *targets)
    assert Response.objects.count() == 2 * 2 * 680
    assert Rating.objects.count() == 2 * 680
    assert Judgement.objects.count() == Response.objects.count()
    asked = simulator.ledger()["requests"]
    command("evaluate_targets", *targets)
    assert simulator.ledger()["requests"] == asked, "run again nothing is asked"

    said = command("measure_dataset", "--scope", "all")
    agreement = re.search(r"Observed agreement: (0\.\d+) \[0\.\d+, 0\.\d+\].*?(\d+) scenarios", said)
    divergence = re.search(r"Likert divergence: (0\.\d+) \[0\.\d+, 0\.\d+\].*?(\d+) scenarios", said)
    assert agreement, said
    assert divergence, said
    for measure in (agreement, divergence):
        assert 0.4 < float(measure[1]) < 1
        assert 600 < int(measure[2]) <= 680
