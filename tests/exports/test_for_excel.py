"""CSV with a byte order mark: for every CSV file that leaves, on request, and never by itself."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from conflictscope.charts import Chart, IntervalRow, interval_plot
from conflictscope.files.csv_cells import BYTE_ORDER_MARK
from conflictscope.overview.middleware import ExcelMiddleware
from conflictscope.scenarios.importing import ImportSettings, import_scenarios
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    dataset = DatasetFactory(study=StudyFactory(slug="mine"), slug="hhh", name="HHH")
    ScenarioFactory.create_batch(2, dataset=dataset, status="kept")
    return dataset


@pytest.fixture
def viewer(client: Client, dataset: Dataset) -> Client:
    client.force_login(member(dataset.study, Role.RESEARCHER))
    return client


@pytest.mark.parametrize("name", ["evaluation:compare_datasets_csv", "scenarios:funnel_chart"])
def test_an_address_of_a_csv_file_answers_with_the_mark_only_when_asked(viewer: Client, name: str) -> None:
    url = reverse(name, args=["mine"] if name.endswith("csv") else ["mine", "hhh"])
    plain = b"".join(viewer.get(url, {"format": "csv"}))
    marked = b"".join(viewer.get(url, {"format": "csv", "excel": "1"}))
    assert not plain.startswith(BYTE_ORDER_MARK)
    assert marked == BYTE_ORDER_MARK + plain


def test_what_is_no_csv_stays_as_it_is(viewer: Client) -> None:
    picture = viewer.get(reverse("scenarios:funnel_chart", args=["mine", "hhh"]), {"format": "svg", "excel": "1"})
    assert picture.content.startswith(b"<svg")
    answer = ExcelMiddleware(lambda _: JsonResponse({}))(RequestFactory().get("/", {"excel": "1"}))
    assert answer.content == b"{}"
    refused = ExcelMiddleware(lambda _: HttpResponse("no", content_type="text/csv", status=404))
    assert refused(RequestFactory().get("/", {"excel": "1"})).content == b"no"


def test_an_export_marks_its_csv_files_and_its_card_says_the_checksums_of_what_is_there(
    viewer: Client, dataset: Dataset
) -> None:
    asked = {"dataset": "hhh", "format": "csv", "excel": "on"}
    answer = viewer.get(reverse("exports:download", args=["mine"]), asked)
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        files = {Path(name).name: archive.read(name) for name in archive.namelist()}
    tables = {name: content for name, content in files.items() if name.endswith(".csv")}
    assert tables
    assert all(content.startswith(BYTE_ORDER_MARK) for content in tables.values())
    card = json.loads(files["dataset.json"])
    assert {file["name"]: file["sha256"] for file in card["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in tables.items()
    }
    asked["excel"] = ""
    answer = viewer.get(reverse("exports:download", args=["mine"]), asked)
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        plain = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert plain["scenarios.csv"] == tables["scenarios.csv"].removeprefix(BYTE_ORDER_MARK)


def test_commands_mark_theirs_and_a_marked_file_is_read_again(dataset: Dataset, tmp_path: Path) -> None:
    out, compared = tmp_path / "out", tmp_path / "compared.csv"
    call_command("export_dataset", study="mine", dataset="hhh", out=out, format=["csv", "jsonl"], excel=True)
    assert (out / "scenarios.csv").read_bytes().startswith(BYTE_ORDER_MARK)
    assert not (out / "scenarios.jsonl").read_bytes().startswith(BYTE_ORDER_MARK)
    call_command("compare_datasets", study="mine", csv=compared, excel=True, no_embed=True)
    assert compared.read_bytes().startswith(BYTE_ORDER_MARK)
    (out / "scenarios.jsonl").unlink()
    elsewhere: Study = StudyFactory(slug="elsewhere")
    settings = ImportSettings(value_set=dataset.value_set_version)
    report = import_scenarios(elsewhere, "again", paths=[out / "scenarios.csv"], settings=settings)
    assert report.added == 2


def test_a_name_that_a_spreadsheet_would_run_is_escaped_in_the_table_of_a_chart() -> None:
    rows = [IntervalRow(label="=1+1", value=-0.5, low=-1.0, high=0.5, n=3, group="", note="")]
    drawn: Chart = interval_plot(rows, title="T", description="D", x_title="X")
    assert "'=1+1" in drawn.to_csv()
    assert ",-0.5," in drawn.to_csv()
