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
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from annotation.errors import AlreadySubmitted, ConsentMissing, Excluded, LeaseUnknown, NotOpen
from annotation.models import Assignment, Campaign, Item, Participant
from evaluation.models import OptionOrder

logger = logging.getLogger(__name__)

State = Assignment.State
# What a page about an assignment needs, in the query that finds it.
TOLD_WITH = ("item__campaign", "item__scenario__value_1", "item__scenario__value_2", "item__response__scenario")
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
    try:
        assignment = Assignment.objects.select_related(*TOLD_WITH).get(token=token, participant=participant)
    except Assignment.DoesNotExist as exc:
        raise LeaseUnknown("This item is not in your hands. Go to your queue and continue from there.") from exc
    assignment.participant = participant
    return assignment


def claim(participant: Participant, *, now: datetime | None = None) -> Assignment | None:
    """Lease the best open item to the person, or return the lease that they hold.

    Best is: none that they submitted or skipped; those whose lease they let run out come last, but they come; then by
    priority and in shuffled order. None: there is nothing for them now, and `why_nothing` says why.

    Raises:
        NotOpen, Excluded, ConsentMissing: no work is given out, or not to them.
    """
    now = now or timezone.now()
    return_expired(participant.campaign, participant=participant, now=now)
    assignment = _take(participant, now=now, wait=False)
    if assignment is None:
        # What others hold locked, and leases that ran out, were passed over: look once more, and wait this time.
        return_expired(participant.campaign, now=now)
        assignment = _take(participant, now=now, wait=True)
    return assignment


def why_nothing(participant: Participant) -> Nothing:
    """Why `claim` came back empty: "no more work" is only said when it is true."""
    if _quota_reached(participant):
        return Nothing.QUOTA
    mine = Assignment.objects.filter(item=OuterRef("pk"), participant=participant, state__in=DEALT_WITH)
    leased = Assignment.objects.filter(item=OuterRef("pk"), state=State.LEASED)
    may_come = (
        Item.objects.filter(campaign=participant.campaign_id)
        .filter(~Exists(mine))
        .filter(Q(open_slots__gt=0) | Exists(leased))
    )
    return Nothing.WAITING if may_come.exists() else Nothing.DONE


def renew(assignment: Assignment, *, now: datetime | None = None) -> bool:
    """Let a lease run anew from now, because its person is at work. False: it is no lease any more."""
    now = now or timezone.now()
    until = now + timedelta(minutes=assignment.item.campaign.lease_minutes)
    renewed = Assignment.objects.filter(pk=assignment.pk, state=State.LEASED).update(lease_until=until)
    if renewed:
        assignment.lease_until = until
    return bool(renewed)


def submit(assignment: Assignment, *, now: datetime | None = None) -> bool:
    """Count the assignment's answers. False: it was submitted before (the same request came again).

    Work is never thrown away: if the lease has run out, or the item was skipped, the submission retakes a free slot; if there
    is none, or the campaign has closed meanwhile, it is stored as surplus.
    """
    now = now or timezone.now()
    with transaction.atomic():
        participant = _lock(assignment.participant_id)
        campaign_open = participant.campaign.state != Campaign.State.CLOSED
        mine = Assignment.objects.filter(pk=assignment.pk)
        if mine.filter(state=State.LEASED).update(state=State.SUBMITTED, submitted_at=now, surplus=not campaign_open):
            if not campaign_open:
                _free_slot(assignment.item_id)
        else:
            if mine.filter(state=State.SUBMITTED).exists():
                assignment.refresh_from_db(fields=["state", "surplus", "submitted_at", "lease_until"])
                return False
            counted = campaign_open and _take_slot(assignment.item_id)
            mine.update(state=State.SUBMITTED, submitted_at=now, surplus=not counted)
    assignment.refresh_from_db(fields=["state", "surplus", "submitted_at", "lease_until"])
    logger.info("Assignment %s submitted%s", assignment.pk, " as surplus" if assignment.surplus else "")
    return True


