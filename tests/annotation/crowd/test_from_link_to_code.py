"""Somebody sent by a platform: the link, what they agree to, labels, and what they take back; by plain forms."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.campaigns.lifecycle import close, pause
from annotation.consensus import deciding as deciding_by_hand
from annotation.consensus import job as deciding
from annotation.crowd import leaving, recruiting
from annotation.crowd.models import CrowdIdentity, Departure, GroupAnswer, Guest
from annotation.labelling.exclusion import leave_out
from annotation.models import Annotation, Assignment, Campaign, Decision, Flag, Item, Participant
from conflictscope.accounts.models import SharedEntry
from conflictscope.jobs.worker import work_on
from conflictscope.scenarios.models import Verdict
from tests.factories.annotation import ParticipantFactory, labelled
from tests.factories.crowd import agree, come, opened_to, platform
from tests.factories.studies import UserFactory

pytestmark = pytest.mark.django_db

LABEL = "annotation:label"


def here(name: str, campaign: Campaign, *more: object) -> str:
    return reverse(f"annotation:{name}", args=[campaign.study.slug, campaign.slug, *more])


def text_of(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


def finished(client: Client, campaign: Campaign) -> str:
    """What the page says that the button to finish leads to."""
    return text_of(client.post(here("label_stop", campaign), {"do": "finish"}, follow=True))


def label_one(client: Client, campaign: Campaign, *, seconds: int = 60) -> None:
    """Answer the item in hand, every question by its first answer, and submit it."""
    text = client.get(here("label", campaign)).content.decode()
    action = re.search(r'<form id="label-form" method="post" action="([^"]*)"', text)
    assert action is not None, text
    answers: dict[str, str] = {}
    for name, value in re.findall(r'<input type="radio" name="([^"]*)" value="([^"]*)"', text):
        answers.setdefault(name, value)
    reply = client.post(action[1], answers | {"active_seconds": str(seconds), "sure": "1"})
    assert reply.status_code == 302, reply.content.decode()


def test_a_person_comes_agrees_labels_and_takes_a_code_back(client: Client, campaign: Campaign, door: str) -> None:
    """What they agree to comes first, with the warning before it; nothing is stored before they do."""
    link = platform(door, "5f1e")
    text = text_of(client.get(link))
    assert text.index("Some speak of harm.") < text.index("You will judge short texts.")
    assert not Participant.objects.exists()
    assert client.post(link, {"version": 1}).status_code == 400  # without agreeing
    place = come(client, door, "5f1e")
    assert place.guest
    assert not place.user.has_usable_password()
    assert CrowdIdentity.objects.get().external_id == "5f1e"
    assert "5f1e" not in f"{place.pseudonym} {place.user.username}"
    for _ in range(2):
        label_one(client, campaign)
    text = text_of(client.get(here("label", campaign)))
    assert "That is all" in text
    assert here("label_stop", campaign) in text
    assert "DONE-1" not in text_of(client.get(here("label_over", campaign)))  # looking ends nothing
    assert Guest.objects.get().ending == ""
    over = finished(client, campaign)
    assert "DONE-1" in over
    assert "https://platform.example/done" in over
    assert Guest.objects.get().ending == Departure.FINISHED
    # The link, opened again, leads back to the code.
    assert "DONE-1" in text_of(client.get(link, follow=True))


def test_whatever_they_reload_they_have_one_place(client: Client, campaign: Campaign, door: str) -> None:
    link = platform(door, "5f1e")
    place = come(client, door, "5f1e")
    version = campaign.consents.last().version
    for again in (client.get, client.get, lambda link: client.post(link, {"agree": "on", "version": version})):
        assert again(link).status_code == 302
    forged = platform(door, "of-nobody")  # an id is easily written into an address
    assert "under another id" in text_of(client.get(forged))
    assert "under another id" in text_of(client.post(forged, {"agree": "on", "version": version}))
    other = Client()
    assert "You have begun already" in text_of(other.get(link))
    assert Participant.objects.filter(campaign=campaign).get() == place


def test_a_new_device_ends_the_old_session_and_shows_nothing_of_before(
    client: Client, campaign: Campaign, door: str
) -> None:
    """A draft, a flag and a submission of the first device are not told on the second; what was submitted counts."""
    place = come(client, door)
    label_one(client, campaign)
    client.get(here("label", campaign))
    held = Assignment.objects.get(state="leased")
    client.post(here("label_answers", campaign, held.token), {"realism": "no", "comment_realism": "Secret words"})
    client.post(here("label_flag", campaign, held.token), {"reason": "Secret flag"})
    submitted = Assignment.objects.get(state="submitted")
    assert "Secret words" in text_of(client.get(here("label", campaign)))

    second = Client()
    assert second.get(platform(door, "p1")).status_code == 200  # only looking changes nothing
    assert client.get(here("label", campaign)).status_code == 200
    assert second.post(platform(door, "p1")).status_code == 302
    assert client.get(here("label", campaign)).status_code == 302  # ended
    held.refresh_from_db()
    assert held.state == Assignment.State.EXPIRED  # back in the pool at once
    assert Item.objects.get(pk=held.item_id).open_slots == 2
    seen = ""
    for _ in range(2):  # the item that they never saw, and the one that was in hand
        seen += text_of(second.get(here("label", campaign)))
        second.post(here("label_skip", campaign, Assignment.objects.get(state="leased").token))
    assert "Secret" not in seen
    assert "checked" not in seen
    latest = text_of(second.get(here("label_latest", campaign)))
    assert str(submitted.token) not in latest
    assert second.get(here("label_submitted", campaign, submitted.token)).status_code == 409
    assert Flag.objects.get().reason == "Secret flag"  # said to the researchers, and kept
    assert Assignment.objects.counted().get() == submitted
    assert place == Participant.objects.get()


def test_they_come_back_the_next_day_in_the_same_browser(client: Client, campaign: Campaign, door: str) -> None:
    come(client, door)
    client.get(here("label", campaign))
    yesterday = timezone.now() - timedelta(days=1)
    Assignment.objects.update(lease_until=yesterday, leased_at=yesterday)
    reply = client.get(platform(door, "p1"), follow=True)
    assert 'id="label-form"' in text_of(reply)


def test_a_link_without_an_id_lets_nobody_in(client: Client, door: str) -> None:
    """Neither does one whose placeholders nobody filled in."""
    for query in ("", "?PROLIFIC_PID=", "?PROLIFIC_PID={{%PROLIFIC_PID%}}", "?PROLIFIC_PID=" + "x" * 201):
        reply = client.get(door + query)
        assert (reply.status_code, "PROLIFIC_PID is missing" in text_of(reply)) == (400, True)
    assert not Participant.objects.exists()


def test_the_names_of_parameters_are_the_campaigns_to_choose(client: Client, campaign: Campaign) -> None:
    door = opened_to(campaign, person_parameter="workerId", study_parameter="", session_parameter="assignmentId")
    agree(client, f"{door}?workerId=w7&assignmentId=a9&STUDY_ID=ignored")
    identity = CrowdIdentity.objects.get()
    assert (identity.external_id, identity.session_ref, identity.study_ref) == ("w7", "a9", "")


def test_an_open_link_takes_whoever_has_it_and_knows_the_browser_again(client: Client, campaign: Campaign) -> None:
    door = opened_to(campaign, "link")
    assert agree(client, door).status_code == 302
    assert client.get(door).status_code == 302
    assert agree(Client(), door).status_code == 302
    assert Participant.objects.filter(guest=True).count() == 2
    assert not CrowdIdentity.objects.exists()


def test_from_one_address_no_more_come_at_once_than_people_do(
    client: Client, campaign: Campaign, settings: Any
) -> None:
    """Neither new ones nor ids that are tried; who is in goes on, and nothing that is kept tells the address."""
    settings.ACCOUNT_RATE_LIMITS = {"join": "2/m/key"}
    door = opened_to(campaign, "crowd")
    come(client, door, "p1")
    assert agree(Client(), platform(door, "p2")).status_code == 302
    for person in ("p3", "p1"):
        refused = Client().post(platform(door, person), {"agree": "on", "version": 1})
        assert (refused.status_code, "Wait a minute" in text_of(refused)) == (429, True)
    assert Participant.objects.filter(guest=True).count() == 2
    assert client.get(platform(door, "p1"), follow=True).status_code == 200
    assert not SharedEntry.objects.filter(cache_key__contains="127.0.0.1").exists()
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert agree(elsewhere, platform(door, "p3")).status_code == 302


def test_nobody_comes_in_before_the_campaign_opens_or_after_it_closed_or_by_no_link(
    client: Client, campaign: Campaign, door: str
) -> None:
    link = platform(door, "p1")
    pause(campaign)
    assert "pauses" in text_of(client.get(link))
    campaign.refresh_from_db()
    close(campaign)
    assert "is over" in text_of(client.get(link))
    Campaign.objects.update(state="open", access="members")
    assert client.get(link).status_code == 404
    Campaign.objects.update(state="draft", access="crowd")
    assert client.get(link).status_code == 404
    assert not Participant.objects.exists()


def test_no_more_come_than_there_are_places(client: Client, campaign: Campaign) -> None:
    """Whom a platform sent in vain takes the code for it back."""
    door = opened_to(campaign, places=1)
    come(client, door, "first")
    text = text_of(Client().get(platform(door, "second")))
    assert "Everybody who was needed has come" in text
    assert "NONE-2" in text
    assert "You have begun already" in text_of(Client().get(platform(door, "first")))


def test_who_finds_nothing_left_was_screened_out(client: Client, campaign: Campaign, door: str) -> None:
    come(client, door)
    Item.objects.update(open_slots=0)
    assert "NONE-2" in finished(client, campaign)


def test_who_was_excluded_or_failed_has_a_code_of_their_own(client: Client, campaign: Campaign, door: str) -> None:
    place = come(client, door)
    client.get(here("label", campaign))
    Participant.objects.update(excluded=True, excluded_reason="Clicked at random")
    leave_out(place)
    text = finished(client, campaign)
    assert "FAIL-3" in text
    assert "random" not in text


def test_time_that_ran_out_gives_the_item_back(client: Client, campaign: Campaign) -> None:
    """By the sweep, whether or not the person comes back; what they submitted stays."""
    door = opened_to(campaign, minutes=30)
    come(client, door)
    label_one(client, campaign)
    client.get(here("label", campaign))
    assert leaving.end_overdue(now=timezone.now() + timedelta(minutes=29)) == 0
    assert leaving.end_overdue(now=timezone.now() + timedelta(minutes=31)) == 1
    assert leaving.end_overdue(now=timezone.now() + timedelta(minutes=31)) == 0
    assert not Assignment.objects.filter(state="leased").exists()
    assert "TIME-4" in text_of(client.get(here("label", campaign), follow=True))
    assert Assignment.objects.counted().count() == 1


def test_a_tab_left_open_holds_nothing_for_who_has_left(client: Client, campaign: Campaign) -> None:
    """Its heartbeat, and its draft, take the item that went back up again for who pauses alone."""
    door = opened_to(campaign, minutes=30)
    come(client, door)
    client.get(here("label", campaign))
    held = Assignment.objects.get(state="leased")
    beat = here("label_heartbeat", campaign, held.token)
    client.post(here("label_stop", campaign), {"do": "pause"})
    assert client.post(beat).json()["state"] == "leased"
    assert leaving.end_overdue(now=timezone.now() + timedelta(minutes=31)) == 1
    assert client.post(beat).json()["state"] == "expired"
    client.post(here("label_answers", campaign, held.token), {"realism": "no"})
    assert not Assignment.objects.filter(state="leased").exists()
    assert set(Item.objects.values_list("open_slots", flat=True)) == {2}


def test_a_pause_gives_the_item_to_others_at_once_and_the_link_leads_back(
    client: Client, campaign: Campaign, door: str
) -> None:
    come(client, door)
    client.get(here("label", campaign))
    client.post(here("label_stop", campaign), {"do": "finish"})  # nothing has been done yet: it is a pause
    assert not Assignment.objects.filter(state="leased").exists()
    assert set(Item.objects.values_list("open_slots", flat=True)) == {2}
    assert Guest.objects.get().ending == ""
    assert 'id="label-form"' in text_of(client.get(platform(door, "p1"), follow=True))


def test_who_would_only_wait_may_finish(client: Client, campaign: Campaign, door: str) -> None:
    """The last items are in others' hands: nobody has to wait for them to be paid."""
    come(client, door)
    label_one(client, campaign)
    other = come(Client(), door, "p2")
    free = Item.objects.exclude(assignments__participant__guest=True)
    Item.objects.update(open_slots=0)
    for item in free[:1]:
        Assignment.objects.create(
            item=item, participant=other, token="12345678123456781234567812345678",
            lease_until=timezone.now() + timedelta(minutes=5), action_order="action_1_first",
        )  # fmt: skip
    assert "Finish now" in text_of(client.get(here("label_over", campaign)))
    assert "DONE-1" in finished(client, campaign)


