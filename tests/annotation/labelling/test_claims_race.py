"""Sixteen processes at once: no item over its overlap, nothing lost, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from annotation.models import Assignment
from conflictscope.scenarios.models import Dataset
from tests.factories.annotation import CampaignFactory, ParticipantFactory
from tests.factories.scenarios import DatasetFactory

PROCESSES, ITEMS, OVERLAP = 16, 80, 3


def database_url() -> str:
    """The database of this very test, for a process of its own."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    values = connection.settings_dict
    password = f":{values['PASSWORD']}" if values["PASSWORD"] else ""
    return f"postgresql://{values['USER']}{password}@{values['HOST'] or 'localhost'}:{values['PORT'] or 5432}/{values['NAME']}"


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_sixteen_processes_claiming_and_submitting_at_once_never_take_an_item_over_its_overlap_and_lose_nothing():
    dataset = DatasetFactory(variant=Dataset.Variant.IMPORTED, generator=None)
    campaign = CampaignFactory(dataset=dataset, items=ITEMS, overlap=OVERLAP, lease_minutes=1)
    ParticipantFactory.create_batch(PROCESSES, campaign=campaign)

    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "CONFLICTSCOPE_TEST_VAR": str(settings.VAR_DIR),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.annotation.claimants", str(campaign.pk), str(PROCESSES)],
        env=environment,
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]

    # Everybody came to an end that was true when it was said.
    ends = Counter(line["end"] for line in told if "end" in line)
    assert ends == {"done": PROCESSES}

    # What a process was told was stored is stored, and nothing else.
    submitted = {line["submitted"] for line in told if "submitted" in line}
    rows = Assignment.objects.filter(item__campaign=campaign)
    assert {str(token) for token in rows.filter(state="submitted").values_list("token", flat=True)} == submitted
    skipped = {line["skipped"] for line in told if "skipped" in line}
    assert {str(token) for token in rows.filter(state="skipped").values_list("token", flat=True)} == skipped

    # No item over its overlap, every slot accounted for, and every item finished: sixteen people were enough for each.
    counted = Counter(rows.filter(state="submitted", surplus=False).values_list("item", flat=True))
    assert max(counted.values()) <= OVERLAP
    leased = Counter(rows.filter(state="leased").values_list("item", flat=True))
    for item in campaign.items.all():
        assert item.open_slots == OVERLAP - counted[item.pk] - leased[item.pk]
    assert sum(counted.values()) == ITEMS * OVERLAP

    # It was a race: most took part, some left their work, some came back to it too late.
    assert rows.values("participant").distinct().count() > PROCESSES / 4
    assert any("left" in line for line in told)
    assert any(line.get("late") for line in told)
    assert all(line["fresh"] for line in told if "fresh" in line)
