"""Importing by page: a file comes in, is looked at and put right, and is imported; nothing stays behind."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.importing import staging
from conflictscope.scenarios.models import Dataset, ImportUpload, Scenario
from conflictscope.studies.models import Study
from conflictscope.values.models import ValueSetVersion
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import StudyFactory, member
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db

MORAL = "scenario_id,ambiguity,context,action1,action2\nA_1,high,A purse.,Keep it.,Hand it in.\n"


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine")


@pytest.fixture
def runner(client: Client, study: Study) -> Client:
    client.force_login(member(study, "researcher"))
    return client


def brought(runner: Client, content: str | bytes, *, name: str = "own.csv", **fields: Any) -> Any:
    file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
    url = reverse("scenarios:import_dataset", args=["mine"])
    return runner.post(url, {"slug": "own", "file": file} | fields)


def at_work() -> None:
    """The workers do all that waits."""
    for job in Job.objects.live():
        worker.work_on(job)


def sent(runner: Client, url: str, data: dict[str, Any]) -> Any:
    """The answer to the form; what it starts is done."""
    response = runner.post(url, data)
    at_work()
    return response


def laid_down() -> list[Path]:
    root = Path(settings.VAR_DIR) / "imports"
    return list(root.rglob("*.csv")) if root.exists() else []


def test_a_file_is_looked_at_before_anything_is_written_and_gone_when_it_is_imported(
    runner: Client, study: Study
) -> None:
    url = brought(runner, MORAL, name="my moral.csv", slug="moral").url
    upload = ImportUpload.objects.get()
    assert url == upload.get_absolute_url()
    before = {path.name for path in laid_down()}
    assert "my_moral.csv" in before
    text = runner.get(url).text
    assert "MoralChoice CSV" in text
    assert "A purse." in text
    assert "Import 1 scenario<" in text
    assert not Dataset.objects.exists()

    assert runner.post(url, {"do": "import"}).url == url
    working = runner.get(url).text
    assert "Being imported" in working
    assert 'hx-trigger="every 2s"' in working
    assert not Dataset.objects.exists(), "no web process reads the file"
    at_work()
    assert runner.get(url, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    shown = runner.get(url)
    assert "1 scenarios added, 0 were there already and are the same." in shown.text
    assert Dataset.objects.get().get_absolute_url() in shown.text
    assert runner.get(reverse("scenarios:scenario", args=["mine", "moral", "A_1"])).status_code == 200
    assert "my_moral.csv" not in {path.name for path in laid_down()}
    assert "is imported" in runner.get(url).text


def test_columns_are_guessed_shown_and_put_right_before_they_count(runner: Client) -> None:
    """What is imported is what was seen: a change is shown first."""
    url = brought(runner, "case,first,second,topic\nRain.,Go.,Stay.,home\n").url
    text = runner.get(url).text
    assert "say which columns mean two actions with a description" in text
    assert "Stay." in text, "each column shows what stands in it"
    assert "Import 1" not in text
    mapping = {"column_0": "description", "column_1": "action_1", "column_2": "action_2", "column_3": ""}
    changed = runner.post(url, mapping | {"do": "import"})
    assert changed.url == url
    text = runner.get(url).text
    assert "Nothing has been imported yet." in text
    assert "Rain." in text
    assert not Dataset.objects.exists()
    sent(runner, url, mapping | {"do": "import"})
    one = Scenario.objects.get()
    assert (one.description, one.action_2, one.domain) == ("Rain.", "Stay.", "")


def test_bad_rows_are_shown_downloaded_and_left_out_only_when_asked(runner: Client) -> None:
    url = brought(runner, "id,scenario,a,b\n1,Rain.,Go.,Stay.\n2,Snow.,Go.,\n3,=Hail.,Go.\n").url
    text = runner.get(url).text
    assert "the cell is empty; a scenario has two actions" in text
    assert "Without this tick nothing is imported, because 2 rows of it cannot be read" in text
    tick = re.search(r'<input type="checkbox" name="skip_bad"[^>]*>', text)
    assert tick
    assert " required" in tick[0]
    assert re.search(r'value="look" formnovalidate', text), "looking again needs no tick"
    guess = {"column_0": "uid", "column_1": "description", "column_2": "action_1", "column_3": "action_2"}
    sent(runner, url, guess | {"do": "import"})
    refused = runner.get(url)
    assert "own.csv, row 2 (line 3), b: the cell is empty" in refused.text
    assert "Nothing was imported." in refused.text
    assert not Dataset.objects.exists()

    done = sent(runner, url, guess | {"do": "import", "skip_bad": "on"})
    assert done.url == url
    assert Scenario.objects.get().uid == "1"
    assert "2 of 3 rows were left out." in runner.get(url).text
    upload = ImportUpload.objects.get()
    response = runner.get(reverse("scenarios:import_bad_rows", args=["mine", upload.token]))
    rows = list(csv.reader(b"".join(response).decode().splitlines()))
    assert [row[:4] for row in rows] == [
        ["file", "row", "line", "column"],
        ["own.csv", "2", "3", "b"],
        ["own.csv", "3", "4", ""],
    ]


def test_an_encoding_is_named_after_the_upload(runner: Client) -> None:
    url = brought(runner, "id,scenario,a,b\n1,Käufer.,Go.,Stay.\n".encode("cp1252")).url
    assert "holds a byte that is not UTF-8, 0xE4" in runner.get(url).text
    runner.post(url, {"encoding": "cp1252", "do": "look"})
    assert "Käufer." in runner.get(url).text


@pytest.mark.parametrize(
    ("name", "shown"), [(f"{'価' * 90}.csv", f"{'価' * 38}.csv"), ("???", "upload"), ("..csv", "csv")]
)
def test_any_name_of_a_file_is_stored(runner: Client, name: str, shown: str) -> None:
    url = brought(runner, MORAL, name=name, slug="moral").url
    assert f"Import {shown}" in runner.get(url).text
    sent(runner, url, {"do": "import"})
    assert Dataset.objects.get().get_absolute_url() in runner.get(url).text


def test_a_value_set_of_any_name_comes_in(runner: Client) -> None:
    for number, name in enumerate(("???", f"{'価' * 90}.json")):
        file = SimpleUploadedFile(name, json.dumps({"calm": "Being calm.", "speed": f"{number}"}).encode())
        response = runner.post(reverse("values:import_value_set"), {"file": file, "slug": "small"})
        assert response.status_code == 302
    assert ValueSetVersion.objects.filter(value_set__slug="small").count() == 2


def test_an_error_names_the_file_and_not_where_it_lies(runner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = brought(runner, MORAL, name="mine.csv").url
    monkeypatch.setattr(staging, "path_of", lambda upload: Path(settings.VAR_DIR) / "gone" / upload.file_name)
    text = runner.get(url).text
    assert "mine.csv cannot be read: No such file" in text
    assert str(settings.VAR_DIR) not in text


def test_an_import_that_is_asked_for_twice_is_done_once(runner: Client) -> None:
    url = brought(runner, MORAL, slug="moral").url
    for _ in range(2):
        assert runner.post(url, {"do": "import"}).url == url
    assert Job.objects.count() == 1
    at_work()
    assert "1 scenarios added" in runner.get(url).text


def test_the_first_report_stands_where_an_import_is_asked_for_twice_at_once(runner: Client) -> None:
    brought(runner, MORAL, slug="moral")
    first, second = ImportUpload.objects.get(), ImportUpload.objects.get()
    path = staging.path_of(second)
    staging.bring_in(first, skip_bad=False, created_by=first.created_by)
    path.parent.mkdir()
    path.write_text(MORAL)  # as it is for a request that opened it before it was removed
    assert staging.bring_in(second, skip_bad=False, created_by=first.created_by).known == 1
    assert ImportUpload.objects.get().report["sentences"] == second.report["sentences"]
    assert second.report["added"] == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe\x00\x01", "is no UTF-8 text but UTF-16"),
        (b"[1, 2]", "is a JSON list"),
        (b"PK\x03\x04nonsense", "a zip that is damaged or cut off"),
        (b"\x1f\x8bnonsense", "is no whole gzip file"),
    ],
)
def test_a_file_that_is_nothing_says_so_on_the_page(runner: Client, content: bytes, complaint: str) -> None:
    url = brought(runner, content, name="x.bin").url
    if runner.get(url).status_code == 302:  # packed, so a worker looks at it
        at_work()
    response = runner.get(url)
    assert response.status_code == 200
    assert any(each in response.text for each in complaint.split("|")), response.text
    assert "Import 0" not in response.text


def test_a_dataset_that_takes_no_files_is_refused_before_the_upload(runner: Client, study: Study) -> None:
    DatasetFactory(study=study, slug="made")
    for slug, complaint in (("made", "was made in another way"), ("new", "cannot name a dataset")):
        response = brought(runner, MORAL, slug=slug)
        assert response.status_code == 400
        assert complaint in response.text
    assert not ImportUpload.objects.exists()


def test_values_want_their_value_set(runner: Client) -> None:
    version = ValueSetVersionFactory()
    content = "id,scenario,a,b,value_1,value_2\n1,Rain.,Go.,Stay.,honesty,Helpfulness\n"
    url = brought(runner, content).url
    assert "no value set is named" in runner.get(url).text
    runner.post(
        url, {"value_set": version.pk, "do": "look"} | _columns("uid description action_1 action_2 value_1 value_2")
    )
    assert "Helpfulness – Honesty" in runner.get(url).text


def _columns(fields: str) -> dict[str, str]:
    return {f"column_{number}": field for number, field in enumerate(fields.split())}


def test_an_upload_is_given_up_or_forgotten_after_a_day(runner: Client) -> None:
    url = brought(runner, MORAL, name="given-up.csv").url
    runner.post(f"{url}give-up/")
    brought(runner, MORAL, name="old.csv")
    old = ImportUpload.objects.get()
    ImportUpload.objects.update(created_at=timezone.now() - timedelta(days=2))
    orphan = Path(settings.VAR_DIR) / "imports" / "0123456789abcdef0123456789abcdef"
    orphan.mkdir()
    (orphan / "orphan.csv").write_text(MORAL)
    os.utime(orphan, (0, time.time() - 200_000))
    brought(runner, MORAL, name="young.csv")
    names = {path.name for path in laid_down()}
    assert "young.csv" in names
    assert not names & {"given-up.csv", "old.csv", "orphan.csv"}
    assert runner.get(old.get_absolute_url()).status_code == 404


def test_a_file_that_is_gone_says_what_to_do(runner: Client) -> None:
    url = brought(runner, MORAL).url
    staging.path_of(ImportUpload.objects.get()).unlink()
    assert "is no longer here: uploads wait for a day" in runner.get(url).text
    sent(runner, url, {"do": "import"})
    assert "is no longer here: uploads wait for a day" in runner.get(url).text
    assert not Dataset.objects.exists()


def test_who_runs_no_pipeline_sees_no_upload(runner: Client, study: Study) -> None:
    url = brought(runner, MORAL).url
    for person in (member(study, "viewer"), member(StudyFactory(), "owner")):
        runner.force_login(person)
        assert runner.get(url).status_code == 404
        assert runner.post(url, {"do": "import"}).status_code == 404


def test_the_dataset_tells_what_its_files_were_and_how_they_were_read(runner: Client) -> None:
    url = brought(runner, "case,items,second\nRain.,Go.,Stay.\nSnow.,Go.,\n").url
    mapping = _columns("description action_1 action_2")
    runner.post(url, mapping | {"do": "look"})
    sent(runner, url, mapping | {"do": "import", "skip_bad": "on"})
    text = runner.get(Dataset.objects.get().get_absolute_url()).text
    assert "csv: 2 rows, 1 added, 1 left out; case = description, items = action_1, second = action_2" in text
