"""A version of a value set says what is made of it, where one can be, and what a dataset comes to."""

from __future__ import annotations

import pytest
from django.test import Client

from conflictscope.studies.permissions import Role, SetRole
from conflictscope.values.access import set_role
from conflictscope.values.drafting import start_version
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = pytest.mark.django_db


def test_what_a_dataset_comes_to_and_where_it_is_made(client: Client) -> None:
    dataset = DatasetFactory(name="Bakery")
    version = dataset.value_set_version
    DatasetFactory(name="Elsewhere", value_set_version=version)
    page = f"/value-sets/{version.value_set.slug}/versions/{version.number}/uses/"
    user = member(dataset.study, Role.RESEARCHER)
    client.force_login(user)
    text = client.get(page).text
    assert "3 pairs with 24 scenarios each" in text
    assert "72 scenarios" in text
    assert "720 calls" in text, "ten a scenario: eight questions, two of them in both orders"
    assert "People label all of them" in text, "κ to ±0.1 takes more than 72 scenarios"
    assert "by 3 people each, 216 sheets of 8 questions" in text
    assert "Bakery" in text
    assert "Elsewhere" not in text
    form = client.get(f"/studies/{dataset.study.slug}/datasets/new/?value_set={version.pk}").text
    assert f'<option value="{version.pk}" selected>' in form


def test_a_draft_is_told_to_its_members_alone(client: Client) -> None:
    draft = start_version((version := DatasetFactory().value_set_version).value_set, by=None)
    page = f"/value-sets/{version.value_set.slug}/versions/{draft.number}/uses/"
    client.force_login(user := UserFactory())
    assert client.get(page).status_code == 404
    set_role(version.value_set, user, SetRole.READER)
    StudyFactory(created_by=user)
    assert "Make a dataset" not in client.get(page).text
