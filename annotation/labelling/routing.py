"""Who labels what: claim, renew, submit, skip, and the return of leases that ran out.

Capacity lives on the item's own row (`open_slots`), because that is what PostgreSQL checks again after waiting for a
concurrent update; a count over another table over-assigns, even under SKIP LOCKED. For every item, always:

    open_slots = overlap - leased - submitted without surplus

Each step is a short transaction that waits for at most one row while it holds no other person's, so no two steps can wait
for each other. A person's own tabs take turns at their `Participant` row. SQLite runs the same code: its transactions are
IMMEDIATE, one writer at a time, and row locks are not needed.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotation.errors import (
    AlreadySubmitted,
    NotSkipped,
    SkipsUsedUp,
)
from annotation.labelling import places, serving, tokens
from annotation.models import Assignment, Campaign, Item, Participant

logger = logging.getLogger(__name__)

State = Assignment.State
MOST_SIGNS = 1_000_000


def begun_ahead(participant: Participant, token: uuid.UUID) -> Assignment | None:
    """An item that `serving.peek` showed, and that its person answered without a connection and so without a lease; None: it is none.

    Work is never thrown away: it becomes an assignment like one whose lease has run out, so that a submission takes a free
    slot, or is stored as surplus. Only who was shown the item knows its token.
    """
    if participant.consented_at is None or participant.excluded:
        return None
    item_id = tokens.item_of(participant, token)
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
            "action_order": tokens.name(participant, item_id)[1],
            "guideline": participant.campaign.guidelines.order_by("-version").first(),
        },
    )
    assignment.participant = participant
    return serving.with_item_told(assignment)


def claim(participant: Participant, *, wish: uuid.UUID | None = None, now: datetime | None = None) -> Assignment | None:
    """Lease the best open item to the person, or return the lease that they hold.

    Best is: none that they submitted or skipped; those whose lease they let run out come last, but they come; then by
    priority and in shuffled order. `wish` is the token of an item that `serving.peek` has shown: it is taken if it is still open.
    None: there is nothing for them now, and `serving.why_nothing` says why.

    Raises:
        NotOpen, Excluded, ConsentMissing: no work is given out, or not to them.
    """
    now = now or timezone.now()
    assignment = _take(participant, wish=wish, now=now, wait=False)
    if assignment is None:
        # What others hold locked, and leases that ran out, were passed over: look once more, and wait this time.
        return_expired(participant.campaign, now=now)
        assignment = _take(participant, wish=None, now=now, wait=True)
    return assignment


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
    with transaction.atomic(savepoint=False):
        return submit_at(
            places.lock(assignment.participant_id), assignment, worked=worked, now=now or timezone.now()
        ).fresh


@dataclass(frozen=True, slots=True)
class Submission:
    """`fresh`: it is counted now, and was not before. `alone`: no row but the person's own was touched, nor has to be."""

    fresh: bool
    alone: bool


def submit_at(place: Participant, assignment: Assignment, *, worked: int, now: datetime) -> Submission:
    """As `submit`, within a transaction of the caller's that holds the person's place."""
    counts = place.campaign.state != Campaign.State.CLOSED and not place.excluded
    mine = Assignment.objects.filter(pk=assignment.pk)
    values: dict[str, Any] = {"state": State.SUBMITTED, "submitted_at": now, "surplus": not counts}
    if assignment.seen is not None:
        values["signs"] = min(assignment.seen, MOST_SIGNS)
    if worked:
        values["active_seconds"] = F("active_seconds") + worked
    held = bool(mine.filter(state=State.LEASED).update(**values))
    if held and not counts:
        free_slot(assignment.item_id)
    if not held:
        assignment.refresh_from_db(fields=["state", "surplus", "submitted_at", "lease_until"])
        if assignment.state == State.SUBMITTED:
            return Submission(fresh=False, alone=False)
        values["surplus"] = not (counts and take_slot(assignment.item_id))
        mine.update(**values)
    assignment.state, assignment.submitted_at, assignment.surplus = State.SUBMITTED, now, values["surplus"]
    logger.info("Assignment %s submitted%s", assignment.pk, " as surplus" if assignment.surplus else "")
    return Submission(fresh=True, alone=held and counts)


def take_next(place: Participant, *, wish: uuid.UUID | None = None, now: datetime) -> Assignment | None:
    """The best open item at once, within a transaction of the caller's that holds the place of a person without a lease.

    None: nothing was free at a first look, which passes over what others hold locked; `claim` looks again, and waits.

    Raises:
        NotOpen, Excluded, ConsentMissing, HeldBack: as `claim`.
    """
    places.check_may_claim(place)
    return None if places.quota_reached(place) else _lease_best(place, wish=wish, now=now, wait=False)


def skip(assignment: Assignment, *, reason: str = "", distressing: bool = False) -> bool:
    """Give the item to somebody else; it does not come back to this person, unless they undo it. False: it was skipped before.

    `distressing`: it is hard to bear. Any number may be skipped so, and none has to be made up for.

    Raises:
        AlreadySubmitted: their answers to it stand.
        SkipsUsedUp: they have skipped as many as one person may.
    """
    with transaction.atomic():
        place = places.lock(assignment.participant_id)
        theirs = Assignment.objects.filter(participant=place)
        state = theirs.values_list("state", flat=True).get(pk=assignment.pk)
        if assignment.item.use == Item.Use.TRAINING:
            raise SkipsUsedUp("Items to practise on are not skipped. Answer it as well as you can.")
        if state == State.SUBMITTED:
            raise AlreadySubmitted("You have submitted this item, so it cannot be skipped any more.")
        if state == State.SKIPPED:
            return False
        most = places.skips_allowed(place)
        if not distressing and theirs.filter(state=State.SKIPPED, distressing=False).count() >= most:
            raise SkipsUsedUp(
                f"You have skipped {most} of these items already, and at most one in ten may be skipped. Answer this one as "
                "well as you can, and say in a comment or a flag what is wrong with it."
            )
        # Only whoever changes a lease's row frees its slot: it may run out at this moment.
        values: dict[str, Any] = {
            "state": State.SKIPPED,
            "skip_reason": reason.strip()[:200],
            "distressing": distressing,
        }
        if theirs.filter(pk=assignment.pk, state=State.LEASED).update(**values):
            free_slot(assignment.item_id)
        else:
            theirs.filter(pk=assignment.pk).update(**values)
    assignment.state, assignment.distressing = State.SKIPPED, distressing
    return True


