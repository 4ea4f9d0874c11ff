"""What the label screen asks for beside the item in hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.labelling import routing
from annotation.models import Assignment, Campaign
from tests.factories.annotation import ItemFactory, ParticipantFactory, labelled
from tests.factories.scenarios import ScenarioFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(campaign):
    return ParticipantFactory(campaign=campaign)


@pytest.fixture
def page(client, place):
    client.force_login(place.user)
    return client


def address(campaign, *rest) -> str:
    return "/".join(["/label", campaign.study.slug, campaign.slug, *map(str, rest), ""])


def item_about(campaign, description: str):
    return ItemFactory(campaign=campaign, scenario=ScenarioFactory(dataset=campaign.dataset, description=description))


def test_a_heartbeat_lets_the_lease_run_anew_and_counts_the_time(page, campaign, place):
    mine = routing.claim(place)
    soon = timezone.now() + timedelta(minutes=2)
    Assignment.objects.filter(pk=mine.pk).update(lease_until=soon)
    reply = page.post(address(campaign, mine.token, "heartbeat"), {"active_seconds": "40"}).json()
    assert reply["state"] == "leased"
    assert reply["lease_seconds"] > 60 * (campaign.lease_minutes - 1)
    mine.refresh_from_db()
    assert mine.lease_until > soon
    assert mine.active_seconds == 40


def test_a_heartbeat_says_that_the_item_was_submitted_elsewhere(page, campaign, place):
    mine = labelled(campaign.items.first(), place)
    assert page.post(address(campaign, mine.token, "heartbeat")).json()["state"] == "submitted"


def test_a_heartbeat_for_an_item_of_somebody_else_is_refused(page, campaign):
    theirs = routing.claim(ParticipantFactory(campaign=campaign))
    reply = page.post(address(campaign, theirs.token, "heartbeat"))
    assert (reply.status_code, reply.json()["code"]) == (404, "lease_unknown")


def test_the_latest_submissions_are_ones_own_newest_first_and_cost_few_queries(
    page, campaign, place, django_assert_max_num_queries
):
    now = timezone.now()
    for number in range(12):
        mine = labelled(item_about(campaign, f"Case {number} of the bakery"), place)
        Assignment.objects.filter(pk=mine.pk).update(submitted_at=now + timedelta(seconds=number))
    labelled(item_about(campaign, "A case of another person"), ParticipantFactory(campaign=campaign))
    with django_assert_max_num_queries(8):
        html = page.get(address(campaign, "latest")).content.decode()
    places = [html.index(f"Case {number} of") for number in range(11, 1, -1)]
    assert places == sorted(places)
    assert "Case 1 of" not in html
    assert "another person" not in html
    assert html.count("/edit/") == 0
    assert html.count(">Change<") == 10


def test_a_paused_campaign_says_so_and_offers_to_look_again(page, campaign, place):
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PAUSED)
    html = page.get(address(campaign)).content.decode()
    assert ">Paused</h1>" in html
    assert "come back later" in html
    assert "Look again" in html
    assert "That is all" not in html
