"""Campaigns that recruit by a link, and browsers of people who come by it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from annotation.crowd import recruiting
from annotation.crowd.models import Departure
from annotation.crowd.recruiting import Out
from annotation.models import Campaign, Participant


def opened_to(campaign: Campaign, access: str = "crowd", *, labels_go: bool = False, **terms: Any) -> str:
    """The campaign takes people by a link. Returns the link's path."""
    recruiting.write_consent(
        campaign, markdown="You will judge short texts.", warning="Some speak of harm.", labels_go=labels_go
    )
    recruiting.let_in(campaign, access)
    recruiting.set_terms(campaign, recruiting.Terms(**terms))
    recruiting.set_ways_out(
        campaign,
        {
            Departure.FINISHED: Out(code="DONE-1", url="https://platform.example/done"),
            Departure.SCREENED_OUT: Out(code="NONE-2"),
            Departure.FAILED: Out(code="FAIL-3"),
            Departure.TIMED_OUT: Out(code="TIME-4"),
        },
    )
    return recruiting.recruitment_of(campaign).get_absolute_url()


def platform(path: str, person: str) -> str:
    return f"{path}?PROLIFIC_PID={person}&STUDY_ID=s1&SESSION_ID=t1"


def agree(client: Client, link: str, **about: str) -> Any:
    """Read what one agrees to, and agree."""
    version = client.get(link).context["consent"].version
    return client.post(link, {"agree": "on", "version": version, **about})


def come(client: Client, path: str, person: str = "p1") -> Participant:
    """A guest who has agreed, read the guideline, and has begun."""
    link = platform(path, person)
    reply = agree(client, link)
    assert reply.status_code == 302, reply.content.decode()
    place = Participant.objects.select_related("campaign__study", "user").get(user=client.session["_auth_user_id"])
    assert client.post(f"{reply['Location']}start/").status_code == 302
    return place
