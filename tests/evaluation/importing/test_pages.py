"""Evaluations that come in by page: looked at, imported by a worker, and told what came of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from conflictscope.errors import Conflict
from conflictscope.jobs import control, worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.importing import staging
from conflictscope.scenarios.models import Dataset, ImportUpload, Scenario
from conflictscope.studies.permissions import Role
from evaluation.importing import uploads, writing
from evaluation.models import Response, Run
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db

TRIALS = "scenario,model,choice\ns-1,alpha,A\ns-1,beta,B\ns-2,alpha,A\ns-2,beta,none\n"
AUTHORS = (
    "scenario_id,generating_model,value1,value2,model,choice,likert,likert_a,likert_b\n"
    "s-1,g,honesty,helpfulness,alpha,A,0,1,-1\ns-2,g,honesty,helpfulness,alpha,INVALID,0,,\n"
)


@pytest.fixture
def dataset() -> Dataset:
    """Two scenarios of helpfulness and honesty."""
    dataset = DatasetFactory(study=StudyFactory(slug="mine"), slug="hhh")
    helpfulness, honesty, _ = dataset.value_set_version.values.all()
    for uid in ("s-1", "s-2"):
        ScenarioFactory(dataset=dataset, uid=uid, value_1=helpfulness, value_2=honesty, status=Scenario.Status.KEPT)
    return dataset


@pytest.fixture
def researcher(client: Client, dataset: Dataset) -> Client:
    client.force_login(member(dataset.study, Role.RESEARCHER))
    return client


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def laid_down(client: Client, text: str, *, name: str = "trials.csv", **more: str) -> ImportUpload:
    file = SimpleUploadedFile(name, text.encode())
    answer = client.post(
        reverse("evaluation:import_evaluations", args=["mine"]), {"file": file, "dataset": "hhh", **more}
    )
    upload = ImportUpload.objects.latest("pk")
    assert answer["Location"] == upload.get_absolute_url()
    return upload


def imported(client: Client, upload: ImportUpload, **body: str) -> str:
    """What the page says once a worker has done it."""
    client.post(upload.get_absolute_url(), {"do": "import", **body})
    upload.refresh_from_db()
    assert "Being imported" in text_of(client.get(upload.get_absolute_url()))
    worker.work_on(upload.job)
    return text_of(client.get(upload.get_absolute_url()))


def test_a_file_is_shown_as_it_would_become_and_then_imported(researcher: Client, dataset: Dataset) -> None:
    upload = laid_down(researcher, TRIALS)
    text = text_of(researcher.get(upload.get_absolute_url()))
    assert "CSV with a row for each trial" in text
    assert "Import 4 responses" in text
    assert "2 value 1" in text
    assert not Response.objects.exists()
    assert not Run.objects.exists()
    done = imported(researcher, upload)
    assert "4 responses added, 0 were there already" in done
    assert Run.objects.filter(imported=True, created_by__isnull=False).count() == 2
    assert all(run.get_absolute_url() in done for run in Run.objects.all())
    assert "alpha: Multiple choice" in done
    with pytest.raises(Exception, match="no longer here"):
        staging.path_of(upload)


def test_the_same_file_again_adds_nothing(researcher: Client) -> None:
    imported(researcher, laid_down(researcher, TRIALS))
    again = laid_down(researcher, TRIALS)
    assert "There already, the same" in text_of(researcher.get(again.get_absolute_url()))
    assert "0 responses added, 4 were there already" in imported(researcher, again)
    assert Response.objects.count() == 4


def test_an_import_that_was_stopped_half_way_says_what_is_there_and_adds_the_rest(
    researcher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AT_ONCE", 1)
    upload = laid_down(researcher, TRIALS)
    researcher.post(upload.get_absolute_url(), {"do": "import"})
    upload.refresh_from_db()
    job = upload.job

    def stop_after_two(read: int) -> None:
        if Response.objects.count() == 2:
            control.cancel(job)
            raise Conflict("Stopped.")

    with pytest.raises(Conflict):
        uploads.bring_in(upload, skip_bad=False, created_by=job.started_by, progress=stop_after_two)
    page = text_of(researcher.get(upload.get_absolute_url()))
    assert "The import was stopped. What it brought in until then is there" in page
    assert "Import 2 responses" in page
    assert "unfinished" in text_of(researcher.get(reverse("evaluation:runs", args=["mine"])))
    run = Run.objects.filter(import_unfinished=True).first()
    assert "import the same file again to add the rest" in text_of(researcher.get(run.get_absolute_url()))
    assert "2 responses added, 2 were there already" in imported(researcher, upload)
    assert (Response.objects.count(), Run.objects.filter(import_unfinished=True).count()) == (4, 0)


def test_the_authors_file_is_known_by_its_columns_and_turned(researcher: Client) -> None:
    """Their first value is our second, so their A is a choice for value 2."""
    upload = laid_down(researcher, AUTHORS)
    text = text_of(researcher.get(upload.get_absolute_url()))
    assert "The paper authors&#x27; multiple-choice CSV" in text or "authors' multiple-choice CSV" in text
    assert "1 none, 1 value 2" in text


def test_a_row_that_cannot_be_read_is_named_and_left_out_only_when_it_is_said(researcher: Client) -> None:
    upload = laid_down(researcher, TRIALS + "s-9,alpha,A\ns-1,gamma,maybe\n")
    text = text_of(researcher.get(upload.get_absolute_url()))
    assert "is no scenario of dataset hhh" in text
    assert "is none of A, B" in text
    rows = b"".join(researcher.get(reverse("evaluation:import_bad_rows", args=["mine", upload.token]))).decode()
    assert rows.count("\n") == 3
    researcher.post(upload.get_absolute_url(), {"do": "import"})
    upload.refresh_from_db()
    worker.work_on(upload.job)
    assert "Nothing was imported." in text_of(researcher.get(upload.get_absolute_url()))
    assert not Response.objects.exists()
    assert "2 of 6 rows were left out" in imported(researcher, upload, skip_bad="on")


def test_a_file_of_no_known_format_says_what_each_needs(researcher: Client) -> None:
    upload = laid_down(researcher, "colour,shape\nred,round\n")
    text = text_of(researcher.get(upload.get_absolute_url()))
    assert "is no file of evaluations that is known here" in text
    assert "Import 0 responses" not in text
    read_as = researcher.post(upload.get_absolute_url(), {"do": "look", "format": "trials"}, follow=True)
    assert "scenario" in text_of(read_as)


def test_a_large_file_is_looked_at_by_a_worker(researcher: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "LOOKED_AT_ONCE", 10)
    upload = laid_down(researcher, TRIALS)
    assert researcher.get(upload.get_absolute_url())["Location"] == upload.get_absolute_url()
    upload.refresh_from_db()
    assert "Being looked at" in text_of(researcher.get(upload.get_absolute_url()))
    worker.work_on(upload.job)
    assert "Import 4 responses" in text_of(researcher.get(upload.get_absolute_url()))
    assert not Response.objects.exists()


def test_what_is_given_up_is_gone(researcher: Client) -> None:
    upload = laid_down(researcher, TRIALS)
    researcher.post(reverse("evaluation:give_up_upload", args=["mine", upload.token]))
    assert not ImportUpload.objects.exists()
    assert not Job.objects.exists()


def test_a_file_of_scenarios_is_not_read_as_evaluations_and_the_other_way_round(researcher: Client) -> None:
    upload = laid_down(researcher, TRIALS)
    assert researcher.get(reverse("scenarios:import_upload", args=["mine", upload.token])).status_code == 404
    ImportUpload.objects.update(what=ImportUpload.What.SCENARIOS)
    assert researcher.get(reverse("evaluation:import_upload", args=["mine", upload.token])).status_code == 404


def test_without_a_dataset_there_is_nothing_to_import_for(client: Client) -> None:
    study = StudyFactory(slug="empty")
    client.force_login(member(study, Role.RESEARCHER))
    assert "No dataset to import for" in text_of(client.get(reverse("evaluation:import_evaluations", args=["empty"])))
