"""The researcher's page of recruiting: what it takes, what it refuses, what it shows and hides."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.crowd import paying, recruiting
from annotation.crowd.groups import group_tables, hide_small
from annotation.crowd.models import GroupAnswer, Recruitment
from annotation.models import Assignment, Campaign, Participant
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.studies.permissions import Role
from tests.factories.annotation import ParticipantFactory, labelled
from tests.factories.crowd import agree, come, opened_to, platform
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher(client: Client, campaign: Campaign) -> Client:
    client.force_login(member(campaign.study, Role.RESEARCHER))
    return client


def address(campaign: Campaign, name: str = "recruit") -> str:
    return reverse(f"annotation:{name}", args=[campaign.study.slug, campaign.slug])


def send(client: Client, campaign: Campaign, do: str, **fields: Any) -> Any:
    return client.post(address(campaign), {"do": do, **fields})


def test_looking_stores_nothing(client: Client, campaign: Campaign) -> None:
    """Whoever sees the study may look, and whoever runs it may take the payments along, before anybody recruits."""
    client.force_login(member(campaign.study, Role.VIEWER))
    assert client.get(address(campaign)).status_code == 200
    client.force_login(member(campaign.study, Role.RESEARCHER))
    assert client.get(address(campaign, "payments")).status_code == 200
    assert not Recruitment.objects.exists()


def test_a_link_comes_to_be_in_two_steps(researcher: Client, campaign: Campaign) -> None:
    """Nobody can come in before there is something to agree to."""
    refused = send(researcher, campaign, "access", access="crowd")
    assert "Write first what people are told" in refused.content.decode()
    assert send(researcher, campaign, "consent", markdown="You judge texts.", ethics="Board 7/26").status_code == 302
    assert send(researcher, campaign, "access", access="crowd").status_code == 302
    text = researcher.get(address(campaign)).content.decode()
    assert "?PROLIFIC_PID={{%PROLIFIC_PID%}}&amp;STUDY_ID={{%STUDY_ID%}}&amp;SESSION_ID={{%SESSION_ID%}}" in text
    key = Recruitment.objects.get().key
    send(
        researcher, campaign, "terms", person_parameter="workerId", smallest_cell=5, currency="USD", pay_per_hour="12.5"
    )
    stored = Recruitment.objects.get()
    assert (stored.person_parameter, stored.pay_per_hour, stored.key) == ("workerId", Decimal("12.50"), key)


@pytest.mark.parametrize(
    ("do", "fields", "said"),
    [
        ("consent", {"markdown": " "}, "required"),
        ("terms", {"person_parameter": "a b", "smallest_cell": 5, "currency": "GBP"}, "cannot be a parameter"),
        (
            "terms",
            {"person_parameter": "x", "study_parameter": "x", "smallest_cell": 5, "currency": "GBP"},
            "no two parameters",
        ),
        ("terms", {"person_parameter": "x", "smallest_cell": 1, "currency": "GBP"}, "greater than or equal to 2"),
        ("ways", {"url_finished": "javascript:alert(1)"}, "valid URL"),
        ("groups", {"questions": "Your age"}, "names no answers"),
        ("groups", {"questions": "Your age: one"}, "between 2 and 30"),
        ("access", {"access": "all"}, "Select a valid choice"),
    ],
)
def test_what_will_not_do_is_said_and_nothing_is_lost(
    researcher: Client, campaign: Campaign, do: str, fields: dict[str, Any], said: str
) -> None:
    reply = send(researcher, campaign, do, **fields)
    assert reply.status_code == 400
    assert said in reply.content.decode()


def test_two_who_change_the_text_at_once_do_not_overwrite_each_other(researcher: Client, campaign: Campaign) -> None:
    recruiting.write_consent(campaign, markdown="First.")
    recruiting.write_consent(campaign, markdown="Second, by a colleague.")
    reply = send(researcher, campaign, "consent", markdown="Mine.", seen=1)
    assert "Somebody else has written version 2" in reply.content.decode()
    assert "Mine." in reply.content.decode()
    assert send(researcher, campaign, "consent", markdown="Mine.", seen=2).status_code == 302
    assert campaign.consents.last().version == 3


def test_payment_is_for_the_time_at_work_and_ids_are_told_on_request_alone(
    researcher: Client, campaign: Campaign
) -> None:
    """90 s at 12.00 an hour are 0.30; an id that a spreadsheet would run is written as text."""
    door = opened_to(campaign, pay_per_hour=Decimal("12.00"), currency="USD")
    place = come(Client(), door, "=HYPERLINK(1)")
    labelled(campaign.items.first(), place)
    Assignment.objects.update(active_seconds=90)
    Participant.objects.update(created_at=timezone.now() - timedelta(hours=1))
    ParticipantFactory(campaign=campaign)  # a member is no guest, and not paid here
    page = researcher.get(address(campaign)).content.decode()
    assert place.pseudonym in page
    assert "HYPERLINK" not in page
    plain, full = (
        list(csv.DictReader(researcher.get(address(campaign, "payments"), query).content.decode().splitlines()))
        for query in ({}, {"ids": "1"})
    )
    assert [(row["participant_id"], row["pseudonym"], row["amount"]) for row in plain] == [
        ("", place.pseudonym, "0.30")
    ]
    assert [row["participant_id"] for row in full] == ["'=HYPERLINK(1)"]
    for role in (Role.VIEWER, Role.ADJUDICATOR, Role.ANNOTATOR):
        other = Client()
        other.force_login(member(campaign.study, role))
        assert other.get(address(campaign, "payments"), {"ids": "1"}).status_code == 404


def test_nobody_is_paid_for_longer_than_they_were_there(campaign: Campaign) -> None:
    """A browser that says half an hour of work ten times, of somebody who left ten minutes after they came."""
    door = opened_to(campaign, pay_per_hour=Decimal("12.00"))
    client = Client()
    place = come(client, door)
    label = reverse("annotation:label", args=[campaign.study.slug, campaign.slug])
    client.get(label)
    token = Assignment.objects.get(participant=place).token
    for _ in range(10):
        assert client.post(f"{label}{token}/heartbeat/", {"active_seconds": "1800"}).status_code == 200
    assert Assignment.objects.get().active_seconds == 18_000
    now = timezone.now()
    Participant.objects.update(created_at=now - timedelta(minutes=10), ended_at=now)
    (owed,) = paying.payments_of(campaign)
    assert (owed.active_seconds, owed.amount) == (600, Decimal("2.00"))


def test_an_amount_is_rounded_up_to_a_cent() -> None:
    """One second at 12.00 an hour is a third of a cent."""
    assert paying.amount(1, Decimal("12.00")) == Decimal("0.01")
    assert paying.amount(0, Decimal("12.00")) == Decimal("0.00")
    assert paying.amount(100, None) is None


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"a": 10, "b": 7, "c": 0}, {"a": 10, "b": 7, "c": 0}),
        # One hidden alone is the total less the others: the next larger goes with it.
        ({"a": 10, "b": 7, "c": 3}, {"a": 10, "b": None, "c": None}),
        # Two hidden who together are fewer than five: a third.
        ({"a": 10, "b": 7, "c": 1, "d": 2}, {"a": 10, "b": None, "c": None, "d": None}),
        ({"a": 10, "b": 2, "c": 3}, {"a": 10, "b": None, "c": None}),
        # Nobody else to hide behind: nothing is shown at all.
        ({"a": 3, "b": 0}, {"a": None, "b": None}),
    ],
)
def test_small_groups_cannot_be_seen_or_worked_out(counts: dict[str, int], shown: dict[str, int | None]) -> None:
    assert hide_small(counts, smallest=5) == shown


def test_groups_on_the_page_are_of_those_who_said(researcher: Client, campaign: Campaign) -> None:
    """Five are asked: three say one thing and two nothing. At two people a cell, both are shown."""
    door = opened_to(campaign, smallest_cell=2)
    recruiting.set_group_questions(campaign, recruiting.read_group_questions("Age: under 30 | 30 or over"))
    (asked,) = campaign.group_questions.all()
    for number in range(5):
        about = {f"group_{asked.pk}": "under 30"} if number < 3 else {}
        assert agree(Client(), platform(door, f"p{number}"), **about).status_code == 302
    (table,) = group_tables(campaign)
    assert [(each.answer, each.people) for each in table.counts] == [
        ("under 30", 3),
        ("30 or over", 0),
        ("Rather not say", 2),
    ]
    Recruitment.objects.update(smallest_cell=5)
    text = researcher.get(address(campaign)).content.decode()
    assert text.count(">hidden<") == 2
    with pytest.raises(Conflict, match="answered these questions already"):
        recruiting.set_group_questions(campaign, [])
    assert GroupAnswer.objects.count() == 3
    assert not Participant.objects.filter(pseudonym__in=["p0", "p1"]).exists()


def test_a_code_without_an_ending_is_refused(campaign: Campaign) -> None:
    with pytest.raises(InvalidInput, match="Nobody leaves by"):
        recruiting.set_ways_out(campaign, {"withdrew": recruiting.Out(code="X")})
