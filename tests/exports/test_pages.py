"""The page of exports and the download: what they give, to whom, and at what cost."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from annotation.models import Participant
from conflictscope.exports.exporting import export_dataset
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, Role, roles_that_may
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import UserFactory, member
from tests.factories.whole import grow

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client, study: Study) -> Client:
    client.force_login(member(study, Role.VIEWER))
    return client


def page(client: Client, name: str = "exports", **query: str) -> Any:
    return client.get(reverse(f"exports:{name}", args=["mine"]), query)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def unpacked(response: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("role", list(Role))
def test_who_may_export_may_download_and_nobody_else_learns_of_it(
    client: Client, study: Study, dataset: Dataset, role: Role
) -> None:
    client.force_login(member(study, role))
    expected = 200 if role in roles_that_may(Action.EXPORT) else 404
    assert page(client).status_code == expected
    assert page(client, "download", dataset="hhh", format="csv").status_code == expected


def test_a_stranger_is_told_that_there_is_nothing_and_a_visitor_is_asked_to_log_in(
    client: Client, dataset: Dataset
) -> None:
    for name in ("exports", "download"):
        assert page(client, name, dataset="hhh", format="csv")["Location"].startswith(reverse("login"))
    client.force_login(UserFactory())
    for name in ("exports", "download"):
        assert page(client, name, dataset="hhh", format="csv").status_code == 404


def test_a_study_without_datasets_says_what_comes_first(client: Client, study: Study) -> None:
    client.force_login(member(study, Role.RESEARCHER))
    text = text_of(page(client))
    assert "Nothing to export yet" in text
    assert f'href="{reverse("scenarios:new_dataset", args=["mine"])}"' in text
    client.force_login(member(study, Role.VIEWER))
    assert reverse("scenarios:new_dataset", args=["mine"]) not in text_of(page(client))


def test_a_dataset_without_scenarios_cannot_be_chosen(viewer: Client, study: Study) -> None:
    DatasetFactory(study=study, slug="hollow", name="Hollow")
    text = text_of(page(viewer))
    assert "there is nothing to download" in text
    assert "no scenarios yet" in text
    assert "<form" not in text.split("<main")[1]
    assert page(viewer, "download", dataset="hollow", format="csv").status_code == 400
    ScenarioFactory(dataset=DatasetFactory(study=study, slug="full"))
    text = text_of(page(viewer))
    assert '<option value="full"' in text
    assert '<option value="hollow"' not in text


def test_a_dataset_that_nobody_validated_says_so(viewer: Client, study: Study) -> None:
    ScenarioFactory(dataset=DatasetFactory(study=study, slug="raw", name="Raw"))
    assert "No scenario of this study is human-validated yet" in text_of(page(viewer))
    response = page(viewer, "download", dataset="raw", format="csv", only_validated="on")
    assert response.status_code == 409
    assert "No scenario of &#x27;Raw&#x27; is human-validated yet" in text_of(response)


def test_the_page_explains_each_file_and_how_to_load_it(viewer: Client, dataset: Dataset) -> None:
    text = text_of(page(viewer, dataset="hhh"))
    assert '<option value="hhh" selected' in text
    assert "<code>human_validated</code>" in text
    assert "pandas.read_json(&quot;scenarios.jsonl&quot;" in text or 'pandas.read_json("scenarios.jsonl"' in text
    assert "manage.py export_dataset --study mine --dataset hhh" in text
    assert "badge-simulated" not in text


def test_a_simulated_dataset_is_labelled(viewer: Client, simulated: Dataset) -> None:
    assert "badge-simulated" in text_of(page(viewer))


def test_validation_by_simulated_annotators_is_labelled(viewer: Client, dataset: Dataset) -> None:
    assert "badge-simulated" not in text_of(page(viewer))
    Participant.objects.filter(pseudonym="heron").update(simulated=True)
    text = text_of(page(viewer))
    assert "badge-simulated" in text.split('data-label="Human-validated"')[1].split("</td>")[0]


@pytest.mark.parametrize(
    "query", [{}, {"dataset": "hhh"}, {"dataset": "hhh", "format": "exe"}, {"dataset": "../hhh", "format": "csv"}]
)
def test_a_choice_that_makes_no_sense_is_answered_in_words(
    viewer: Client, dataset: Dataset, query: dict[str, str]
) -> None:
    response = page(viewer, "download", **query)
    assert response.status_code == 400
    assert "errorlist" in text_of(response)


def test_a_dataset_of_another_study_cannot_be_downloaded(viewer: Client, dataset: Dataset) -> None:
    ScenarioFactory(dataset=DatasetFactory(slug="theirs"))
    assert page(viewer, "download", dataset="theirs", format="csv").status_code == 400


@pytest.mark.parametrize("chosen", ["jsonl", "csv"])
def test_the_zip_holds_the_bytes_that_the_command_writes(
    viewer: Client, dataset: Dataset, chosen: str, tmp_path: Path
) -> None:
    export_dataset(dataset, out=tmp_path / "out", formats=[chosen])
    response = page(viewer, "download", dataset="hhh", format=chosen)
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == f'attachment; filename="mine-hhh-{chosen}.zip"'
    assert response.streaming
    written = {f"mine-hhh-{chosen}/{path.name}": path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert unpacked(response) == written


def test_the_same_data_gives_the_same_zip(viewer: Client, dataset: Dataset) -> None:
    query = {"dataset": "hhh", "format": "jsonl"}
    assert page(viewer, "download", **query).getvalue() == page(viewer, "download", **query).getvalue()


def test_the_page_costs_as_many_queries_for_many_datasets_as_for_few(
    viewer: Client, study: Study, dataset: Dataset, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for other in DatasetFactory.create_batch(5, study=study):
        ScenarioFactory.create_batch(2, dataset=other)
    with django_assert_max_num_queries(10):
        page(viewer)


def test_a_download_costs_as_many_queries_for_many_rows_as_for_few(
    viewer: Client, dataset: Dataset, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    grow(dataset, 12)
    with django_assert_max_num_queries(32):
        page(viewer, "download", dataset="hhh", format="jsonl").getvalue()
