"""Who gets what, and what becomes of it: routing by behaviour."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from annotation.errors import AlreadySubmitted, ConsentMissing, Excluded, LeaseUnknown, NotOpen
from annotation.labelling import routing, serving
from annotation.labelling.serving import Nothing
from annotation.models import Assignment, Campaign, Item
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, held_by

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
State = Assignment.State


def slots(campaign: Campaign) -> list[int]:
    return list(campaign.items.order_by("pk").values_list("open_slots", flat=True))


@pytest.fixture
def people(campaign):
    return ParticipantFactory.create_batch(4, campaign=campaign)


def test_a_claim_leases_the_best_item_and_takes_one_of_its_slots(campaign, people):
    best = ItemFactory(campaign=campaign, priority=-1)
    assignment = routing.claim(people[0], now=NOON)
    assert assignment.item == best
    assert assignment.state == State.LEASED
    assert assignment.lease_until == NOON + timedelta(minutes=campaign.lease_minutes)
    assert assignment.guideline == campaign.guidelines.get()
    assert slots(campaign) == [3, 3, 2]


def test_a_second_claim_returns_the_same_lease_and_takes_no_further_slot(campaign, people):
    first = routing.claim(people[0], now=NOON)
    again = routing.claim(people[0], now=NOON + timedelta(minutes=5))
    assert again == first
    assert again.token == first.token
    assert slots(campaign) == [2, 3]


def test_a_person_never_gets_an_item_twice_and_is_told_when_all_is_done(campaign, people):
    seen = []
    while (assignment := routing.claim(people[0], now=NOON)) is not None:
        seen.append(assignment.item_id)
        assert routing.submit(assignment, now=NOON)
    assert sorted(seen) == sorted(campaign.items.values_list("pk", flat=True))
    assert serving.why_nothing(people[0]) == Nothing.DONE


def test_no_more_people_get_an_item_than_its_overlap(campaign, people):
    campaign.items.filter(pk=campaign.items.last().pk).delete()
    for person in people[:3]:
        routing.submit(routing.claim(person, now=NOON), now=NOON)
    assert routing.claim(people[3], now=NOON) is None
    assert serving.why_nothing(people[3]) == Nothing.DONE
    assert slots(campaign) == [0]


def test_the_database_itself_refuses_an_item_over_its_overlap(campaign):
    with pytest.raises(IntegrityError), transaction.atomic():
        campaign.items.update(open_slots=F("open_slots") - 4)


def test_while_others_hold_the_last_items_the_person_is_told_to_wait_not_that_all_is_done(campaign, people):
    Item.objects.filter(campaign=campaign).update(open_slots=1)
    routing.claim(people[0], now=NOON)
    routing.claim(people[1], now=NOON)
    assert routing.claim(people[2], now=NOON) is None
    assert serving.why_nothing(people[2]) == Nothing.WAITING


def test_a_lease_that_ran_out_returns_when_somebody_finds_nothing_else(campaign, people):
    Item.objects.filter(campaign=campaign).update(open_slots=1)
    abandoned = [routing.claim(people[0], now=NOON), routing.claim(people[1], now=NOON)]
    found = routing.claim(people[2], now=LATER)
    assert found.item in [assignment.item for assignment in abandoned]
    assert set(Assignment.objects.filter(participant__in=people[:2]).values_list("state", flat=True)) == {State.EXPIRED}
    assert sum(slots(campaign)) == 1


def test_an_item_that_a_person_let_expire_comes_back_to_them_last_but_comes_with_its_token_and_order(campaign, people):
    left = routing.claim(people[0], now=NOON)
    following = routing.claim(people[0], now=LATER)
    assert following.item != left.item
    routing.submit(following, now=LATER)
    again = routing.claim(people[0], now=LATER)
    assert again.item == left.item
    assert (again.pk, again.token, again.action_order) == (left.pk, left.token, left.action_order)
    assert again.lease_until == LATER + timedelta(minutes=campaign.lease_minutes)
    assert slots(campaign) == [2, 2]


def test_one_closed_laptop_does_not_leave_an_item_unfinishable(campaign, people):
    everyone = people[:3]
    routing.claim(everyone[0], now=NOON)
    for person in (*everyone[1:], everyone[0]):
        while (assignment := routing.claim(person, now=LATER)) is not None:
            routing.submit(assignment, now=LATER)
    assert slots(campaign) == [0, 0]
    assert Assignment.objects.filter(state=State.SUBMITTED, surplus=False).count() == 6


def test_submitting_twice_stores_once(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    assert routing.submit(assignment, now=NOON) is True
    assert routing.submit(held_by(people[0], assignment.token), now=LATER) is False
    assignment.refresh_from_db()
    assert assignment.submitted_at == NOON
    assert slots(campaign) == [2, 3]


def test_an_overdue_lease_that_nobody_returned_is_submitted_as_if_in_time(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    assert routing.submit(assignment, now=LATER)
    assert not assignment.surplus
    assert slots(campaign) == [2, 3]


def test_an_expired_lease_retakes_a_free_slot(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    assert routing.return_expired(campaign, now=LATER) == 1
    assert slots(campaign) == [3, 3]
    assert routing.submit(assignment, now=LATER)
    assert not assignment.surplus
    assert slots(campaign) == [2, 3]


def test_an_expired_lease_whose_slot_is_gone_is_kept_as_surplus(campaign, people):
    Item.objects.filter(campaign=campaign).update(open_slots=1)
    late = routing.claim(people[0], now=NOON)
    routing.return_expired(campaign, now=LATER)
    routing.submit(routing.claim(people[1], now=LATER), now=LATER)
    assert routing.submit(late, now=LATER)
    assert late.state == State.SUBMITTED
    assert late.surplus
    assert slots(campaign) == [0, 1]


def test_what_is_submitted_after_the_close_is_kept_as_surplus_and_frees_its_slot(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CLOSED)
    assert routing.submit(assignment, now=NOON)
    assert assignment.surplus
    assert slots(campaign) == [3, 3]


def test_a_pause_lets_work_in_hand_be_submitted(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PAUSED)
    assert routing.submit(assignment, now=NOON)
    assert not assignment.surplus


def test_a_pause_leaves_the_item_in_hand_in_sight_and_gives_out_no_other(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PAUSED)
    assert routing.claim(people[0], now=NOON) == assignment
    with pytest.raises(NotOpen, match="paused"):
        routing.claim(people[0], now=LATER)
    with pytest.raises(NotOpen, match="paused"):
        routing.claim(people[1], now=NOON)
    people[0].excluded, people[0].excluded_reason = True, "Answered at random."
    people[0].save()
    with pytest.raises(NotOpen):
        routing.claim(people[0], now=NOON)


def test_skipping_frees_the_slot_and_the_item_does_not_come_back(campaign, people):
    skipped = routing.claim(people[0], now=NOON)
    assert routing.skip(skipped, reason="  I know the people in it. ") is True
    assert routing.skip(skipped) is False
    assert slots(campaign) == [3, 3]
    skipped.refresh_from_db()
    assert skipped.skip_reason == "I know the people in it."
    routing.submit(routing.claim(people[0], now=NOON), now=NOON)
    assert routing.claim(people[0], now=NOON) is None


def test_skipping_a_lease_that_ran_out_frees_no_second_slot(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    routing.return_expired(campaign, now=LATER)
    assert routing.skip(assignment) is True
    assert slots(campaign) == [3, 3]


def test_an_item_skipped_in_one_tab_and_submitted_in_another_is_not_thrown_away(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    routing.skip(assignment)
    assert routing.submit(assignment, now=NOON)
    assert not assignment.surplus
    assert slots(campaign) == [2, 3]


def test_a_submitted_item_cannot_be_skipped(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    routing.submit(assignment, now=NOON)
    with pytest.raises(AlreadySubmitted, match="cannot be skipped"):
        routing.skip(assignment)
    assert slots(campaign) == [2, 3]


def test_returning_expired_leases_twice_gives_each_slot_back_once(campaign, people):
    for person in people:
        routing.claim(person, now=NOON)
    assert routing.return_expired(campaign, now=LATER) == 4
    assert routing.return_expired(campaign, now=LATER) == 0
    assert slots(campaign) == [3, 3]


def test_a_lease_is_live_up_to_its_last_moment_and_not_beyond(campaign, people):
    end = routing.claim(people[0], now=NOON).lease_until
    assert routing.return_expired(campaign, now=end - timedelta(seconds=1)) == 0
    assert routing.return_expired(campaign, now=end) == 1


def test_a_person_at_work_keeps_the_lease(campaign, people):
    assignment = routing.claim(people[0], now=NOON)
    at_work = NOON + timedelta(minutes=29)
    assert routing.renew(assignment, now=at_work)
    assert routing.return_expired(campaign, now=NOON + timedelta(minutes=31)) == 0
    routing.submit(assignment, now=at_work)
    assert not routing.renew(assignment, now=at_work)


def test_a_quota_ends_the_work_of_one_person_only(campaign, people):
    Campaign.objects.filter(pk=campaign.pk).update(quota=1)
    for person in people[:2]:
        routing.submit(routing.claim(person, now=NOON), now=NOON)
        assert routing.claim(person, now=NOON) is None
        person.refresh_from_db()
        person.campaign.refresh_from_db()
        assert serving.why_nothing(person) == Nothing.QUOTA


def test_a_persons_own_quota_goes_over_that_of_the_campaign(campaign, people):
    Campaign.objects.filter(pk=campaign.pk).update(quota=1)
    people[0].quota = 2
    people[0].save()
    for _ in range(2):
        routing.submit(routing.claim(people[0], now=NOON), now=NOON)
    assert Assignment.objects.filter(participant=people[0], state=State.SUBMITTED).count() == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [("draft", "not been opened"), ("paused", "paused"), ("closed", "closed")],
)
def test_a_campaign_that_is_not_open_gives_no_work_and_says_why(campaign, people, state, words):
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    with pytest.raises(NotOpen, match=words):
        routing.claim(people[0], now=NOON)
    assert not Assignment.objects.exists()


def test_an_excluded_person_gets_no_work(campaign):
    person = ParticipantFactory(campaign=campaign, excluded=True, excluded_reason="Answered at random.")
    with pytest.raises(Excluded) as raised:
        routing.claim(person, now=NOON)
    assert "random" not in raised.value.sentence


def test_nobody_starts_before_agreeing_to_the_guideline(campaign):
    with pytest.raises(ConsentMissing, match="guideline"):
        routing.claim(ParticipantFactory(campaign=campaign, consented_at=None), now=NOON)


def test_somebody_elses_token_and_an_invented_one_look_the_same(campaign, people):
    theirs = routing.claim(people[0], now=NOON)
    with pytest.raises(LeaseUnknown) as foreign:
        held_by(people[1], theirs.token)
    with pytest.raises(LeaseUnknown) as invented:
        held_by(people[1], uuid.uuid4())
    assert foreign.value.sentence == invented.value.sentence


def test_the_two_actions_change_sides_from_lease_to_lease(dataset):
    campaign = CampaignFactory(dataset=dataset, items=24, overlap=1)
    person = ParticipantFactory(campaign=campaign)
    orders = set()
    while (assignment := routing.claim(person, now=NOON)) is not None:
        orders.add(assignment.action_order)
        routing.submit(assignment, now=NOON)
    assert orders == {"action_1_first", "action_2_first"}


def test_what_was_shown_ahead_and_answered_without_a_lease_is_never_thrown_away(campaign, people):
    ada = people[0]
    item, token, order = serving.peek(ada)
    begun = held_by(ada, token)
    assert (begun.item_id, begun.state, begun.action_order) == (item.pk, State.EXPIRED, order)
    assert held_by(ada, token) == begun  # once
    with pytest.raises(LeaseUnknown):
        held_by(people[1], token)
    # As a wish it is leased; here others took its slots, so the answers are kept as surplus.
    type(item).objects.filter(pk=item.pk).update(open_slots=0)
    assert routing.submit(begun, now=NOON)
    begun.refresh_from_db()
    assert (begun.state, begun.surplus) == (State.SUBMITTED, True)


def test_an_item_begun_without_a_lease_can_be_wished_for(campaign, people):
    _, token, _ = serving.peek(people[0])
    begun = held_by(people[0], token)
    assert routing.claim(people[0], wish=token) == begun
    begun.refresh_from_db()
    assert begun.state == State.LEASED


def test_a_token_leads_to_its_item_at_the_same_cost_however_many_there_are(campaign, people, django_assert_num_queries):
    """Without a look at every item: so with one query, and none more, for a token that names nothing."""
    item, token, _ = serving.peek(people[0])
    flipped = uuid.UUID(int=token.int ^ 1)  # another item's id under the same tag
    for unknown in (flipped, uuid.uuid4()):
        with django_assert_num_queries(1), pytest.raises(LeaseUnknown):
            held_by(people[0], unknown)
    assert token.version == 4
    assert held_by(people[0], token).item == item
