"""Who labels what: claim, renew, submit, skip, and the return of leases that ran out.

Capacity lives on the item's own row (`open_slots`), because that is what PostgreSQL checks again after waiting for a
concurrent update; a count over another table over-assigns, even under SKIP LOCKED. For every item, always:

    open_slots = overlap - leased - submitted without surplus

Each step is a short transaction that waits for at most one row while it holds no other person's, so no two steps can wait
for each other. A person's own tabs take turns at their `Participant` row. SQLite runs the same code: its transactions are
IMMEDIATE, one writer at a time, and row locks are not needed.
"""

from __future__ import annotations

import enum
import logging
import secrets
import uuid
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from annotation.errors import AlreadySubmitted, ConsentMissing, Excluded, LeaseUnknown, NotOpen
from annotation.kinds import KINDS
from annotation.models import Assignment, Campaign, Item, Participant
from conflictscope.scenarios.option_orders import OptionOrder

logger = logging.getLogger(__name__)

State = Assignment.State
# What a page about an assignment needs, in the query that finds it.
TOLD_WITH = ("item__campaign", "item__scenario__value_1", "item__scenario__value_2", "item__response__scenario")
# What routing itself, and a sheet, need to know of a place and its campaign.
_OF_PLACE = ("excluded", "consented_at", "quota", "created_at")
_OF_CAMPAIGN = ("name", "kind", "state", "quota", "lease_minutes", "sampling_plan")
# How far ahead of the queue an item may lie that `peek` shows.
AHEAD = 50
# Bytes of a token before the six that hide the item's id.
_TAG = 10
DEALT_WITH = (State.SUBMITTED, State.SKIPPED)


class Nothing(enum.Enum):
    """Why a claim came back empty."""

    DONE = "done"  # every item is full, or this person has submitted or skipped it
    WAITING = "waiting"  # what is left is in other people's hands, and may come back
    QUOTA = "quota"  # this person has labelled as many as one person may


def find(participant: Participant, token: uuid.UUID) -> Assignment:
    """The person's assignment of that token.

    Raises:
        LeaseUnknown: there is none, or it is not theirs.
    """
    mine = Assignment.objects.filter(participant=participant, token=token)
    assignment = mine.select_related(*TOLD_WITH).first() or _begun_ahead(participant, token)
    if assignment is None:
        raise LeaseUnknown("This item is not in your hands. Go to your queue and continue from there.")
    assignment.participant = participant
    return assignment


def _begun_ahead(participant: Participant, token: uuid.UUID) -> Assignment | None:
    """An item that `peek` showed, and that its person answered without a connection and so without a lease.

    Work is never thrown away: it becomes an assignment like one whose lease has run out, so that a submission takes a free
    slot, or is stored as surplus. Only who was shown the item knows its token.
    """
    if participant.consented_at is None or participant.excluded:
        return None
    item_id = _item_of(participant, token)
    if item_id is None or not Item.objects.filter(campaign=participant.campaign_id, pk=item_id).exists():
        return None
    if Assignment.objects.filter(participant=participant, item=item_id).exists():
        return None
    assignment, _ = Assignment.objects.get_or_create(
        item_id=item_id,
        participant=participant,
        defaults={
            "state": State.EXPIRED,
            "token": token,
            "lease_until": timezone.now(),
            "action_order": _name(participant, item_id)[1],
            "guideline": participant.campaign.guidelines.order_by("-version").first(),
        },
    )
    assignment.participant = participant
    return _told(assignment)


