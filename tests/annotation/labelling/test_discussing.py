"""A flag is talked about: the reply reaches who raised it on My work, and nobody else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Flag
from conflictscope.studies.permissions import Role
from tests.factories.annotation import ParticipantFactory, labelled
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


def test_a_flag_is_answered_replied_to_resolved_and_opened_again(client: Client, campaign):
    ann = ParticipantFactory(campaign=campaign, pseudonym="ann")
    flag = Flag.objects.create(assignment=labelled(campaign.items.first(), ann), reason="The text is torn.")
    names = [campaign.study.slug, campaign.slug]
    flags, mine = reverse("annotation:flags", args=names), reverse("annotation:my_work")
    researcher, other = member(campaign.study, Role.RESEARCHER), ParticipantFactory(campaign=campaign)

    client.force_login(researcher)
    assert "The text is torn." in client.get(flags).content.decode()
    assert client.post(f"{flags}{flag.pk}/reply/", {"text": " "}).status_code == 400
    for _ in range(2):
        client.post(f"{flags}{flag.pk}/reply/", {"text": "Which part of it?"})
    client.post(f"{flags}{flag.pk}/resolve/")
    flag.refresh_from_db()
    assert (flag.resolved_by, flag.replies.count()) == (researcher, 1)

    client.force_login(ann.user)
    page = client.get(mine).content.decode()
    assert "Which part of it?" in page
    assert researcher.username not in page
    client.post(reverse("annotation:label_reply", args=[flag.pk]), {"text": "The end."})
    flag.refresh_from_db()
    assert flag.resolved_at is None

    client.force_login(other.user)
    assert "Which part of it?" not in client.get(mine).content.decode()
    assert client.post(reverse("annotation:label_reply", args=[flag.pk]), {"text": "x"}).status_code == 404
    client.force_login(member(campaign.study, Role.VIEWER))
    assert client.post(f"{flags}{flag.pk}/reply/", {"text": "x"}).status_code == 404


@pytest.mark.backends
def test_open_flags_come_first(client: Client, campaign):
    """On PostgreSQL, too, where what has no time comes last unless one says so."""
    ann = ParticipantFactory(campaign=campaign, pseudonym="ann")
    assignment = labelled(campaign.items.first(), ann)
    Flag.objects.create(assignment=assignment, reason="Still open.")
    Flag.objects.create(assignment=assignment, reason="All done.", resolved_at=timezone.now())
    client.force_login(member(campaign.study, Role.RESEARCHER))
    page = client.get(reverse("annotation:flags", args=[campaign.study.slug, campaign.slug])).content.decode()
    assert page.index("Still open.") < page.index("All done.")
