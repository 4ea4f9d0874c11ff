"""The administrators' pages of every table: they open, and research data is only looked at there."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from conflictscope.admin import LookOnly
from conflictscope.jobs.models import Job
from tests.factories.scenarios import DatasetFactory, JudgeFactory
from tests.factories.whole import grow

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


@pytest.fixture
def whole() -> None:
    dataset = DatasetFactory(primary_judge=JudgeFactory())
    grow(dataset, 2)
    Job.objects.create(study=dataset.study, kind="scenarios.filter", title="Filter", parameters={})


def test_every_table_opens_with_its_rows(administrator: Client, whole: None) -> None:
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert administrator.get(reverse(f"{name}_changelist")).status_code == 200, name
        first = model._default_manager.first()
        if first is not None:
            assert administrator.get(reverse(f"{name}_change", args=[first.pk])).status_code == 200, name


def test_what_pipeline_and_people_made_is_not_made_by_hand(administrator: Client, whole: None) -> None:
    shown = [model for model, page in admin.site._registry.items() if isinstance(page, LookOnly)]
    assert {model.__name__ for model in shown} >= {
        "Call",
        "Job",
        "Scenario",
        "Run",
        "Response",
        "Assignment",
        "Decision",
    }
    for model in shown:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert administrator.get(reverse(f"{name}_add")).status_code == 403, name
        first = model._default_manager.first()
        if first is not None:
            assert administrator.post(reverse(f"{name}_change", args=[first.pk]), {}).status_code == 403, name
            assert administrator.post(reverse(f"{name}_delete", args=[first.pk]), {"post": "yes"}).status_code == 403


def test_a_study_is_not_founded_here_where_it_would_have_no_owner(administrator: Client) -> None:
    assert administrator.get("/admin/studies/study/add/").status_code == 403
