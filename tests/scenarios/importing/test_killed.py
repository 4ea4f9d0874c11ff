"""A worker that is killed by SIGKILL in the middle of an import: nobody sees a part of it, and another worker brings in the whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conflictscope.jobs.models import Job, WorkItem
from conflictscope.scenarios.importing import job as importing
from conflictscope.scenarios.importing import staging
from conflictscope.scenarios.models import Dataset, Import, Scenario
from conflictscope.studies.models import Study
from tests.factories.studies import StudyFactory, member
from tests.jobs.test_queue import BEAT, POOL, ended, wait_until
from tests.processes import kill, running

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

ROWS = 20_000


def test_an_import_whose_worker_is_killed_is_unseen_and_then_whole(client: Client, tmp_path: Path) -> None:
    study: Study = StudyFactory(slug="others")
    client.force_login(member(study, "researcher"))
    content = "id,description,action1,action2\n" + "".join(f"{n},Rain {n}.,Go.,Stay.\n" for n in range(ROWS))
    upload = staging.stage(
        study,
        SimpleUploadedFile("rain.csv", content.encode()),
        options={"slug": "rain", "name": "", "format": "", "encoding": "", "value_set": None},
        created_by=study.created_by,
    )
    with running(*POOL) as worker:
        job = importing.start_import(upload, skip_bad=False, started_by=study.created_by)
        wait_until(lambda: Scenario.objects.exists(), seconds=90)
        kill(worker)
    part = Scenario.objects.count()
    assert 0 < part < ROWS, "it was killed half way"
    assert not Dataset.objects.exists(), "a dataset that is being imported is in no list"
    assert "rain" not in client.get(reverse("scenarios:datasets", args=["others"])).text
    assert client.get(reverse("scenarios:dataset", args=["others", "rain"])).status_code == 404
    assert client.get("/api/v1/studies/others/datasets/").json()["results"] == []

    # The dead one's lease runs out; no test waits for that.
    WorkItem.objects.filter(job=job).update(lease_until=timezone.now() - timedelta(seconds=1))
    Job.objects.filter(pk=job.pk).update(heartbeat=timezone.now() - timedelta(minutes=5))
    with running(*BEAT), running(*POOL):
        wait_until(lambda: ended(job), seconds=120)
    assert (job.state, job.error) == (Job.State.DONE, "")
    assert Dataset.objects.get().scenarios.count() == Scenario.objects.count() == ROWS
    assert Import.objects.get().added == ROWS