def test_what_is_hard_to_bear_is_skipped_at_no_cost(client: Client, campaign: Campaign, door: str) -> None:
    """It uses up no skip, and need not be made up for: two items asked for, one of them too much, one labelled: done."""
    come(client, door)
    for _ in range(1):
        client.get(here("label", campaign))
        held = Assignment.objects.get(state="leased")
        client.post(here("label_skip", campaign, held.token), {"distressing": "1"})
    held.refresh_from_db()
    assert held.distressing
    assert Item.objects.get(pk=held.item_id).open_slots == 2
    text = text_of(client.get(here("label", campaign)))
    assert "One item in ten may be skipped: 1 more" in text
    label_one(client, campaign)
    assert "DONE-1" in finished(client, campaign)


def test_a_new_text_is_agreed_to_anew(client: Client, campaign: Campaign, door: str) -> None:
    come(client, door)
    recruiting.write_consent(campaign, markdown="Now with a recording.")
    link = platform(door, "p1")
    text = text_of(client.get(link))
    assert "The text has changed" in text
    assert "Now with a recording." in text
    assert client.post(link, {"version": 1, "agree": "on"}).status_code == 400  # the one they had read
    assert client.post(link, {"version": 2, "agree": "on"}).status_code == 302
    assert Guest.objects.get().consent.version == 2


