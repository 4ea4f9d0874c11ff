"""Domains: tagged by an LLM that reads, or by hand; who set one is kept, and a person's word stays."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.test import Client

from conflictscope.errors import InvalidInput
from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.scenarios import domains
from conflictscope.scenarios.models import Dataset, DomainTag, Scenario
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/studies/mine/datasets/hhh/"
TEXTS = {
    "ward": "A nurse on the ward asks a doctor about the dose for a patient.",
    "class": "A teacher grades an essay of a pupil before the exam.",
    "nowhere": "Zzz.",
}


@pytest.fixture
def dataset() -> Dataset:
    dataset = DatasetFactory(study__slug="mine", slug="hhh")
    for uid, text in TEXTS.items():
        ScenarioFactory(dataset=dataset, uid=uid, description=text)
    return dataset


def tagged() -> dict[str, str]:
    return dict(Scenario.objects.values_list("uid", "domain"))


def command(*more: str) -> str:
    out = StringIO()
    call_command(
        "tag_domains", "--study=mine", "--dataset=hhh", "--endpoint=reader", *more, stdout=out, stderr=StringIO()
    )
    return out.getvalue()


@pytest.mark.backends
def test_an_llm_tags_what_it_reads_and_its_call_is_kept(simulator: Any, dataset: Dataset) -> None:
    EndpointFactory(name="reader", base_url=simulator.base_url)
    first = Scenario.objects.get(uid="class")
    ScenarioFactory(dataset=dataset, uid="copy", status="duplicate", duplicate_of=first)
    said = command()
    assert tagged() == {"ward": "health and care", "class": "education", "nowhere": "other", "copy": ""}
    assert "1 education" in said
    tag = DomainTag.objects.get(scenario__uid="ward")
    assert (tag.source, tag.endpoint.name, tag.set_by) == ("llm", "reader", None)
    assert (tag.call.purpose, tag.call.prompt_name) == ("domain", "domains/domain")
    with pytest.raises(CommandError, match="has a domain already"):
        command()


def test_what_a_person_set_stays(simulator: Any, dataset: Dataset) -> None:
    EndpointFactory(name="reader", base_url=simulator.base_url)
    person = dataset.study.created_by
    domains.tag_by_hand(dataset, [Scenario.objects.get(uid="ward").pk], " night   shift ", by=person)
    command("--again", "--domain=school", "--domain=hospital", "--domain=other")
    assert tagged() == {"ward": "night shift", "class": "other", "nowhere": "other"}
    dataset.refresh_from_db()
    assert domains.domains_of(dataset) == ["school", "hospital", "other"]


def test_a_reply_that_is_no_domain_of_the_list_tags_nothing(simulator: Any, dataset: Dataset) -> None:
    endpoint = EndpointFactory(name="reader", base_url=simulator.base_url)
    simulator.script("sim-judge", *['{"domain": "witchcraft"}'] * 6)
    job = domains.start(dataset, endpoint)
    worker.work_on(job)
    assert set(tagged().values()) == {""}
    assert not DomainTag.objects.exists()


@pytest.mark.parametrize(
    "names", [[], ["one"], ["a", " a "], ["a", "x" * 61], ["a", "</domains>"], ["x"] + [f"d{n}" for n in range(60)]]
)
def test_a_list_must_leave_a_choice(names: list[str]) -> None:
    with pytest.raises(InvalidInput):
        domains.checked(names)


def test_a_tag_has_one_author(dataset: Dataset) -> None:
    scenario = dataset.scenarios.first()
    with pytest.raises(IntegrityError):
        DomainTag.objects.create(scenario=scenario, domain="x", source="human")


def test_one_is_set_by_hand_on_its_page_and_taken_away_again(client: Client, dataset: Dataset) -> None:
    researcher = member(dataset.study, "researcher")
    client.force_login(researcher)
    response = client.post(f"{PAGE}scenarios/ward/domain/?status=drafted", {"domain": "wards"})
    assert response.url == f"{PAGE}scenarios/ward/?status=drafted"
    text = client.get(response.url).text
    assert "<strong>wards</strong>" in text
    assert f"set by {researcher}" in text
    client.post(f"{PAGE}scenarios/ward/domain/", {"domain": ""})
    assert tagged()["ward"] == ""
    assert DomainTag.objects.filter(scenario__uid="ward").count() == 2
    assert "at most 60" in client.post(f"{PAGE}scenarios/ward/domain/", {"domain": "x" * 61}, follow=True).text


def test_a_whole_list_is_tagged_unless_it_has_changed(client: Client, dataset: Dataset) -> None:
    client.force_login(dataset.study.created_by)
    assert "these 3 scenarios" in client.get(PAGE).text
    response = client.post(f"{PAGE}set-domains/?search=nurse", {"domain": "wards", "number": "1"}, follow=True)
    assert "The domain of 1 scenario was set" in response.text
    assert tagged() == {"ward": "wards", "class": "", "nowhere": ""}
    response = client.post(f"{PAGE}set-domains/", {"domain": "all", "number": "1"}, follow=True)
    assert "The list has changed" in response.text
    assert "all" not in tagged().values()


@pytest.mark.parametrize("role", ["viewer", "adjudicator", "annotator"])
def test_those_who_run_no_pipeline_tag_nothing(client: Client, dataset: Dataset, role: str) -> None:
    client.force_login(member(dataset.study, role))
    for path in ("set-domains/", "scenarios/ward/domain/", "tag-domains/"):
        assert client.post(PAGE + path, {"domain": "x", "number": "3"}).status_code == 404
    assert set(tagged().values()) == {""}


def test_the_job_is_started_from_its_page(client: Client, dataset: Dataset) -> None:
    client.force_login(dataset.study.created_by)
    assert "health and care" in client.get(f"{PAGE}tag-domains/").text
    endpoint = EndpointFactory(name="reader")
    assert client.post(f"{PAGE}tag-domains/", {"endpoint": endpoint.pk, "domains": "one"}).status_code == 400
    response = client.post(f"{PAGE}tag-domains/", {"endpoint": endpoint.pk, "domains": "one\r\ntwo\r\n"})
    job = Job.objects.get()
    assert response.url == job.get_absolute_url()
    assert (job.parameters["domains"], job.parameters["endpoint"]) == (["one", "two"], endpoint_named("reader").pk)
