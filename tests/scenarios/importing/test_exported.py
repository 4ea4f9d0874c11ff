"""The table of an export alone, as CSV."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from conflictscope.values.models import ValueSetVersion
from tests.scenarios.importing.files import imported, lines, written
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


def test_a_duplicate_without_a_twin_is_counted_as_left_out_of_its_file(
    study: Study, values: ValueSetVersion, tmp_path: Path
) -> None:
    orphan = EXPORTED | {"uid": "s-9", "status": "duplicate", "duplicate_of": "nobody", "action_2": "Wait."}
    good = lines(tmp_path, EXPORTED | {"uid": "s-0"}, name="a.jsonl")
    path = lines(tmp_path, orphan, EXPORTED, name="b.jsonl")
    report = imported(study, good, path, value_set=values, skip_bad=True)
    assert (report.added, report.bad, report.alike) == (2, 1, 0)
    assert [sample.uid for sample in report.samples] == ["s-0", "s-1"]
    files = Dataset.objects.get().recipe["files"]
    assert [(each["rows"], each["added"], each["bad"]) for each in files] == [(1, 1, 0), (2, 1, 1)]
