"""Fourteen targets in both orders on real dilemmas, killed in the middle and started again: every count is exact."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from conflictscope.jobs.models import Job, WorkItem
from conflictscope.llm.models import Call
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.models import Scenario
from evaluation.models import Judgement, Rating, Response, Run
from tests import processes
from tests.factories.llm import EndpointFactory
from tests.factories.studies import StudyFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.shared_data]

TARGETS = [f"sim-target-{number:02d}" for number in range(14)]
SCENARIOS = 15  # of each target: some two hundred in all
AT_ONCE = 8
CHOICES, RATINGS = len(TARGETS) * SCENARIOS * 2, len(TARGETS) * SCENARIOS


@pytest.fixture
def dataset(simulator: Running, shared_data: Path) -> None:
    StudyFactory(slug="baselines")
    for name in TARGETS:
        EndpointFactory(name=name, llm=name, base_url=f"{simulator.base_url}/v1", max_concurrency=AT_ONCE)
    file = shared_data / "moralchoice" / "moralchoice_high_ambiguity.csv"
    where = ["--study", "baselines", "--dataset", "moral"]
    call_command("import_scenarios", str(file), "--format", "moralchoice", *where, verbosity=0)
    kept = Scenario.objects.order_by("pk").values("pk")[:SCENARIOS]
    Scenario.objects.filter(pk__in=list(kept.values_list("pk", flat=True))).update(status=Scenario.Status.KEPT)


def evaluating() -> list[str]:
    where = ["--study", "baselines", "--dataset", "moral", "--targets", *TARGETS, "--modes", "multiple_choice"]
    return ["manage.py", "evaluate_targets", *where, "--verbosity", "0"]


@pytest.mark.usefixtures("dataset")
def test_fourteen_targets_that_were_killed_go_on_with_what_is_missing(simulator: Running) -> None:
    with processes.running(*evaluating()) as first:
        wait_until(lambda: Response.objects.count() > CHOICES // 4, first)
        processes.kill(first)
    before = Response.objects.count()
    assert before < CHOICES
    # The leases of the dead run out by themselves after a while.
    past = timezone.now() - timedelta(seconds=1)
    WorkItem.objects.filter(state=WorkItem.State.LEASED).update(lease_until=past)

    call_command(*evaluating()[1:])
    assert Run.objects.count() == len(TARGETS)
    assert (Response.objects.count(), Rating.objects.count()) == (CHOICES, RATINGS)
    assert Judgement.objects.count() == CHOICES
    for run in Run.objects.all():
        assert run.responses.values("scenario", "order").distinct().count() == 2 * SCENARIOS
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.DONE}

    ledger = simulator.ledger()
    questions = CHOICES + 2 * RATINGS
    unknown = Call.objects.filter(outcome=Call.Outcome.UNKNOWN).count()
    assert ledger["good_distinct"] == questions
    assert Call.objects.filter(outcome=Call.Outcome.OK).count() == questions
    # What was under way at the kill may have been answered unseen, and is asked once more; nothing else is.
    assert unknown <= AT_ONCE * len(TARGETS)
    assert questions <= ledger["good"] <= questions + unknown

    call_command(*evaluating()[1:])
    assert simulator.ledger()["good"] == ledger["good"]


def wait_until(enough: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        if enough():
            return
        time.sleep(0.05)
    raise AssertionError("it does not get on")
