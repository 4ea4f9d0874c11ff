"""What a crowd link reaches: one place in one campaign. Everything else is tried, as by somebody who wants to know."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.crowd.models import CrowdIdentity, Guest
from annotation.crowd.sessions import BACKEND, OPEN_TO_GUESTS
from annotation.labelling import routing
from annotation.models import Assignment, Campaign, Participant
from conflictscope.studies.models import Membership
from tests.annotation.labelling.test_blind_queries import PAGES, Labelling, faults_of
from tests.factories.annotation import CampaignFactory, ItemFactory, labelled
from tests.factories.crowd import come, opened_to, platform
from tests.factories.scenarios import ScenarioFactory
from tests.overview.test_every_page import addresses

pytestmark = pytest.mark.django_db


@pytest.fixture
def guest(world: dict[str, Any], client: Client) -> Participant:
    """Of the world's campaign, with an item in hand; another campaign of the study takes guests by a link, too."""
    for number in (7, 8):
        ItemFactory(
            campaign=world["campaign"], scenario=ScenarioFactory(dataset=world["campaign"].dataset, uid=f"hhh-{number}")
        )
    place = come(client, opened_to(world["campaign"]), "p1")
    client.get(reverse("annotation:label", args=["mine", "check"]))
    return place


def test_each_page_of_labelling_is_open_to_guests_or_closed_on_purpose() -> None:
    """A new one must be put into `OPEN_TO_GUESTS`, or here: without a word it would be missing on a guest's screen."""
    closed = {
        "my_work",
        "label_reply",
        "label_hand_back",
    }  # over all campaigns of a member; a guest pauses by `label_stop`
    assert {f"annotation:{name}" for name in set(PAGES) - closed} | {"annotation:join"} == OPEN_TO_GUESTS


def test_every_other_address_of_the_house_does_not_exist(
    world: dict[str, Any], guest: Participant, client: Client
) -> None:
    """Pages of studies, of accounts, of value sets, the API, the admin: asked for with everything that is in them."""
    tried = 0
    for address in addresses():
        if address.name in OPEN_TO_GUESTS:
            continue
        path = reverse(address.name, kwargs={part: world["filled"][part] for part in address.parts})
        for method in (client.get, client.post):
            tried += 1
            assert method(path).status_code == 404, f"{address.name} is open to guests"
    assert tried > 100
    assert client.get(reverse("admin:index")).status_code == 404
    assert client.get(reverse("admin:annotation_assignment_changelist")).status_code == 404


def test_a_guest_who_were_a_member_or_an_administrator_would_still_find_nothing_else(
    guest: Participant, client: Client
) -> None:
    """What their session may is said by how it was begun, not by what the user behind it may."""
    Membership.objects.create(study=guest.campaign.study, user=guest.user, role="owner")
    User.objects.filter(pk=guest.user_id).update(is_staff=True, is_superuser=True)
    for path in ("/", "/studies/mine/", "/admin/", "/api/v1/studies/mine/datasets/", "/label/"):
        reply = client.get(path)
        assert reply.status_code == 404
        assert 'href="/"' not in reply.content.decode()  # nor is anything else offered


def test_no_guests_page_reads_a_verdict_or_another_persons_answer(
    world: dict[str, Any], guest: Participant, client: Client
) -> None:
    """As `test_blind_queries` does for members: the SQL of each page is read."""
    mine = Labelling(world)
    run = 0
    for name in [name for name in PAGES if f"annotation:{name}" in OPEN_TO_GUESTS and name != "label_stop"]:
        for step in PAGES[name]:
            held = routing.claim(guest)
            if held is None:
                break
            mine.token = str(held.token)
            with CaptureQueriesContext(connection) as captured:
                reply = step(client, mine)
            # What `label_latest` and its like do before they look goes by the API, which is closed.
            assert reply.status_code in (200, 204, 302, 404, 409, 422), name
            statements = [query["sql"] for query in captured.captured_queries]
            assert list(faults_of(statements, participant=guest)) == []
            run += 1
    assert run > 12


def test_no_token_of_another_person_and_no_other_campaign_is_theirs(
    world: dict[str, Any], guest: Participant, client: Client
) -> None:
    """Nor the other way round: another guest of the same campaign cannot touch what this one holds."""
    other_campaign = CampaignFactory(dataset=world["campaign"].dataset, study=world["campaign"].study, slug="other")
    opened_to(other_campaign)
    theirs = Assignment.objects.exclude(participant=guest).first()
    mine = Assignment.objects.get(participant=guest, state="leased")
    before = list(Assignment.objects.order_by("pk").values_list("pk", "state"))
    stranger = Client()
    come(stranger, opened_to(world["campaign"]), "p2")
    for browser, token in ((client, theirs.token), (client, uuid.uuid4()), (stranger, mine.token)):
        for name in ("label_submit", "label_skip", "label_flag", "label_answers", "label_edit", "label_undo_skip"):
            path = reverse(f"annotation:{name}", args=["mine", "check", token])
            assert browser.post(path, {"reason": "x"}).status_code == 404, name
        assert browser.get(reverse("annotation:label_submitted", args=["mine", "check", token])).status_code == 404
    for name in ("label", "guideline", "label_over", "label_latest", "label_peek"):
        assert client.get(reverse(f"annotation:{name}", args=["mine", "other"])).status_code == 404
        assert client.get(reverse(f"annotation:{name}", args=["theirs", "check"])).status_code == 404
    for name in ("label_start", "label_stop"):
        assert client.post(reverse(f"annotation:{name}", args=["mine", "other"])).status_code == 404
    assert list(Assignment.objects.order_by("pk").values_list("pk", "state")) == before
    assert not Participant.objects.filter(campaign=other_campaign).exists()


def test_a_link_of_another_campaign_makes_another_place_and_tells_nothing_of_the_first(
    world: dict[str, Any], guest: Participant, client: Client
) -> None:
    """The same person of a platform in two campaigns is two guests, who cannot be told to be one by what labels show."""
    other = CampaignFactory(dataset=world["campaign"].dataset, study=world["campaign"].study, slug="other")
    second = come(client, opened_to(other), "p1")
    assert second.user_id != guest.user_id
    assert client.get(reverse("annotation:label", args=["mine", "check"])).status_code == 404


def test_a_session_that_has_ended_opens_nothing(guest: Participant, client: Client) -> None:
    """A guest's user cannot log in by any other door: it has no password, and a password for it would open nothing."""
    Guest.objects.get(pk=guest.pk)
    outside = Client()
    assert not outside.login(username=guest.user.username, password="")
    User.objects.filter(pk=guest.user_id).update(is_active=False)
    assert client.get(reverse("annotation:label", args=["mine", "check"])).status_code == 302
    # A user who is no guest is none by writing the backend's name into a session either.
    member = labelled(ItemFactory(campaign=guest.campaign), Participant.objects.get(pseudonym="me-myself")).participant
    forged = Client()
    forged.force_login(member.user, backend=BACKEND)
    assert forged.get(reverse("annotation:label", args=["mine", "check"])).status_code == 302


def test_an_id_says_nothing_to_who_guesses_it_but_that_it_has_come(world: dict[str, Any], guest: Participant) -> None:
    """Nobody learns from the link what a person answered, their pseudonym, or how far they are."""
    guesser = Client()
    text = guesser.get(platform(opened_to(world["campaign"]), "p1")).content.decode()
    assert guest.pseudonym not in text
    assert "done" not in text.split("<main")[1]
    assert CrowdIdentity.objects.count() == 1
    assert Campaign.objects.get(slug="check").state == "open"
