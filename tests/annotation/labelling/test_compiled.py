"""A query that is compiled once gives what it would give compiled anew, for other values and in other threads too."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.db.models import QuerySet

from annotation.labelling.compiled import Compiled
from annotation.models import Assignment, Item
from tests.factories.annotation import CampaignFactory, ParticipantFactory, labelled


def _open_items(campaign: int, participant: int) -> QuerySet[Item]:
    mine = Assignment.objects.filter(participant=participant).values("item")
    items = Item.objects.filter(campaign=campaign).exclude(pk__in=mine).select_related("scenario", "campaign")
    return items.only("scenario__description", "campaign__name", "shuffle_key").order_by("pk")


@pytest.mark.django_db
def test_values_of_each_call_are_its_own(django_assert_num_queries):
    compiled = Compiled(_open_items, numbers=("campaign", "participant"))
    for campaign in CampaignFactory.create_batch(2, items=3):
        person = ParticipantFactory(campaign=campaign)
        labelled(campaign.items.first(), person)
        with django_assert_num_queries(1):
            rows = compiled.rows(campaign=campaign.pk, participant=person.pk)
            texts = [(row.scenario.description, row.campaign.name) for row in rows]
        assert rows == list(_open_items(campaign.pk, person.pk))
        assert texts == [(row.scenario.description, campaign.name) for row in rows]
        assert len(rows) == 2


@pytest.mark.django_db
def test_a_token_is_found_as_the_database_writes_it():
    compiled = Compiled(lambda token: Assignment.objects.filter(token=token)[:1], tokens=("token",))
    campaign = CampaignFactory(items=1)
    assignment = labelled(campaign.items.get(), ParticipantFactory(campaign=campaign))
    assert compiled.first(token=assignment.token) == assignment
    assert compiled.first(token=uuid.uuid4()) is None


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_threads_share_a_compiled_query_and_no_connection():
    compiled = Compiled(_open_items, numbers=("campaign", "participant"))
    campaigns = CampaignFactory.create_batch(4, items=2)

    def read(campaign: int) -> tuple[int, set[int], int]:
        try:
            rows = [row for _ in range(5) for row in compiled.rows(campaign=campaign, participant=0)]
            return len(rows), {row.campaign_id for row in rows}, id(connection.connection)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, [campaign.pk for campaign in campaigns]))
    assert [(number, of) for number, of, _ in found] == [(10, {campaign.pk}) for campaign in campaigns]