def claim(participant: Participant, *, wish: uuid.UUID | None = None, now: datetime | None = None) -> Assignment | None:
    """Lease the best open item to the person, or return the lease that they hold.

    Best is: none that they submitted or skipped; those whose lease they let run out come last, but they come; then by
    priority and in shuffled order. `wish` is the token of an item that `peek` has shown: it is taken if it is still open.
    None: there is nothing for them now, and `why_nothing` says why.

    Raises:
        NotOpen, Excluded, ConsentMissing: no work is given out, or not to them.
    """
    now = now or timezone.now()
    assignment = _take(participant, wish=wish, now=now, wait=False)
    if assignment is None:
        # What others hold locked, and leases that ran out, were passed over: look once more, and wait this time.
        return_expired(participant.campaign, now=now)
        assignment = _take(participant, wish=None, now=now, wait=True)
    # Read after the commit: whoever waits for the queue does not wait for that.
    return _told(assignment) if assignment is not None else None


def peek(participant: Participant) -> tuple[Item, uuid.UUID, str] | None:
    """What the person may well get next: an item, and the token and order of actions it would have. Nothing is leased.

    Everybody is shown another item of the next few, so that it is seldom gone when they come to it. None: there is nothing
    new to show, though `claim` may still find something.

    Raises:
        NotOpen, Excluded, ConsentMissing: as `claim`.
    """
    place = Participant.objects.select_related("campaign").get(pk=participant.pk)
    _check_may_claim(place)
    if _quota_reached(place, with_leased=True):
        return None
    at_work = Assignment.objects.filter(item__campaign=place.campaign_id, state=State.LEASED).count()
    soon = list(_untouched(place).values_list("pk", flat=True)[: min(max(at_work, 1), AHEAD)])
    if not soon:
        return None
    item = _items(place.campaign).get(pk=secrets.choice(soon))
    item.campaign = place.campaign
    return item, *_name(place, item.pk)


def why_nothing(participant: Participant) -> Nothing:
    """Why `claim` came back empty: "no more work" is only said when it is true."""
    if _quota_reached(participant):
        return Nothing.QUOTA
    dealt_with = Assignment.objects.filter(participant=participant, state__in=DEALT_WITH).values("item")
    of_campaign = Item.objects.filter(campaign=participant.campaign_id).exclude(pk__in=dealt_with)
    # Two looks, one at the open items and one at the leases, because both have an index and all items together have none.
    leased = Assignment.objects.filter(item__campaign=participant.campaign_id, state=State.LEASED).values("item")
    may_come = of_campaign.filter(open_slots__gt=0).exists() or of_campaign.filter(pk__in=leased).exists()
    return Nothing.WAITING if may_come else Nothing.DONE


def renew(assignment: Assignment, *, worked: int = 0, now: datetime | None = None) -> bool:
    """Let a lease run anew from now, because its person is at work; they have been for `worked` seconds more.

    False: it is no lease any more. One that has run out is taken up again while its item has a free slot and its person
    holds nothing else.
    """
    now = now or timezone.now()
    until = now + timedelta(minutes=assignment.item.campaign.lease_minutes)
    mine = Assignment.objects.filter(pk=assignment.pk)
    time = {"active_seconds": F("active_seconds") + worked} if worked else {}
    renewed = bool(mine.filter(state=State.LEASED).update(lease_until=until, **time))
    if not renewed:
        renewed = _retake(assignment, until=until)
        if time:
            mine.update(**time)
    if renewed:
        assignment.state, assignment.lease_until = State.LEASED, until
    return renewed


def submit(assignment: Assignment, *, worked: int = 0, now: datetime | None = None) -> bool:
    """Count the assignment's answers. False: it was submitted before (the same request came again).

    Work is never thrown away: if the lease has run out, or the item was skipped, the submission retakes a free slot; if there
    is none, the campaign has closed meanwhile, or the person was excluded, it is stored as surplus.
    """
    now = now or timezone.now()
    with transaction.atomic(savepoint=False):
        place = lock(assignment.participant_id)
        counts = place.campaign.state != Campaign.State.CLOSED and not place.excluded
        mine = Assignment.objects.filter(pk=assignment.pk)
        values: dict[str, Any] = {"state": State.SUBMITTED, "submitted_at": now, "surplus": not counts}
        if worked:
            values["active_seconds"] = F("active_seconds") + worked
        if mine.filter(state=State.LEASED).update(**values):
            if not counts:
                free_slot(assignment.item_id)
        else:
            assignment.refresh_from_db(fields=["state", "surplus", "submitted_at", "lease_until"])
            if assignment.state == State.SUBMITTED:
                return False
            values["surplus"] = not (counts and take_slot(assignment.item_id))
            mine.update(**values)
    assignment.state, assignment.submitted_at, assignment.surplus = State.SUBMITTED, now, values["surplus"]
    logger.info("Assignment %s submitted%s", assignment.pk, " as surplus" if assignment.surplus else "")
    return True


