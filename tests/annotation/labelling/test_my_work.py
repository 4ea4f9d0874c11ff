"""A person's own work over all campaigns, and nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.labelling import answers as labelling
from annotation.labelling import routing
from annotation.models import Assignment, Campaign, Participant
from conflictscope.scenarios.filtering.dimensions import NO
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(campaign: Campaign) -> Participant:
    return ParticipantFactory(campaign=campaign)


@pytest.fixture
def mine(client: Client, place: Participant) -> Client:
    client.force_login(place.user)
    return client


def page(client: Client, **query: object) -> str:
    return client.get(reverse("annotation:my_work"), query).content.decode()


def test_open_campaigns_and_own_submissions_are_listed_with_own_answers_only(mine, campaign, place):
    item = campaign.items.first()
    labelled(item, ParticipantFactory(campaign=campaign), {"realism": NO})
    theirs = ItemFactory(campaign=campaign)
    labelled(theirs, ParticipantFactory(campaign=campaign))
    labelled(item, place)
    said = page(mine)
    assert campaign.name in said
    assert item.scenario.description[:40] in said
    assert theirs.scenario.description not in said
    assert "<dd>No" not in said
    assert said.count("<dd>Yes") == 6


def test_the_ten_latest_lead_to_a_change_and_the_others_do_not(mine, campaign, place):
    for hours in range(12):
        one = labelled(ItemFactory(campaign=campaign), place)
        Assignment.objects.filter(pk=one.pk).update(submitted_at=timezone.now() - timedelta(hours=hours))
    said = page(mine)
    assert said.count(">Change<") == 10
    Campaign.objects.update(state=Campaign.State.CLOSED)
    closed = page(mine)
    assert closed.count(">Change<") == 0
    assert "12 items" in closed


def test_the_list_goes_on_over_pages_and_costs_no_more_for_more(mine, campaign, place, django_assert_max_num_queries):
    for _ in range(23):
        labelled(ItemFactory(campaign=campaign), place)
    labelled(
        CampaignFactory(dataset=campaign.dataset, items=1).items.get(),
        ParticipantFactory(user=place.user, campaign=Campaign.objects.latest("pk")),
    )
    with django_assert_max_num_queries(19):
        assert "Page 1 of 2" in page(mine)
    assert page(mine, page=2).count("My answers") == 4


def test_who_pauses_hands_the_item_back_and_keeps_their_answers(mine, campaign, place):
    held = routing.claim(place)
    labelling.save(held, {"realism": NO})
    assert "Pause: hand it back" in page(mine)
    address = reverse("annotation:label_hand_back", args=[campaign.study.slug, campaign.slug])
    assert "kept" in mine.post(address, follow=True).content.decode()
    held.refresh_from_db()
    assert (held.state, held.item.open_slots) == ("expired", 3)
    assert "Pause: hand it back" not in page(mine)
    assert mine.post(address).status_code == 302  # twice is once
    held.item.refresh_from_db()
    assert held.item.open_slots == 3
    Assignment.objects.exclude(pk=held.pk).delete()
    campaign.items.exclude(pk=held.item_id).update(open_slots=0)
    again = routing.claim(place)
    assert (again.pk, again.annotations.get().answer) == (held.pk, NO)


def test_somebody_taken_out_of_the_study_sees_nothing_of_it_any_more(mine, campaign, place):
    item = campaign.items.first()
    labelled(item, place)
    place.user.memberships.all().delete()
    assert item.scenario.description[:40] not in page(mine)
