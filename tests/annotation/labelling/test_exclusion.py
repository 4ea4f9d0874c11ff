"""What becomes of the slots of somebody whose answers are left out, and who is taken back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from annotation.labelling import routing
from annotation.labelling.exclusion import leave_out, take_back
from annotation.models import Assignment, Participant
from tests.factories.annotation import ParticipantFactory

pytestmark = pytest.mark.django_db

State = Assignment.State


@pytest.fixture
def one_each(campaign):
    """Every item needs one person."""
    campaign.items.update(open_slots=1)
    return campaign


@pytest.fixture
def at_work(one_each) -> Participant:
    """Has submitted the first item and holds the second."""
    person = ParticipantFactory(campaign=one_each)
    routing.submit(routing.claim(person))
    routing.claim(person)
    return person


def slots(campaign) -> list[int]:
    return list(campaign.items.order_by("pk").values_list("open_slots", flat=True))


def standing(person) -> list[tuple[str, bool]]:
    return list(person.assignments.order_by("pk").values_list("state", "surplus"))


def shut_out(person) -> None:
    Participant.objects.filter(pk=person.pk).update(excluded=True, excluded_reason="Answered at random.")


def let_in(person) -> None:
    Participant.objects.filter(pk=person.pk).update(excluded=False)


def test_others_are_asked_in_the_place_of_somebody_left_out(one_each, at_work):
    shut_out(at_work)
    assert leave_out(at_work) == 2
    assert standing(at_work) == [(State.SUBMITTED, True), (State.EXPIRED, False)]
    assert slots(one_each) == [1, 1]
    assert leave_out(at_work) == 0
    other = ParticipantFactory(campaign=one_each)
    while (assignment := routing.claim(other)) is not None:
        routing.submit(assignment)
    assert slots(one_each) == [0, 0]


def test_nobody_is_left_out_who_is_not_excluded(one_each, at_work):
    assert leave_out(at_work) == 0
    assert slots(one_each) == [0, 0]


def test_what_somebody_left_out_still_submits_is_kept_and_takes_no_slot(one_each, at_work):
    in_hand = at_work.assignments.get(state=State.LEASED)
    shut_out(at_work)
    leave_out(at_work)
    assert routing.submit(in_hand)
    assert standing(at_work) == [(State.SUBMITTED, True)] * 2
    assert slots(one_each) == [1, 1]


def test_a_lease_that_is_submitted_before_its_slot_was_given_back_gives_it_back(one_each, at_work):
    in_hand = at_work.assignments.get(state=State.LEASED)
    shut_out(at_work)
    assert routing.submit(in_hand)
    assert leave_out(at_work) == 1
    assert slots(one_each) == [1, 1]


def test_somebody_taken_back_counts_again_where_nobody_answered_in_their_place(one_each, at_work):
    in_hand = at_work.assignments.get(state=State.LEASED)
    shut_out(at_work)
    leave_out(at_work)
    routing.submit(in_hand)
    other = routing.claim(ParticipantFactory(campaign=one_each))
    routing.submit(other)
    assert take_back(at_work) == 0  # still excluded
    let_in(at_work)
    assert take_back(at_work) == 1
    taken = at_work.assignments.get(item=other.item_id)
    assert taken.surplus
    assert not at_work.assignments.exclude(pk=taken.pk).get().surplus
    assert slots(one_each) == [0, 0]


def test_excluding_on_the_administrators_page_frees_the_slots_and_taking_back_takes_them(
    client, one_each, at_work, django_capture_on_commit_callbacks
):
    client.force_login(User.objects.create_superuser("root", password="x"))
    page = reverse("admin:annotation_participant_change", args=[at_work.pk])
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(page, {"excluded": "on", "excluded_reason": "Answered at random."}).status_code == 302
    assert slots(one_each) == [1, 1]
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(page, {"excluded_reason": ""}).status_code == 302
    assert slots(one_each) == [0, 1]
    assert standing(at_work) == [(State.SUBMITTED, False), (State.EXPIRED, False)]