def undo_skip(assignment: Assignment, *, now: datetime | None = None) -> bool:
    """Have the skipped item in hand again; what is in hand meanwhile goes back. False: it is in hand already.

    Raises:
        NotSkipped: it is dealt with otherwise, or somebody else has its last slot by now.
        NotOpen, Excluded, ConsentMissing: as `claim`.
    """
    now = now or timezone.now()
    with transaction.atomic():
        place = places.lock(assignment.participant_id)
        mine = Assignment.objects.filter(participant=place)
        this = mine.filter(pk=assignment.pk).only("state", "item").get()
        if this.state == State.LEASED:
            return False
        if this.state != State.SKIPPED:
            raise NotSkipped("You have not skipped this item, so there is no skip to take back.")
        places.check_may_claim(place)
        held = mine.filter(state=State.LEASED).only("item").first()
        # One item's row after the other in the order of their ids, so that two people who do this never wait for each other.
        for item_id in sorted({this.item_id, *([held.item_id] if held else [])}):
            if item_id != this.item_id:
                mine.filter(item=item_id).update(state=State.EXPIRED)
                free_slot(item_id)
            elif not take_slot(item_id):
                transaction.set_rollback(True)
                raise NotSkipped("This item has gone to somebody else meanwhile. Go on with the one in your hands.")
        until = now + timedelta(minutes=place.campaign.lease_minutes)
        mine.filter(pk=this.pk).update(state=State.LEASED, lease_until=until, skip_reason="", distressing=False)
    assignment.state, assignment.lease_until = State.LEASED, until
    return True


def hand_back(participant: Participant) -> bool:
    """Give the item in the person's hands to whoever comes; it comes back to them last. False: they hold none."""
    with transaction.atomic():
        places.lock(participant.pk)
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


def _take(participant: Participant, *, wish: uuid.UUID | None, now: datetime, wait: bool) -> Assignment | None:
    """One look at the queue, in one transaction that begins with the person's own row."""
    with transaction.atomic():
        place = places.lock(participant.pk)
        held = Assignment.objects.filter(participant=place, state=State.LEASED).first()
        live = held is not None and held.lease_until > now
        # A pause gives out nothing new; what is in hand may be finished.
        if not (live and place.campaign.state == Campaign.State.PAUSED and not place.excluded):
            places.check_may_claim(place)
        if held is not None and live:
            held.participant = place
            return serving.with_item_told(held)
        if held is not None:
            _expire(held.pk, held.item_id, now=now)
        if places.quota_reached(place):
            return None
        return _lease_best(place, wish=wish, now=now, wait=wait)


def _lease_best(place: Participant, *, wish: uuid.UUID | None, now: datetime, wait: bool) -> Assignment | None:
    if wish is not None and (wished := serving.wished(place, wish)) is not None and take_slot(wished):
        return _lease(place, serving.items_told(place.campaign.kind).get(pk=wished), untouched=False, now=now)
    while (best := serving.best_open_item(place, wait=wait)) is not None:
        item, untouched = best
        if take_slot(item.pk):
            return _lease(place, item, untouched=untouched, now=now)
    return None


def _retake(assignment: Assignment, *, until: datetime) -> bool:
    """Lease an item again whose lease ran out, if that takes nothing from anybody."""
    if not Assignment.objects.filter(pk=assignment.pk, state=State.EXPIRED).exists():
        return False
    with transaction.atomic():
        place = places.lock(assignment.participant_id)
        mine = Assignment.objects.filter(participant=place)
        expired = mine.filter(pk=assignment.pk, state=State.EXPIRED)
        # A guest who has left may have another tab open that still says it is at work.
        open_to_them = place.campaign.state != Campaign.State.CLOSED and not place.excluded and place.ended_at is None
        if not open_to_them or mine.filter(state=State.LEASED).exists() or not expired.exists():
            return False
        return take_slot(assignment.item_id) and bool(expired.update(state=State.LEASED, lease_until=until))


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


def _lease(place: Participant, item: Item, *, untouched: bool, now: datetime) -> Assignment:
    """Insert the lease, or revive one that ran out: its token stays, so that a tab left open can still submit."""
    item.campaign = place.campaign
    until = now + timedelta(minutes=place.campaign.lease_minutes)
    guideline: int | None = place.newest_guideline  # type: ignore[attr-defined]  # read with the place
    held = None if untouched else Assignment.objects.filter(item=item, participant=place).first()
    if held is None:
        token, order = tokens.name(place, item.pk)
        held = Assignment.objects.create(
            item=item,
            participant=place,
            token=token,
            lease_until=until,
            action_order=order,
            guideline_id=guideline,
        )
        held.untouched = True
    else:
        held.item, held.participant = item, place
        held.state = State.LEASED
        held.lease_until = until
        held.guideline_id = guideline
        held.save(update_fields=["state", "lease_until", "guideline"])
    return held
