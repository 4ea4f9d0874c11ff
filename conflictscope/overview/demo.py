"""The demo study: the whole path on simulated LLMs and simulated annotators, with room for a person to label."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.llm.simulator.endpoints import simulated_endpoints
from conflictscope.llm.simulator.server import Behaviour, answers_at, running
from conflictscope.studies.endpoints import allow
from conflictscope.studies.membership import let_create_studies
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import Role

STUDY = "demo"
DATASET = "hhh"
CAMPAIGN = "hhh-check"
JUDGED = "which-action"
PEOPLE = {"researcher": Role.OWNER, "annotator": Role.ANNOTATOR}
ANNOTATORS = 3
STEERING = "Harmlessness first"
ORDER = "Harmlessness > Honesty > Helpfulness"
TARGETS = ("sim-target-candid", "sim-target-careful")
EMBEDDED_PASSWORD = "conflictscope"  # noqa: S105 - printed for everyone; only where nothing but loopback is served


def steps(*, per_pair: int, items: int, seed: int) -> list[list[str]]:
    """The command lines of the path, in order; each does only what is missing."""
    here = ["--study", STUDY, "--dataset", DATASET]
    return [
        ["import_value_set", "hhh"],
        [
            "generate_scenarios",
            *here,
            "--value-set",
            "hhh",
            "--generator",
            "sim-generator",
            "--per-pair",
            str(per_pair),
            "--queue",
        ],
        ["filter_scenarios", *here, "--judge", "sim-judge", "--queue"],
        # One slot an item more than there are simulated annotators: room for the person who reads this.
        [
            "open_campaign",
            *here,
            "--name",
            "HHH check",
            "--items",
            str(items),
            "--overlap",
            str(ANNOTATORS + 1),
            "--seed",
            str(seed),
        ],
        [
            "simulate_annotators",
            "--study",
            STUDY,
            "--campaign",
            CAMPAIGN,
            "--count",
            str(ANNOTATORS),
            "--accuracy",
            "0.9",
            "--seed",
            str(seed),
        ],
        ["measure_agreement", "--study", STUDY, "--campaign", CAMPAIGN],
        ["decide_campaign", "--study", STUDY, "--campaign", CAMPAIGN, "--minimum", str(ANNOTATORS)],
        [
            "evaluate_targets",
            *here,
            "--targets",
            *TARGETS,
            "--user-simulator",
            "sim-user",
            "--judge",
            "sim-judge",
            "--queue",
        ],
        # One of them once more, told by a system prompt what to put first.
        ["create_steering", *here, "--name", STEERING, "--order", ORDER],
        [
            "evaluate_targets",
            *here,
            "--targets",
            TARGETS[0],
            "--user-simulator",
            "sim-user",
            "--judge",
            "sim-judge",
            "--steering",
            STEERING,
            "--queue",
        ],
        # People judge a part of the conversations, too: their ranking stands beside the judge's.
        [
            "open_campaign",
            *here,
            "--kind",
            "action_judgement",
            "--name",
            "Which action",
            "--items",
            str(max(items // 4, 3)),
            "--overlap",
            str(ANNOTATORS + 1),
            "--seed",
            str(seed),
        ],
        [
            "simulate_annotators",
            "--study",
            STUDY,
            "--campaign",
            JUDGED,
            "--count",
            str(ANNOTATORS),
            # Others than those who label the filter campaign, which goes on: what is asked about here is what was kept.
            "--first",
            str(ANNOTATORS + 1),
            "--accuracy",
            "0.9",
            "--seed",
            str(seed),
        ],
        ["measure_agreement", "--study", STUDY, "--campaign", JUDGED],
        ["decide_campaign", "--study", STUDY, "--campaign", JUDGED, "--minimum", str(ANNOTATORS)],
        ["measure_dataset", *here],
        ["measure_steering", "--study", STUDY, "--seed", str(seed)],
        ["fit_rankings", *here, "--seed", str(seed)],
        ["export_dataset", *here, "--out", str(settings.VAR_DIR / "exports" / DATASET), "--format", "jsonl", "csv"],
    ]


@transaction.atomic
def people_and_study(*, password: str) -> Study:
    """The demo's study and its people. Those who exist already keep their password."""
    users = {}
    for name in PEOPLE:
        user, created = User.objects.get_or_create(username=name)
        if created:
            user.set_password(password)
            user.save(update_fields=["password"])
        users[name] = user
    study, _ = Study.objects.get_or_create(
        slug=STUDY,
        defaults={
            "name": "Demo: helpfulness, honesty, harmlessness",
            "description": "Scenarios, verdicts, annotators and responses of this study are simulated. You may label, too.",
            "created_by": users["researcher"],
        },
    )
    for name, role in PEOPLE.items():
        Membership.objects.get_or_create(study=study, user=users[name], defaults={"role": role})
        if role == Role.OWNER:
            let_create_studies(users[name])
    return study


def password_for(chosen: str) -> str:
    """
    Raises:
        InvalidInput: no password was chosen, and the installation is not the embedded one.
    """
    if chosen:
        return chosen
    if settings.EMBEDDED_DATABASE:
        return EMBEDDED_PASSWORD
    raise InvalidInput("This is no embedded installation: choose the password of the demo's people with --password.")


@contextmanager
def simulated_llms(study: Study, *, port: int, seed: int) -> Iterator[None]:
    """A simulator on the port, unless one answers there already, and the endpoints that point to it, for the study to use."""
    os.environ.setdefault("CONFLICTSCOPE_KEY_SIMULATOR", "simulated")
    base_url = f"http://127.0.0.1:{port}"
    if answers_at(base_url):
        allow(study, simulated_endpoints(base_url).values())
        yield
        return
    with running(Behaviour(seed=seed), port=port):
        allow(study, simulated_endpoints(base_url).values())
        yield


@contextmanager
def worker() -> Iterator[None]:
    """A Celery worker with beat, for as long as the block lasts; what it logs goes to the folder of the installation.

    Raises:
        Conflict: the worker ended by itself; the sentence names its log.
    """
    log = settings.VAR_DIR / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "conflictscope", "worker", "--concurrency", "2"]
    beat = ["--beat", "--schedule", str(settings.VAR_DIR / "demo-beat"), "--loglevel", "WARNING"]
    with log.open("a") as out:
        process = subprocess.Popen(  # noqa: S603 - a command line of our own
            [*command, *beat], cwd=settings.BASE_DIR, stdout=out, stderr=out, start_new_session=True
        )

        def died(*_: object) -> None:
            if process.poll() is not None:
                raise Conflict(f"The Celery worker ended by itself; {log} says why.")

        before = signal.signal(signal.SIGCHLD, died)
        try:
            yield
        finally:
            signal.signal(signal.SIGCHLD, before)
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
