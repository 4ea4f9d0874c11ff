"""The web server dies in the midst of the work, with all its processes, and comes back: nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.authtoken.models import Token

from annotation.labelling import routing
from annotation.models import Annotation, Assignment, Participant
from annotation.simulated import LabellingClient
from conflictscope.scenarios.models import Dataset
from tests.annotation.labelling.test_claims_race import database_url
from tests.factories.annotation import CampaignFactory, ParticipantFactory
from tests.factories.scenarios import DatasetFactory

PEOPLE, ITEMS, OVERLAP, KILLS = 6, 30, 3, 3


class Web:
    """gunicorn with two workers, in a process group of its own."""

    def __init__(self) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.start()

    def start(self) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "CONFLICTSCOPE_TEST_VAR": str(settings.VAR_DIR),
        }
        command = [
            "-m",
            "gunicorn",
            "conflictscope.wsgi",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--workers",
            "2",
            "--threads",
            "4",
        ]
        self.process = subprocess.Popen([sys.executable, *command], env=environment, start_new_session=True)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Person(threading.Thread):
    """Labels until nothing is left. `told`: what the server acknowledged, token to the answer to the first question."""

    def __init__(self, place: Participant, port: int) -> None:
        super().__init__()
        token = Token.objects.create(user=place.user).key
        self.client = LabellingClient(f"http://127.0.0.1:{port}", token, patience=60)
        self.campaign, self.number = place.campaign_id, place.pk
        self.told: dict[str, str] = {}

    def run(self) -> None:
        with self.client:
            while (sheet := self.client.next(self.campaign)) is not None:
                answers = {question["field"]: question["options"][0]["value"] for question in sheet["questions"]}
                answers["realism"] = "yes" if (self.number + len(self.told)) % 2 else "no"
                self.client.submit(sheet["token"], answers)
                self.told[sheet["token"]] = answers["realism"]


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_a_server_killed_in_the_midst_of_the_work_loses_nothing_it_acknowledged_and_its_leases_return():
    dataset = DatasetFactory(variant=Dataset.Variant.IMPORTED, generator=None)
    campaign = CampaignFactory(dataset=dataset, items=ITEMS, overlap=OVERLAP)
    people = ParticipantFactory.create_batch(PEOPLE, campaign=campaign)
    # One had just been handed an item when everything stopped, and does not come back.
    gone = ParticipantFactory(campaign=campaign)
    routing.claim(gone)
    web = Web()
    try:
        threads = [Person(place, web.port) for place in people]
        for thread in threads:
            thread.start()
        for kill in range(1, KILLS + 1):
            until = time.monotonic() + 60
            while sum(len(thread.told) for thread in threads) < kill * ITEMS * OVERLAP // (KILLS + 2):
                assert time.monotonic() < until
                time.sleep(0.002)
            web.kill()
            web.start()
        for thread in threads:
            thread.join(timeout=120)
    finally:
        web.kill()

    told = {token: answer for thread in threads for token, answer in thread.told.items()}
    rows = Assignment.objects.filter(item__campaign=campaign)
    submitted = rows.filter(state=Assignment.State.SUBMITTED)
    answers = Annotation.objects.filter(assignment__in=submitted, question="realism")
    stored = {str(token): answer for token, answer in answers.values_list("assignment__token", "answer")}
    # Whoever got no reply asked again, so in the end everything that is stored has been acknowledged, too.
    assert stored == told
    assert Annotation.objects.filter(assignment__in=submitted).count() == 8 * len(told)

    assert rows.filter(state=Assignment.State.LEASED).count() == 1
    assert routing.return_expired(campaign, now=timezone.now() + timedelta(days=1)) == 1
    counted = Counter(submitted.filter(surplus=False).values_list("item", flat=True))
    assert max(counted.values()) <= OVERLAP
    assert {item.pk: item.open_slots for item in campaign.items.all()} == {
        item.pk: OVERLAP - counted[item.pk] for item in campaign.items.all()
    }
    # All but what the missing person held, until it had been given back.
    assert sum(counted.values()) >= ITEMS * OVERLAP - 1