def skip(assignment: Assignment, *, reason: str = "", now: datetime | None = None) -> bool:
    """Give the item to somebody else; it does not come back to this person. False: it was skipped before.

    Raises:
        AlreadySubmitted: their answers to it stand.
    """
    with transaction.atomic():
        lock(assignment.participant_id)
        mine = Assignment.objects.filter(pk=assignment.pk)
        values: dict[str, Any] = {"state": State.SKIPPED, "skip_reason": reason.strip()[:200]}
        if mine.filter(state=State.LEASED).update(**values):
            free_slot(assignment.item_id)
        elif not mine.filter(state=State.EXPIRED).update(**values):
            assignment.refresh_from_db(fields=["state"])
            if assignment.state == State.SUBMITTED:
                raise AlreadySubmitted("You have submitted this item, so it cannot be skipped any more.")
            return False
    assignment.state = State.SKIPPED
    return True


def hand_back(participant: Participant) -> bool:
    """Give the item in the person's hands to whoever comes; it comes back to them last. False: they hold none."""
    with transaction.atomic():
        lock(participant.pk)
        held = Assignment.objects.filter(participant=participant, state=State.LEASED)
        item_id = held.values_list("item", flat=True).first()
        if item_id is None or not held.update(state=State.EXPIRED):
            return False
        free_slot(item_id)
    return True


def return_expired(campaign: Campaign, *, now: datetime | None = None) -> int:
    """Give the slots of leases that ran out back to their items. Returns how many there were.

    A lease ends exactly once: whoever changes its row from leased gives the slot back, so doing this twice, or from many
    processes at once, is harmless.
    """
    now = now or timezone.now()
    overdue = Assignment.objects.filter(item__campaign=campaign, state=State.LEASED, lease_until__lte=now)
    returned = 0
    for pk, item_id in list(overdue.order_by("pk").values_list("pk", "item_id")):
        with transaction.atomic():
            returned += _expire(pk, item_id, now=now)
    if returned:
        logger.info("Campaign %s: %s leases ran out", campaign.pk, returned)
    return returned


def lock(participant_id: int) -> Participant:
    """The person's place, held until the transaction ends: their own tabs take turns at it."""
    return (
        Participant.objects.select_for_update(of=("self",))
        .select_related("campaign")
        .only(*(f"campaign__{name}" for name in _OF_CAMPAIGN), *_OF_PLACE)
        .get(pk=participant_id)
    )


def _take(participant: Participant, *, wish: uuid.UUID | None, now: datetime, wait: bool) -> Assignment | None:
    """One look at the queue, in one transaction that begins with the person's own row."""
    with transaction.atomic():
        place = lock(participant.pk)
        held = Assignment.objects.filter(participant=place, state=State.LEASED).first()
        live = held is not None and held.lease_until > now
        # A pause gives out nothing new; what is in hand may be finished.
        if not (live and place.campaign.state == Campaign.State.PAUSED and not place.excluded):
            _check_may_claim(place)
        if held is not None and live:
            held.participant = place
            return held
        if held is not None:
            _expire(held.pk, held.item_id, now=now)
        if _quota_reached(place):
            return None
        if wish is not None and (wished := _wished(place, wish)) is not None and take_slot(wished):
            return _lease(place, wished, untouched=False, now=now)
        while (best := _best_open_item(place, wait=wait)) is not None:
            item_id, untouched = best
            if take_slot(item_id):
                return _lease(place, item_id, untouched=untouched, now=now)
        return None


