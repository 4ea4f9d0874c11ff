"""A version's page tells what its orders would have a language model told, and what was ranked and steered with it, to whom it may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client

from conflictscope.scenarios.models import Dataset
from conflictscope.studies.permissions import Role, SetRole
from conflictscope.values.access import set_role
from conflictscope.values.contents import content_of
from conflictscope.values.drafting import start_version, write
from conflictscope.values.models import TargetRanking, ValueSetVersion
from conflictscope.values.orders import in_words, order_of_members
from conflictscope.values.parsing import ValueText
from conflictscope.values.publishing import publish_draft
from evaluation.models import Ranking
from evaluation.steering.creating import create_steering
from tests.factories.evaluation import RunFactory
from tests.factories.scenarios import DatasetFactory
from tests.factories.studies import UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return DatasetFactory(study__slug="mine", study__name="Ward study", name="Ward scenarios")


@pytest.fixture
def version(dataset: Dataset) -> ValueSetVersion:
    assert dataset.value_set_version is not None
    return dataset.value_set_version


@pytest.fixture
def ana(dataset: Dataset, version: ValueSetVersion) -> User:
    """She sees the study, and is a member of the set."""
    user = member(dataset.study, Role.RESEARCHER)
    set_role(version.value_set, user, SetRole.MEMBER)
    return user


@pytest.fixture
def found(dataset: Dataset, version: ValueSetVersion) -> TargetRanking:
    """An order that a campaign of the study found: honesty, then the two others on one rank."""
    found = TargetRanking.objects.create(
        version=version, study=dataset.study, name="The ward's", origin=TargetRanking.Origin.COMMUNITY
    )
    for value in version.values.all():
        found.positions.create(value=value, rank=1 if value.key == "honesty" else 2)
    return found


def page_of(version: ValueSetVersion) -> str:
    return f"/value-sets/{version.value_set.slug}/versions/{version.number}/"


def test_prompts_rankings_and_steerings_are_shown_to_whom_they_may(
    client: Client, dataset: Dataset, version: ValueSetVersion, ana: User, found: TargetRanking
) -> None:
    order_of_members(version, {"honesty": 2, "helpfulness": 1, "harmlessness": 1}, name="Ours", by=ana)
    create_steering(dataset.study, name="By the ward", target_ranking=found)
    run = RunFactory(dataset=dataset)
    Ranking.objects.create(study=dataset.study, dataset=dataset, run=run, decider="parsed", method="x", results={})
    client.force_login(ana)
    mine = client.get(f"{page_of(version)}orders/").text
    assert "1. Helpfulness and Harmlessness (equal in weight)" in mine
    assert "1. Honesty" in mine
    assert "By the ward" in mine
    assert "Ward scenarios" in mine
    assert "1 ranking" in mine
    client.force_login(UserFactory())
    theirs = client.get(f"{page_of(version)}orders/").text
    assert "1. Helpfulness and Harmlessness (equal in weight)" in theirs
    for word in ("The ward", "By the ward", "Ward scenarios", "Ward study"):
        assert word not in theirs


def test_an_order_is_previewed_while_it_is_written(client: Client, version: ValueSetVersion, ana: User) -> None:
    client.force_login(ana)
    preview = f"{page_of(version)}orders/preview/"
    ranks = {"rank_helpfulness": "3", "rank_honesty": "1", "rank_harmlessness": "1"}
    assert "1. Honesty and Harmlessness (equal in weight)" in client.post(preview, ranks).text
    assert "no rank yet" in client.post(preview, ranks | {"rank_honesty": ""}).text
    assert "steers nowhere" in client.post(preview, dict.fromkeys(ranks, "1")).text
    assert not TargetRanking.objects.exists()


def test_what_a_campaign_found_is_kept_for_the_set_and_carried_over_to_the_next_version(
    client: Client, version: ValueSetVersion, ana: User, found: TargetRanking
) -> None:
    """Kept as it is it stays the community's; over other values it is its writer's, who began with it."""
    client.force_login(ana)
    page = f"{page_of(version)}order/?from={found.pk}"
    assert "only the people of" in client.get(page).text
    ranks = {"rank_helpfulness": "2", "rank_honesty": "1", "rank_harmlessness": "2"}
    client.post(page, ranks | {"name": "What the ward prefers"})
    kept = TargetRanking.objects.get(study=None)
    assert (kept.origin, kept.begun_with, kept.created_by) == ("community", found, ana)
    assert "found by a campaign, kept by" in client.get(page_of(version)).text

    draft = start_version(version.value_set, by=None)
    content = content_of(draft)
    calm = ValueText("calm", "Calm", "Speaking softly, without hurry.")
    draft = write(draft, replace(content, values=(calm, *content.values[:2])), edition=1, by=None)
    second = publish_draft(draft, edition=2, by=None)
    carried = client.get(f"{page_of(second)}order/?from={kept.pk}").text
    assert carried.index("Honesty") < carried.index("Helpfulness") < carried.index("Calm")
    assert "New in this version." in carried
    ranks = {"rank_helpfulness": "2", "rank_honesty": "1", "rank_calm": "3"}
    client.post(f"{page_of(second)}order/?from={kept.pk}", ranks | {"name": "What the ward prefers"})
    over = TargetRanking.objects.get(version=second)
    assert (over.origin, in_words(over)) == ("author", "Honesty > Helpfulness > Calm")
    assert "of version 1" in client.get(page_of(second)).text

    outsider = UserFactory()
    set_role(version.value_set, outsider, SetRole.MEMBER)
    client.force_login(outsider)
    assert "The ward" not in client.get(page).text
