"""Who sees which page of campaigns and agreement, and who may change what."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from conflictscope.jobs.models import Job
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Role
from tests.annotation.pages.reading import PAGES, page, send, text_of
from tests.factories.annotation import CampaignFactory
from tests.factories.studies import UserFactory, member

pytestmark = pytest.mark.django_db

CHANGES = [
    ("create_campaign", ()),
    ("open_campaign", ("check",)),
    ("close_campaign", ("check",)),
    ("add_guideline", ("check",)),
]


@pytest.mark.parametrize(("name", "rest"), PAGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESEARCHER, Role.OWNER])
def test_who_may_see_a_study_sees_its_campaigns(
    client: Client, study: Study, campaign: Campaign, name: str, rest: tuple[str, ...], role: str
) -> None:
    client.force_login(member(study, role))
    assert page(client, name, "mine", *rest).status_code == 200


@pytest.mark.parametrize(("name", "rest"), [*PAGES, ("create_campaign", ())])
def test_an_annotator_and_a_stranger_are_told_that_there_is_nothing(
    client: Client, study: Study, campaign: Campaign, name: str, rest: tuple[str, ...]
) -> None:
    for person in (member(study, Role.ANNOTATOR), UserFactory()):
        client.force_login(person)
        assert page(client, name, "mine", *rest).status_code == 404


@pytest.mark.parametrize(("name", "rest"), PAGES)
def test_nobody_sees_anything_without_logging_in(
    client: Client, campaign: Campaign, name: str, rest: tuple[str, ...]
) -> None:
    assert page(client, name, "mine", *rest)["Location"].startswith(reverse("login"))


@pytest.mark.parametrize(("name", "rest"), CHANGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR, Role.ANNOTATOR])
def test_only_who_runs_the_pipeline_may_change_a_campaign(
    client: Client, study: Study, campaign: Campaign, name: str, rest: tuple[str, ...], role: str
) -> None:
    client.force_login(member(study, role))
    assert send(client, name, "mine", *rest, markdown="Anything").status_code == 404
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.OPEN
    assert campaign.guidelines.count() == 1


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 404), (Role.ANNOTATOR, 404), (Role.ADJUDICATOR, 200)])
def test_only_who_settles_disagreements_may_write_down_what_people_agree_on(
    client: Client, study: Study, campaign: Campaign, role: str, status: int
) -> None:
    client.force_login(member(study, role))
    assert send(client, "decide_campaign", "mine", "check", minimum=3).status_code == status
    assert Job.objects.filter(kind="annotation.decide").exists() == (status == 200)


def test_a_viewer_finds_no_button_that_would_not_work(viewer: Client, campaign: Campaign) -> None:
    texts = [text_of(page(viewer, "campaigns", "mine")), text_of(page(viewer, "campaign", "mine", "check"))]
    for button in ("New campaign", "Close the campaign", "Write down", "Change it"):
        assert button not in "".join(texts)


def test_campaigns_and_items_of_another_study_are_not_found(viewer: Client, campaign: Campaign) -> None:
    elsewhere = CampaignFactory(slug="elsewhere")
    assert page(viewer, "campaign", "mine", "elsewhere").status_code == 404
    assert page(viewer, "agreement", "mine", campaign="elsewhere").status_code == 404
    assert page(viewer, "campaign", elsewhere.study.slug, "elsewhere").status_code == 404
