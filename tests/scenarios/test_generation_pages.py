"""The pages that start a generation, find duplicates, and keep a study's own prompts."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.permissions import Role
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_variant_is_chosen_on_the_page_and_a_direct_one_needs_no_deployment(client: Client) -> None:
    study = StudyFactory()
    client.force_login(member(study, Role.RESEARCHER))
    given = {
        "name": "Straight",
        "slug": "straight",
        "value_set": ValueSetVersionFactory().pk,
        "generator": EndpointFactory().pk,
        "per_pair": 5,
        "variant": "direct",
        "threshold": 0.85,
        "scope": "dataset",
        "yield_floor": 0.2,
        "deployment_contexts": "A general assistant.",
    }
    assert client.post(reverse("scenarios:new_dataset", args=[study.slug]), given).status_code == 302
    made = Dataset.objects.get(slug="straight")
    assert made.variant == "direct"
    assert made.recipe["deployment_contexts"] == []
    assert (made.recipe["scope"], made.recipe["threshold"], made.recipe["yield_floor"]) == ("dataset", 0.85, 0.2)
    shown = client.get(reverse("scenarios:generate", args=[study.slug, "straight"])).content.decode()
    assert "cosine 0.85 within the dataset" in shown


def test_duplicates_are_found_from_a_page_by_another_threshold(client: Client) -> None:
    dataset = DatasetFactory()
    for _ in range(2):
        ScenarioFactory(dataset=dataset)
    client.force_login(member(dataset.study, Role.RESEARCHER))
    address = reverse("scenarios:dedup", args=[dataset.study.slug, dataset.slug])
    assert "Nothing has been compared yet" in client.get(address).content.decode()
    assert client.post(address, {"threshold": "0", "scope": "pair"}).status_code == 400
    response = client.post(address, {"threshold": "0.9", "scope": "dataset"})
    job = Job.objects.get(kind="scenarios.dedup")
    assert response["Location"] == job.get_absolute_url()
    worker.work_on(job)
    assert '<td class="num">1</td>' in client.get(address).content.decode()


def test_a_prompt_of_the_study_is_kept_as_a_version_and_bad_words_stay_in_the_form(client: Client) -> None:
    study = StudyFactory()
    client.force_login(member(study, Role.RESEARCHER))
    address = reverse("scenarios:prompt", args=[study.slug, "generation/direct"])
    shown = client.get(address).content.decode()
    assert "$value_1" in shown
    refused = client.post(address, {"text": "Write $number dilemmas."})
    assert refused.status_code == 400
    assert "lacks $avoid, $value_1, $value_2" in refused.content.decode()
    assert "Write $number dilemmas." in refused.content.decode()
    words = "Write $number dilemmas of $value_1 and $value_2, none like $avoid."
    assert client.post(address, {"text": words, "note": "Short"}).status_code == 302
    assert study.prompts.get().text == words
    overview = client.get(reverse("scenarios:prompts", args=[study.slug])).content.decode()
    assert "Short" in overview