def _retake(assignment: Assignment, *, until: datetime) -> bool:
    """Lease an item again whose lease ran out, if that takes nothing from anybody."""
    if not Assignment.objects.filter(pk=assignment.pk, state=State.EXPIRED).exists():
        return False
    with transaction.atomic():
        place = lock(assignment.participant_id)
        mine = Assignment.objects.filter(participant=place)
        expired = mine.filter(pk=assignment.pk, state=State.EXPIRED)
        open_to_them = place.campaign.state != Campaign.State.CLOSED and not place.excluded
        if not open_to_them or mine.filter(state=State.LEASED).exists() or not expired.exists():
            return False
        return take_slot(assignment.item_id) and bool(expired.update(state=State.LEASED, lease_until=until))


def _check_may_claim(participant: Participant) -> None:
    campaign = participant.campaign
    if campaign.state != Campaign.State.OPEN:
        why = {
            Campaign.State.DRAFT: "has not been opened yet",
            Campaign.State.PAUSED: "is paused; come back later",
            Campaign.State.CLOSED: "is closed, thank you for your work",
        }[Campaign.State(campaign.state)]
        raise NotOpen(f"The campaign {campaign.name} {why}.")
    if participant.excluded:
        raise Excluded(
            f"You cannot go on labelling in {campaign.name}. Ask the people who run the study if you think this is wrong."
        )
    if participant.consented_at is None:
        raise ConsentMissing("Read the guideline and agree to it before you start to label.")


def _quota_reached(participant: Participant, *, with_leased: bool = False) -> bool:
    quota = participant.quota if participant.quota is not None else participant.campaign.quota
    if quota is None:
        return False
    states = [State.SUBMITTED, State.LEASED] if with_leased else [State.SUBMITTED]
    return Assignment.objects.filter(participant=participant, state__in=states).count() >= quota


def _untouched(participant: Participant) -> QuerySet[Item]:
    """Open items that the person has never held, the best first."""
    # NOT IN, not NOT EXISTS: PostgreSQL makes one hash of the person's items, whatever its statistics say, where it would
    # join each open item with each of theirs as long as it takes them for few.
    mine = Assignment.objects.filter(participant=participant).values("item")
    open_items = Item.objects.open().filter(campaign=participant.campaign_id)
    return open_items.exclude(pk__in=mine).order_by("priority", "shuffle_key", "pk")


def _best_open_item(participant: Participant, *, wait: bool) -> tuple[int, bool] | None:
    """The item, and whether the person has never held it."""
    skip_locked = not wait and connection.features.has_select_for_update_skip_locked
    # Two looks instead of one sort: the first walks the index of open items and stops at the first that fits, the second
    # begins with the few items that the person let go.
    untouched = _untouched(participant).select_for_update(skip_locked=skip_locked)
    best = untouched.values_list("pk", flat=True).first()
    if best is not None:
        return best, True
    let_go = Assignment.objects.filter(participant=participant, state=State.EXPIRED).values("item")
    again = Item.objects.open().filter(campaign=participant.campaign_id, pk__in=let_go)
    again = again.order_by("priority", "shuffle_key", "pk").select_for_update(skip_locked=skip_locked)
    best = again.values_list("pk", flat=True).first()
    return (best, False) if best is not None else None


def _wished(participant: Participant, token: uuid.UUID) -> int | None:
    """The item that `peek` showed under this token, if it is open and new to the person, or begun already."""
    begun = Assignment.objects.filter(participant=participant, token=token, state=State.EXPIRED).first()
    if begun is not None:
        return begun.item_id
    item_id = _item_of(participant, token)
    return item_id if item_id is not None and _untouched(participant).filter(pk=item_id).exists() else None


