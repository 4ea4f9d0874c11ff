"""A mail when work waits: for whoever wants it, at an address they have confirmed, at most one a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Item
from conflictscope.accounts.waiting import mail_waiting_work
from conflictscope.studies.permissions import Role
from tests.accounts.mails import REFUSED
from tests.factories.annotation import CampaignFactory
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def annotator() -> User:
    """Of a campaign with two items; with a confirmed address."""
    campaign = CampaignFactory(items=2, name="Bakery check")
    user = member(campaign.study, Role.ANNOTATOR)
    user.emailaddress_set.create(email="ada@example.org", primary=True, verified=True)
    return user


def wish(user: User, wanted: str) -> None:
    client = Client()
    client.force_login(user)
    assert client.post(reverse("accounts:wish"), {"when_work_waits": wanted}).status_code == 302


def test_nobody_is_mailed_who_has_not_asked_for_it(annotator: User) -> None:
    assert mail_waiting_work() == 0
    wish(annotator, "1")
    wish(annotator, "0")
    assert mail_waiting_work() == 0


def test_who_asks_for_it_is_mailed_once_a_day_while_work_waits(annotator: User) -> None:
    wish(annotator, "1")
    now = timezone.now()
    assert mail_waiting_work(now=now) == 1
    assert mail_waiting_work(now=now + timedelta(hours=23)) == 0
    assert mail_waiting_work(now=now + timedelta(hours=25)) == 1
    assert mail.outbox[0].to == ["ada@example.org"]
    assert "Bakery check" in mail.outbox[0].body
    assert "up to 2 items" in mail.outbox[0].body
    Item.objects.update(open_slots=0)
    assert mail_waiting_work(now=now + timedelta(days=3)) == 0


def test_one_mail_that_cannot_be_sent_keeps_nobody_else_from_theirs(annotator: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "tests.accounts.mails.Refusing"
    other = member(annotator.memberships.get().study, Role.ANNOTATOR)
    other.emailaddress_set.create(email="ben@example.org", primary=True, verified=True)
    annotator.emailaddress_set.update(email=REFUSED)
    for user in (annotator, other):
        wish(user, "1")
    assert mail_waiting_work() == 1
    assert [each.to for each in mail.outbox] == [["ben@example.org"]]


def test_an_address_that_nobody_has_confirmed_gets_nothing(annotator: User) -> None:
    wish(annotator, "1")
    annotator.emailaddress_set.update(verified=False)
    assert mail_waiting_work() == 0
