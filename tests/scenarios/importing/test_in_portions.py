"""Imports are written in portions, and are whole or nothing: nobody sees a part, a killed one is taken back, a mistaken one too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import control, worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.importing import ImportReport, import_scenarios, staging, taking_back
from conflictscope.scenarios.importing import job as importing
from conflictscope.scenarios.importing.storing import BATCH
from conflictscope.scenarios.models import Dataset, Import, ImportUpload, Judge, Scenario, Verdict
from conflictscope.scenarios.tasks import sweep_imports
from conflictscope.studies.models import Study
from tests.factories.scenarios import VerdictFactory
from tests.factories.studies import member
from tests.scenarios.importing.files import authors_csv, imported, lines, written

pytestmark = pytest.mark.django_db

MANY = 3 * BATCH + 7


def rows(number: int, *, first: int = 0, last: str = "") -> str:
    body = "".join(f"{n},D{n},A,B\n" for n in range(first, first + number))
    return f"id,description,action1,action2\n{body}{last}"


def many(tmp_path: Path, *, last: str = "") -> Path:
    return written(tmp_path, "many.csv", rows(MANY, last=last))


@pytest.mark.backends
def test_nobody_sees_a_dataset_before_it_is_whole(client: Client, study: Study, tmp_path: Path) -> None:
    client.force_login(member(study, "researcher"))
    seen = []

    def look(read: int) -> None:
        written_so_far = Scenario.objects.filter(dataset__slug="theirs").count()
        addresses = [
            reverse("scenarios:dataset", args=[study.slug, "theirs"]),
            reverse("scenarios:scenario", args=[study.slug, "theirs", "1"]),
            f"/api/v1/studies/{study.slug}/datasets/theirs/",
        ]
        listed = client.get(reverse("scenarios:datasets", args=[study.slug])).text
        seen.append(
            (
                written_so_far,
                [client.get(address).status_code for address in addresses],
                "theirs" in listed,
                Dataset.objects.count(),
                client.get(f"/api/v1/studies/{study.slug}/datasets/").json()["count"],
            )
        )

    report = imported(study, many(tmp_path), progress=look)
    assert (report.added, Dataset.objects.count(), Scenario.objects.count()) == (MANY, 1, MANY)
    assert [portion for portion, *_ in seen][:2] == [BATCH, 2 * BATCH], "it is written in portions"
    assert {str(rest) for _, *rest in seen} == {str([[404, 404, 404], False, 0, 0])}
    one = Import.objects.get()
    assert (one.added, one.finished_at is not None, Scenario.objects.filter(brought_by=one).count()) == (
        MANY,
        True,
        MANY,
    )


@pytest.mark.backends
def test_an_import_that_is_refused_at_its_last_row_leaves_nothing(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"row {MANY + 1}"):
        imported(study, many(tmp_path, last="x,D,A\n"))
    assert not Dataset.everything.exists()
    assert not Scenario.objects.exists()
    assert not Import.objects.exists()


def test_what_is_refused_changes_nothing_in_a_dataset_that_is_there(study: Study, tmp_path: Path) -> None:
    imported(study, written(tmp_path, "few.csv", rows(3)))
    with pytest.raises(Conflict, match="is in the dataset already"):
        imported(study, written(tmp_path, "many.csv", rows(MANY, first=3, last="1,other,A,B\n")))
    assert (Scenario.objects.count(), Import.objects.count()) == (3, 1)
    assert imported(study, many(tmp_path)).added == MANY - 3


def killed_half_way(study: Study, path: Path, *, slug: str = "theirs") -> None:
    """The rows that a worker leaves that is killed: an unfinished import, some scenarios, a dataset that nobody sees."""
    dataset = Dataset.everything.create(study=study, slug=slug, name=slug, variant="imported", importing=True)
    one = Import.objects.create(dataset=dataset, files=[{"name": path.name}])
    for number in range(BATCH + 3):
        Scenario.objects.create(
            dataset=dataset,
            uid=str(number),
            description="D",
            action_1="A",
            action_2="B",
            status="drafted",
            brought_by=one,
        )


@pytest.mark.backends
def test_what_a_killed_import_left_is_taken_back_within_a_minute(study: Study, tmp_path: Path) -> None:
    path = many(tmp_path)
    killed_half_way(study, path)
    with pytest.raises(Conflict, match="is being imported right now"):
        imported(study, path)
    sweep_imports()
    assert Dataset.everything.exists(), "it may be alive"
    Import.objects.update(heartbeat=timezone.now() - timedelta(seconds=61))
    sweep_imports()
    assert not Dataset.everything.exists()
    assert not Scenario.objects.exists()
    assert imported(study, path).added == MANY


def staged(study: Study, path: Path, **options: Any) -> ImportUpload:
    file = SimpleUploadedFile(path.name, path.read_bytes())
    how = {"slug": "theirs", "name": "", "format": "", "encoding": "", "value_set": None} | options
    return staging.stage(study, file, options=how, created_by=member(study, "researcher"))


@pytest.mark.backends
def test_a_job_whose_worker_was_killed_is_done_by_another(study: Study, tmp_path: Path) -> None:
    path = many(tmp_path)
    upload = staged(study, path)
    job = importing.start_import(upload, skip_bad=False, started_by=upload.created_by)
    killed_half_way(study, path)
    Import.objects.update(created_by=upload.created_by)
    worker.work_on(job)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    assert (Scenario.objects.count(), Import.objects.get().added) == (MANY, MANY)
    assert not Dataset.objects.get().importing


def test_a_job_that_is_stopped_leaves_nothing(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = staged(study, many(tmp_path))
    job = importing.start_import(upload, skip_bad=False, started_by=upload.created_by)
    write = staging.bring_in

    def cancelled_meanwhile(*args: Any, progress: Any, **more: Any) -> ImportReport:
        def tell(rows: int) -> None:
            if rows > BATCH and Job.objects.get(pk=job.pk).state == "running":
                assert Scenario.objects.exists()
                control.cancel(job)
            progress(rows)

        return write(*args, progress=tell, **more)

    monkeypatch.setattr(importing, "_TELL_SECONDS", 0)
    monkeypatch.setattr(staging, "bring_in", cancelled_meanwhile)
    worker.work_on(job)
    assert Job.objects.get().state == "cancelled"
    assert not Dataset.everything.exists()
    assert not Scenario.objects.exists()


def test_a_large_file_is_looked_at_by_a_worker(
    client: Client, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "LOOKED_AT_ONCE", 1_000)
    client.force_login(member(study, "researcher"))
    with many(tmp_path, last="x,D,A\n").open("rb") as file:
        url = client.post(reverse("scenarios:import_dataset", args=[study.slug]), {"slug": "theirs", "file": file}).url
    assert client.get(url).url == url
    assert "Being looked at" in client.get(url).text
    worker.work_on(Job.objects.get())
    shown = client.get(url).text
    assert f"{MANY + 1:,}" in shown.replace("\u202f", ",").replace("&nbsp;", ",")
    assert "has 3 cells where the header has 4" in shown
    assert Job.objects.count() == 1, "it is looked at once"
    bad = client.get(f"{url}bad-rows/")
    assert b"has 3 cells" in b"".join(bad)
    ImportUpload.objects.update(look=None)
    assert client.get(url).url == url
    assert Job.objects.count() == 2


def test_uploads_and_columns_are_bounded_and_it_is_said(
    client: Client, study: Study, settings: Any, tmp_path: Path
) -> None:
    client.force_login(member(study, "researcher"))
    address = reverse("scenarios:import_dataset", args=[study.slug])
    assert "200.0\xa0MB" in client.get(address).text
    settings.IMPORT_UPLOAD_BYTES = 1_000
    with many(tmp_path).open("rb") as file:
        refused = client.post(address, {"slug": "theirs", "file": file})
    assert refused.status_code == 400
    assert "1,000 may be uploaded: pack it by gzip" in refused.text
    names = [f"c{n}" for n in range(4_000)]
    wide = written(
        tmp_path, "wide.csv", ",".join([*names, "description", "action1", "action2"]) + "\n" + ",".join(["x"] * 4_003)
    )
    settings.IMPORT_UPLOAD_BYTES = 10**6
    with wide.open("rb") as file:
        shown = client.get(client.post(address, {"slug": "theirs", "file": file}).url).text
    assert shown.count("<select") < 310
    assert "columns beyond those that are offered, left out" in shown
    assert imported(study, wide).added == 1


# Taking back


@pytest.mark.backends
def test_a_mistaken_import_is_taken_back_whole(study: Study, values: Any, tmp_path: Path) -> None:
    report = imported(study, authors_csv(tmp_path, {}), value_set=values)
    assert Verdict.objects.exists()
    assert Judge.objects.exists()
    assert taking_back.take_back(report.dataset.imports.get()) == 1
    for model in (Dataset, Scenario, Import, Verdict, Judge):
        assert not model._base_manager.exists()
    assert imported(study, authors_csv(tmp_path, {}), value_set=values).added == 1


def test_duplicates_go_with_their_twins(study: Study, tmp_path: Path) -> None:
    row = {"uid": "s-1", "status": "drafted", "action_1": "A", "action_2": "B", "description": "D"}
    empty = dict.fromkeys(
        [
            "value_1",
            "value_2",
            "template",
            "persona",
            "background",
            "goal",
            "consequence_1",
            "consequence_2",
            "domain",
            "deployment_context",
            "outline_context",
            "outline_opportunity",
            "opening_message",
        ],
        "",
    )
    known = empty | {"acting_action": "unknown", "duplicate_of": None} | row
    twins = [known | {"uid": f"t-{n}", "status": "duplicate", "duplicate_of": "s-1"} for n in range(BATCH + 5)]
    report = imported(study, lines(tmp_path, *twins[: BATCH // 2], known, *twins[BATCH // 2 :], name="scenarios.jsonl"))
    assert Scenario.objects.filter(status="duplicate").count() == len(twins)
    assert taking_back.take_back(report.dataset.imports.get()) == len(twins) + 1
    assert not Scenario.objects.exists()


def test_one_of_several_imports_is_taken_back_alone(study: Study, tmp_path: Path) -> None:
    first = imported(study, written(tmp_path, "first.csv", rows(3)))
    imported(study, written(tmp_path, "second.csv", rows(5)))
    second = Import.objects.get(added=2)
    assert taking_back.take_back(second) == 2
    dataset = Dataset.objects.get()
    assert Scenario.objects.count() == 3
    assert [file["name"] for file in dataset.recipe["files"]] == ["first.csv"]
    assert imported(study, written(tmp_path, "first.csv", rows(3))).known == 3
    assert first.dataset == dataset


def test_what_others_stand_on_is_not_taken_back_and_can_be_hidden(client: Client, study: Study, tmp_path: Path) -> None:
    dataset = imported(study, written(tmp_path, "first.csv", rows(2))).dataset
    VerdictFactory(scenario=dataset.scenarios.first())
    with pytest.raises(Conflict, match=r"because of 1 verdict that stand on it\. The dataset can be hidden"):
        taking_back.take_back(dataset.imports.get())
    assert Dataset.objects.get().scenarios.count() == 2
    client.force_login(member(study, "researcher"))
    page = dataset.get_absolute_url()
    client.post(f"{page}hide/", {"hidden": "yes"})
    listed = reverse("scenarios:datasets", args=[study.slug])
    assert page not in client.get(listed).text
    assert "1 hidden dataset" in client.get(listed).text
    assert page in client.get(f"{listed}?hidden").text
    assert "was put out of sight" in client.get(page).text
    client.post(f"{page}hide/", {"hidden": "no"})
    assert page in client.get(listed).text


def test_an_import_that_completed_others_is_not_taken_back_alone(study: Study, values: Any, tmp_path: Path) -> None:
    prompts = written(tmp_path, "p.json", '{"claude_speed_calm_speed-calm-coc-1": "Hi.", "x_speed-calm-cc-2": "Ho."}')
    dataset = imported(study, prompts, value_set=values).dataset
    imported(study, authors_csv(tmp_path, {}), value_set=values)
    first, second = dataset.imports.all()
    with pytest.raises(Conflict, match="completed 1 scenarios that other files brought"):
        taking_back.take_back(second)
    VerdictFactory(scenario=dataset.scenarios.first())
    with pytest.raises(Conflict, match="stand on it"):
        taking_back.take_back(first)


def test_a_page_takes_an_import_back(client: Client, study: Study, tmp_path: Path) -> None:
    dataset = imported(study, written(tmp_path, "first.csv", rows(2))).dataset
    client.force_login(member(study, "researcher"))
    page = client.get(dataset.get_absolute_url())
    assert "Take back 2 scenarios" in page.text
    address = reverse("scenarios:take_back_import", args=[study.slug, "theirs", dataset.imports.get().pk])
    viewer = Client()
    viewer.force_login(member(study, "viewer"))
    assert viewer.post(address).status_code in (403, 404)
    response = client.post(address)
    assert response.url == reverse("scenarios:datasets", args=[study.slug])
    assert "first.csv was taken back: 2 scenarios are gone." in client.get(response.url).text
    assert not Dataset.everything.exists()


def test_a_command_takes_an_import_back_or_hides(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(study, written(tmp_path, "first.csv", rows(2)))
    imported(study, written(tmp_path, "second.csv", rows(4)))
    same = ["take_back_import", "--study=others", "--dataset=theirs"]
    call_command(*same)
    assert "has 2 imports; name one with --number" in capsys.readouterr().out
    call_command(*same, "--hide")
    assert Dataset.objects.get().hidden_at is not None
    call_command(*same, "--show")
    assert Dataset.objects.get().hidden_at is None
    number = Import.objects.order_by("pk").last().pk
    call_command(*same, f"--number={number}")
    assert "second.csv was taken back: 2 scenarios are gone." in capsys.readouterr().out
    with pytest.raises(CommandError, match="no such import"):
        call_command(*same, f"--number={number}")


def test_only_one_imports_into_a_dataset_at_a_time(study: Study, tmp_path: Path) -> None:
    dataset = imported(study, written(tmp_path, "first.csv", rows(2))).dataset
    Import.objects.create(dataset=dataset)
    with pytest.raises(Conflict, match="imports into 'theirs' right now"):
        import_scenarios(study, "theirs", paths=[written(tmp_path, "second.csv", rows(3))])