def _name(participant: Participant, item_id: int) -> tuple[uuid.UUID, str]:
    """Token and order of actions of an assignment to be: random to everybody else, and the same whenever asked for.

    So an item can be shown before it is leased, and what is shown is what will be leased. A token is a tag of place and item,
    and behind it the item's id under a pad drawn from that tag, so that `_item_of` need not look through all items.
    """
    drawn = _drawn(participant, f"{item_id}")
    tag = uuid.UUID(bytes=drawn[:16], version=4).bytes[:_TAG]
    hidden = _padded(participant, tag, item_id.to_bytes(16 - _TAG))
    return uuid.UUID(bytes=tag + hidden), OptionOrder.values[drawn[16] & 1]


def _item_of(participant: Participant, token: uuid.UUID) -> int | None:
    """The item that the token names to this person; None: it is none of theirs. Whether there is such an item is not asked."""
    tag, hidden = token.bytes[:_TAG], token.bytes[_TAG:]
    item_id = int.from_bytes(_padded(participant, tag, hidden))
    return item_id if compare_digest(_name(participant, item_id)[0].bytes, token.bytes) else None


def _padded(participant: Participant, tag: bytes, plain: bytes) -> bytes:
    """Hidden by the pad of the tag, or what was hidden brought back."""
    return bytes(one ^ other for one, other in zip(plain, _drawn(participant, f"pad:{tag.hex()}"), strict=False))


def _drawn(participant: Participant, about: str) -> bytes:
    whose = f"{participant.pk}:{participant.created_at.isoformat()}:{about}"
    return salted_hmac("annotation.routing.assignment", whose, algorithm="sha256").digest()


def take_slot(item_id: int) -> bool:
    """Within a transaction of the caller's that holds the person's place. False: the item has no free slot."""
    return bool(Item.objects.filter(pk=item_id, open_slots__gt=0).update(open_slots=F("open_slots") - 1))


def free_slot(item_id: int) -> None:
    Item.objects.filter(pk=item_id).update(open_slots=F("open_slots") + 1)


def _expire(assignment_id: int, item_id: int, *, now: datetime) -> bool:
    """End a lease that ran out, within a transaction of the caller's. False: somebody else did, or it was renewed."""
    overdue = Assignment.objects.filter(pk=assignment_id, state=State.LEASED, lease_until__lte=now)
    if not overdue.update(state=State.EXPIRED):
        return False
    free_slot(item_id)
    return True


def _lease(participant: Participant, item_id: int, *, untouched: bool, now: datetime) -> Assignment:
    """Insert the lease, or revive one that ran out: its token stays, so that a tab left open can still submit."""
    campaign = participant.campaign
    until = now + timedelta(minutes=campaign.lease_minutes)
    guideline = campaign.guidelines.order_by("-version").values_list("pk", flat=True).first()
    held = None if untouched else Assignment.objects.filter(item=item_id, participant=participant).first()
    if held is None:
        token, order = _name(participant, item_id)
        held = Assignment.objects.create(
            item_id=item_id,
            participant=participant,
            token=token,
            lease_until=until,
            action_order=order,
            guideline_id=guideline,
        )
        held.untouched = True
    else:
        held.participant = participant
        held.state = State.LEASED
        held.lease_until = until
        held.guideline_id = guideline
        held.save(update_fields=["state", "lease_until", "guideline"])
    return held


def _told(assignment: Assignment) -> Assignment:
    """The assignment with what a sheet tells of its item."""
    campaign = assignment.participant.campaign
    item = _items(campaign).get(pk=assignment.item_id)
    item.campaign = campaign
    assignment.item = item
    return assignment


def _items(campaign: Campaign) -> QuerySet[Item]:
    """Items with what a sheet tells of them, and no more: a scenario's vector alone is longer than its text."""
    told = KINDS[campaign.kind].told
    only = [f"{related}__{name}" for related, names in told.items() for name in names]
    return Item.objects.select_related(*told).only("campaign", "scenario", "response", *only)
