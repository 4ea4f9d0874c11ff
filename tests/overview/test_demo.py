"""The demo as its reader runs it: one command, its own worker and simulator, and again without doing anything twice."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User

from annotation.models import Assignment, Campaign, Participant
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Scenario, Verdict
from conflictscope.studies.models import Membership, Study
from evaluation.models import Comparison, Judgement, Ranking, Response
from tests.processes import environment

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]


def run_demo(port: int, *more: str) -> subprocess.CompletedProcess[str]:
    size = ("--per-pair", "4", "--items", "6", "--port", str(port))
    return subprocess.run(
        [sys.executable, "manage.py", "run_demo", *size, *more],
        cwd=settings.BASE_DIR,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def has_password(username: str, password: str) -> bool:
    """By the hasher of an installation, not that of the tests."""
    return PBKDF2PasswordHasher().verify(password, User.objects.get(username=username).password)


def digest_in(said: str) -> str:
    found = re.search(r"^Digest ([0-9a-f]{64})$", said, re.MULTILINE)
    assert found, said
    return found[1]


def test_the_demo_does_the_whole_job_and_run_again_only_what_is_missing(port: int) -> None:
    first = run_demo(port, "--password", "chosen by a person")
    assert first.returncode == 0, first.stdout + first.stderr
    study = Study.objects.get(slug="demo")
    assert dict(Membership.objects.filter(study=study).values_list("user__username", "role")).items() >= {
        ("researcher", "owner"),
        ("annotator", "annotator"),
    }
    assert has_password("annotator", "chosen by a person")
    assert Scenario.objects.exclude(status=Scenario.Status.DUPLICATE).count() == 3 * 4
    assert not Scenario.objects.filter(status__in=[Scenario.Status.OUTLINED, Scenario.Status.DRAFTED]).exists()
    submitted = Assignment.objects.filter(state=Assignment.State.SUBMITTED)
    assert submitted.filter(item__campaign__kind="scenario_filter").count() == 3 * 6
    assert submitted.filter(item__campaign__kind="action_judgement").count() == 3 * 3 * 3
    assert Judgement.objects.filter(source=Judgement.Source.HUMAN).exists()
    assert Verdict.objects.filter(source=Verdict.Source.HUMAN).exists()
    assert set(Response.objects.values_list("run__mode", flat=True)) == {"multiple_choice", "simulated_user"}
    assert Ranking.objects.filter(method="mle").count() == 6
    steered = Comparison.objects.filter(parameters__what="steering")
    assert set(steered.values_list("second__steering__name", flat=True)) == {"Harmlessness first"}
    assert steered.count() == 2
    assert "steered runs moved towards its order" in first.stdout
    assert {"parsed", "judge", "corrected"} == set(Ranking.objects.values_list("decider", flat=True))
    campaign = Campaign.objects.get(slug="hhh-check")
    assert campaign.items.open().count() == 6, "room for the reader to label"

    assert Participant.objects.filter(simulated=False).count() == 0
    assert not Call.objects.filter(simulated=False).exists(), "everything that was said is known to be simulated"
    folder = Path(settings.VAR_DIR) / "exports" / "hhh"
    rows = [json.loads(line) for line in (folder / "scenarios.jsonl").read_text().splitlines()]
    assert len(rows) == Scenario.objects.count()
    assert all(row["simulated"] for row in rows)

    calls = Call.objects.count()
    again = run_demo(port, "--password", "another")
    assert again.returncode == 0, again.stdout + again.stderr
    assert Call.objects.count() == calls
    assert digest_in(again.stdout) == digest_in(first.stdout)
    assert has_password("annotator", "chosen by a person"), "people keep their password"


def test_what_is_no_embedded_installation_wants_a_password_to_be_chosen(port: int) -> None:
    if settings.EMBEDDED_DATABASE:
        pytest.skip("an embedded installation is served to its own machine only and prints its password")
    said = run_demo(port)
    assert said.returncode == 1
    assert "--password" in said.stderr
    assert not User.objects.exists()