def test_nobody_goes_on_past_a_new_text_by_another_page_than_the_link(
    client: Client, campaign: Campaign, door: str
) -> None:
    """Their session says who they are, so that the address they are sent to need not."""
    come(client, door)
    assert client.get(here("label", campaign)).status_code == 200
    recruiting.write_consent(campaign, markdown="Now with a recording.")
    sent = client.get(here("label", campaign))
    assert (sent.status_code, sent["Location"]) == (302, door)
    text = text_of(client.get(door))
    assert "Now with a recording." in text
    assert here("label_over", campaign) in text  # or they stop
    assert "Nothing about you has been stored" not in text
    assert client.post(door, {"version": 2, "agree": "on"})["Location"] == here("label", campaign)
    assert client.get(here("label", campaign)).status_code == 200
    assert Client().get(door).status_code == 400  # whoever has no place here has to say who they are


def test_what_they_say_of_themselves_is_theirs_to_say(client: Client, campaign: Campaign, door: str) -> None:
    """Not to say is chosen until they choose otherwise, and leaves no row."""
    asked = recruiting.read_group_questions("Your age: under 30 | 30 or over\nYour trade: bread | words")
    recruiting.set_group_questions(campaign, asked)
    age, trade = campaign.group_questions.all()
    agree(client, platform(door, "p1"), **{f"group_{age.pk}": "under 30"})
    assert list(GroupAnswer.objects.values_list("question", "answer")) == [(age.pk, "under 30")]
    other = Client()
    forged = {f"group_{age.pk}": "seven", f"group_{trade.pk}": ""}
    assert agree(other, platform(door, "p2"), **forged).status_code == 400


