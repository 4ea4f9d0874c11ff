"""The table of an export alone, as CSV."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from conflictscope.scenarios.models import Scenario, ValueSetVersion
from conflictscope.studies.models import Study
from tests.scenarios.importing.files import imported, written
from tests.scenarios.importing.test_any_bytes import EXPORTED

pytestmark = pytest.mark.django_db


def test_ids_that_others_write_for_nothing_are_ids(study: Study, values: ValueSetVersion, tmp_path: Path) -> None:
    text = StringIO()
    writer = csv.DictWriter(text, list(EXPORTED))
    writer.writeheader()
    writer.writerows(EXPORTED | {"uid": uid, "similarity": None} for uid in ("nan", "null", "None"))
    path = written(tmp_path, "scenarios.csv", text.getvalue())
    assert imported(study, path, value_set=values).formats == ["conflictscope"]
    assert set(Scenario.objects.values_list("uid", flat=True)) == {"nan", "null", "None"}