def skip(assignment: Assignment, *, reason: str = "", now: datetime | None = None) -> bool:
    """Give the item to somebody else; it does not come back to this person. False: it was skipped before.

    Raises:
        AlreadySubmitted: their answers to it stand.
    """
    with transaction.atomic():
        _lock(assignment.participant_id)
        mine = Assignment.objects.filter(pk=assignment.pk)
        values: dict[str, Any] = {"state": State.SKIPPED, "skip_reason": reason.strip()[:200]}
        if mine.filter(state=State.LEASED).update(**values):
            _free_slot(assignment.item_id)
        elif not mine.filter(state=State.EXPIRED).update(**values):
            assignment.refresh_from_db(fields=["state"])
            if assignment.state == State.SUBMITTED:
                raise AlreadySubmitted("You have submitted this item, so it cannot be skipped any more.")
            return False
    assignment.state = State.SKIPPED
    return True


def return_expired(campaign: Campaign, *, participant: Participant | None = None, now: datetime | None = None) -> int:
    """Give the slots of leases that ran out back to their items. Returns how many there were.

    A lease ends exactly once: whoever changes its row from leased gives the slot back, so doing this twice, or from many
    processes at once, is harmless.
    """
    now = now or timezone.now()
    overdue = Assignment.objects.filter(item__campaign=campaign, state=State.LEASED, lease_until__lte=now)
    if participant is not None:
        overdue = overdue.filter(participant=participant)
    returned = 0
    for pk, item_id in list(overdue.order_by("pk").values_list("pk", "item_id")):
        with transaction.atomic():
            still = Assignment.objects.filter(pk=pk, state=State.LEASED, lease_until__lte=now)
            if still.update(state=State.EXPIRED):
                _free_slot(item_id)
                returned += 1
    if returned:
        logger.info("Campaign %s: %s leases ran out", campaign.pk, returned)
    return returned


def _take(participant: Participant, *, now: datetime, wait: bool) -> Assignment | None:
    """One look at the queue, in one transaction that begins with the person's own row."""
    with transaction.atomic():
        place = _lock(participant.pk)
        _check_may_claim(place)
        held = Assignment.objects.filter(participant=place, state=State.LEASED).select_related(*TOLD_WITH).first()
        if held is not None:
            return held
        if _quota_reached(place):
            return None
        while (item := _best_open_item(place, wait=wait)) is not None:
            if _take_slot(item.pk):
                return _lease(place, item, now=now)
        return None


def _lock(participant_id: int) -> Participant:
    return Participant.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=participant_id)


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


def _quota_reached(participant: Participant) -> bool:
    quota = participant.quota if participant.quota is not None else participant.campaign.quota
    if quota is None:
        return False
    return Assignment.objects.filter(participant=participant, state=State.SUBMITTED).count() >= quota


def _best_open_item(participant: Participant, *, wait: bool) -> Item | None:
    skip_locked = not wait and connection.features.has_select_for_update_skip_locked
    open_items: QuerySet[Item] = (
        Item.objects.open()
        .filter(campaign=participant.campaign_id)
        .order_by("priority", "shuffle_key", "pk")
        .select_for_update(skip_locked=skip_locked)
    )
    mine = Assignment.objects.filter(item=OuterRef("pk"), participant=participant)
    # Two looks instead of one sort, so that each walks the index of open items and stops at the first that fits.
    untouched = open_items.filter(~Exists(mine)).first()
    return untouched or open_items.filter(Exists(mine.filter(state=State.EXPIRED))).first()


def _take_slot(item_id: int) -> bool:
    return bool(Item.objects.filter(pk=item_id, open_slots__gt=0).update(open_slots=F("open_slots") - 1))


def _free_slot(item_id: int) -> None:
    Item.objects.filter(pk=item_id).update(open_slots=F("open_slots") + 1)


def _lease(participant: Participant, item: Item, *, now: datetime) -> Assignment:
    """Insert the lease, or revive one that ran out: its token stays, so that a tab left open can still submit."""
    campaign = participant.campaign
    until = now + timedelta(minutes=campaign.lease_minutes)
    assignment, new = Assignment.objects.get_or_create(
        item=item,
        participant=participant,
        defaults={
            "token": uuid.uuid4(),
            "lease_until": until,
            "action_order": secrets.choice(OptionOrder.values),
            "guideline": campaign.guidelines.last(),
        },
    )
    if not new:
        assignment.state = State.LEASED
        assignment.lease_until = until
        assignment.guideline = campaign.guidelines.last()
        assignment.save(update_fields=["state", "lease_until", "guideline"])
    item.campaign = campaign
    assignment.item = item
    return assignment