def test_withdrawing_erases_who_they_are_and_leaves_their_answers(
    client: Client, campaign: Campaign, door: str
) -> None:
    place = come(client, door)
    label_one(client, campaign)
    client.get(here("label", campaign))
    client.post(here("label_stop", campaign), {"do": "withdraw"})  # without meaning it
    assert Guest.objects.get().ending == ""
    assert "You have withdrawn" in text_of(client.post(here("label_stop", campaign), {"do": "withdraw", "sure": "1"}))
    assert not CrowdIdentity.objects.exists()
    assert not Assignment.objects.filter(state="leased").exists()
    assert Assignment.objects.counted().count() == 1
    assert client.get(here("label", campaign)).status_code == 302
    assert "You have withdrawn" in text_of(Client().get(platform(door, "p1")))
    place.user.refresh_from_db()
    assert not place.user.is_active


def test_withdrawing_with_ones_answers_reopens_what_they_took(client: Client, campaign: Campaign) -> None:
    door = opened_to(campaign, labels_go=True)
    place = come(client, door)
    label_one(client, campaign)
    (done,) = Assignment.objects.filter(state="submitted")
    assert Item.objects.get(pk=done.item_id).open_slots == 1
    client.get(here("label", campaign))
    skipped = Assignment.objects.get(state="leased")
    client.post(here("label_skip", campaign, skipped.token), {"reason": "It names my sister"})
    client.post(here("label_stop", campaign), {"do": "withdraw", "sure": "1"})
    assert not Annotation.objects.filter(assignment__participant=place).exists()
    assert not Assignment.objects.exclude(skip_reason="").exists()  # their words go, too
    assert set(Item.objects.values_list("open_slots", flat=True)) == {2}
    assert not Assignment.objects.counted().exists()


