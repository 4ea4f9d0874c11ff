"""Guests who come at the same moment: one place for one id, no more than there are places, and the command that lets them in."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from annotation.crowd import entering, recruiting
from annotation.crowd.entering import BegunElsewhere, NoPlace
from annotation.crowd.models import CrowdIdentity
from annotation.models import Campaign, Participant
from tests.factories.annotation import CampaignFactory
from tests.factories.crowd import agree, come, opened_to, platform
from tests.factories.scenarios import DatasetFactory


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_four_tabs_at_once_make_one_place_and_the_last_place_goes_to_one() -> None:
    """Two ids, each from two tabs, where there is one place: one person has it, and the others are told why they have not."""
    campaign = CampaignFactory(dataset=DatasetFactory(), items=2)
    opened_to(campaign, places=1)
    recruitment = recruiting.recruitment_of(Campaign.objects.get(pk=campaign.pk))
    consent = entering.newest_consent(campaign)
    told: list[str] = []
    barrier = threading.Barrier(4)

    def tab(person: str) -> None:
        try:
            barrier.wait(timeout=30)
            entering.enter(entering.Arrival(recruitment, person), consent)
            told.append("in")
        except (BegunElsewhere, NoPlace) as exc:
            told.append(exc.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=tab, args=(person,)) for person in ("a", "a", "b", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(told) == ["begun_elsewhere", "in", "no_place", "no_place"]
    assert Participant.objects.filter(guest=True).count() == CrowdIdentity.objects.count() == 1


@pytest.mark.django_db
def test_a_command_opens_a_campaign_by_a_link_and_writes_what_is_owed(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str], client: Client
) -> None:
    named = {"study": campaign.study.slug, "campaign": campaign.slug}
    with pytest.raises(CommandError, match="Write first what people are told"):
        call_command("recruit_guests", **named, access="crowd")
    text = tmp_path / "consent.md"
    text.write_text("You judge texts.")
    call_command("recruit_guests", **named, access="crowd", consent=text, ethics="Board 7/26", finished_code="C-1")
    path = capsys.readouterr().out.split("http://127.0.0.1:8000")[1].strip()
    come(client, path, "p1")
    assert campaign.ways_out.get().code == "C-1"
    file = tmp_path / "owed.csv"
    call_command("recruit_guests", **named, payments=file, with_ids=True)
    assert [row["participant_id"] for row in csv.DictReader(file.read_text().splitlines())] == ["p1"]
    call_command("recruit_guests", **named, access="members")
    assert Client().get(platform(path, "p2")).status_code == 404
    assert client.get(platform(path, "p1")).status_code == 404  # the link; who is in goes on from where they are
    with pytest.raises(CommandError, match="Cannot read"):
        call_command("recruit_guests", **named, consent=tmp_path / "nothing.md")


@pytest.mark.django_db
def test_an_open_link_keeps_no_id_whatever_the_address_says(campaign: Campaign, client: Client) -> None:
    door = opened_to(campaign, "link")
    assert agree(client, platform(door, "somebody")).status_code == 302
    assert not CrowdIdentity.objects.exists()
