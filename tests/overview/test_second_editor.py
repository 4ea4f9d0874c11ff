"""Of two people who change one thing at once the second is told, keeps what they chose, and overwrites nothing unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.jobs.models import Job
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study, StudyEndpoint
from conflictscope.studies.permissions import Role
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import StudyFactory, administrator, member

pytestmark = pytest.mark.django_db


@dataclass
class Edited:
    """A page with a form, what two people send by it, and what is stored."""

    address: str
    first: dict[str, Any]
    second: dict[str, Any]
    stored: Callable[[], Any]
    after_first: Any
    after_second: Any
    form: str = "form"
    page: str = ""


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine")


def endpoint_studies(study: Study) -> Edited:
    endpoint: Endpoint = EndpointFactory()
    other = StudyFactory(slug="other")
    return Edited(
        reverse("overview:endpoint_studies", args=[endpoint.pk]),
        {"studies": [study.pk]},
        {"studies": [other.pk]},
        lambda: set(StudyEndpoint.objects.filter(endpoint=endpoint).values_list("study__slug", flat=True)),
        {"mine"},
        {"other"},
    )


def budget(study: Study) -> Edited:
    job = Job.objects.create(study=study, kind="scenarios.filter", subject="1", title="Filter", state="paused")
    return Edited(
        reverse("jobs:budget", args=["mine", job.pk]),
        {"budget": "5"},
        {"budget": "7"},
        lambda: Job.objects.get().budget,
        Decimal(5),
        Decimal(7),
        form="budget_form",
        page=job.get_absolute_url(),
    )


@pytest.mark.parametrize("made", [endpoint_studies, budget])
def test_the_second_is_told_and_what_they_chose_stands_when_it_is_sent_again(
    client: Client, study: Study, made: Callable[[Study], Edited]
) -> None:
    edited = made(study)
    client.force_login(member(study, Role.RESEARCHER) if edited.page else administrator())

    def opened() -> str:
        return str(client.get(edited.page or edited.address).context[edited.form]["seen"].value())

    seen = opened()
    client.post(edited.address, edited.first | {"seen": seen})
    assert edited.stored() == edited.after_first
    answer = client.post(edited.address, edited.second | {"seen": seen}, follow=True)
    assert "Somebody has changed this since you opened it." in answer.text
    assert edited.stored() == edited.after_first
    now = opened()
    assert now != seen
    if not edited.page:  # where the form comes back, it brings what was chosen, and what has been seen now
        form = answer.context[edited.form]
        assert form["seen"].value() == now
        assert [str(each) for each in form["studies"].value()] == [str(each) for each in edited.second["studies"]]
    client.post(edited.address, edited.second | {"seen": now})
    assert edited.stored() == edited.after_second


def test_a_threshold_that_somebody_else_set_is_not_overwritten_unseen(client: Client, study: Study) -> None:
    dataset: Dataset = DatasetFactory(study=study, slug="hhh")
    client.force_login(member(study, Role.RESEARCHER))
    address = reverse("scenarios:dedup", args=["mine", "hhh"])
    seen = client.get(address).context["form"]["seen"].value()
    Dataset.objects.filter(pk=dataset.pk).update(recipe=dataset.recipe | {"threshold": 0.6})
    answer = client.post(address, {"threshold": "0.9", "scope": "pair", "seen": seen})
    assert answer.status_code == 400
    assert "Somebody has changed this" in answer.text
    assert "Threshold: 0.6" in answer.text
    assert 'value="0.9"' in answer.text
    assert not Job.objects.exists()


def test_whoever_sends_no_seen_as_a_script_does_is_not_held_up(client: Client, study: Study) -> None:
    edited = endpoint_studies(study)
    client.force_login(administrator())
    client.post(edited.address, edited.first)
    client.post(edited.address, edited.second)
    assert edited.stored() == edited.after_second