def test_what_was_decided_with_answers_that_went_is_decided_anew(client: Client, campaign: Campaign) -> None:
    """A verdict that one person's answers alone bore is withdrawn with them, also where the process died before it was."""
    door = opened_to(campaign, labels_go=True)
    place = come(client, door)
    label_one(client, campaign)
    deciding.start(campaign, minimum=1)
    work_on(deciding.jobs_of(campaign).get())
    assert Verdict.objects.filter(source="human").exists()
    Guest.objects.update(ending=Departure.WITHDREW)
    Participant.objects.update(excluded=True, excluded_reason=leaving.WITHDREW)
    assert leaving.complete_withdrawals() == 1
    assert leaving.complete_withdrawals() == 0
    assert not Decision.objects.exists()
    assert not Verdict.objects.filter(source="human").exists()
    assert place.assignments.get(submitted_at__isnull=False).state == Assignment.State.EXPIRED


def test_a_withdrawal_decides_nothing_that_nobody_asked_for(client: Client, campaign: Campaign) -> None:
    """One question of an item was settled by hand, and no campaign decided by votes: that answer stands, and is alone."""
    Item.objects.update(open_slots=3)
    door = opened_to(campaign, labels_go=True)
    come(client, door)
    label_one(client, campaign)
    item = Assignment.objects.get(state="submitted").item
    for number in range(2):
        labelled(item, ParticipantFactory(campaign=campaign, pseudonym=f"stayer-{number}"))
    deciding_by_hand.settle(item, {"realism": "no"}, by=UserFactory(), reason="It could not happen.")
    client.post(here("label_stop", campaign), {"do": "withdraw", "sure": "1"})
    assert list(Decision.objects.values_list("question", "answer", "method")) == [("realism", "no", "adjudicated")]


def test_a_withdrawal_that_was_broken_off_between_erasing_and_deciding_is_completed(
    client: Client, campaign: Campaign
) -> None:
    door = opened_to(campaign, labels_go=True)
    place = come(client, door)
    label_one(client, campaign)
    deciding.start(campaign, minimum=1)
    work_on(deciding.jobs_of(campaign).get())
    Guest.objects.update(ending=Departure.WITHDREW)
    Participant.objects.update(excluded=True, excluded_reason=leaving.WITHDREW)
    leave_out(place)
    Annotation.objects.all().delete()
    assert Decision.objects.exists()
    assert leaving.complete_withdrawals() == 1
    assert not Decision.objects.exists()
    assert leaving.complete_withdrawals() == 0
