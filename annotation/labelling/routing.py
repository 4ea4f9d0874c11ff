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
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hmac import compare_digest
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.crypto import salted_hmac

from annotation.campaigns import siblings
from annotation.errors import (
    AlreadySubmitted,
    ConsentMissing,
    Excluded,
    HeldBack,
    NotOpen,
    NotSkipped,
    SkipsUsedUp,
)
from annotation.kinds import KINDS
from annotation.labelling.compiled import Compiled
from annotation.models import Assignment, Campaign, Guideline, Item, Participant
from conflictscope.scenarios.option_orders import OptionOrder

logger = logging.getLogger(__name__)

State = Assignment.State
# What a page about an assignment needs, in the query that finds it.
TOLD_WITH = ("item__campaign", "item__scenario__value_1", "item__scenario__value_2", "item__response__scenario")
# What routing itself, and a sheet, need to know of a place and its campaign.
_OF_CAMPAIGN = ("name", "kind", "state", "quota", "lease_minutes", "sampling_plan")
_PLACE = ("excluded", "consented_at", "quota", "created_at", *(f"campaign__{name}" for name in _OF_CAMPAIGN))
# A person may skip one item in so many.
SKIPPED_AT_MOST = 10
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


def begun_ahead(participant: Participant, token: uuid.UUID) -> Assignment | None:
    """An item that `peek` showed, and that its person answered without a connection and so without a lease; None: it is none.

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
    return assignment


def peek(participant: Participant) -> tuple[Item, uuid.UUID, str] | None:
    """What the person may well get next: an item, and the token and order of actions it would have. Nothing is leased.

    Everybody is shown another item of the next few, so that it is seldom gone when they come to it. None: there is nothing
    new to show, though `claim` may still find something.

    Raises:
        NotOpen, Excluded, ConsentMissing: as `claim`.
    """
    place = _with_guideline(Participant.objects.select_related("campaign")).get(pk=participant.pk)
    _check_may_claim(place)
    if _quota_reached(place, with_leased=True):
        return None
    at_work = Assignment.objects.filter(item__campaign=place.campaign_id, state=State.LEASED).count()
    soon = list(
        _untouched(Item.objects.all(), place.pk, place.campaign_id).values_list("pk", flat=True)[
            : min(max(at_work, 1), AHEAD)
        ]
    )
    if not soon:
        return None
    item = _items(place.campaign.kind).get(pk=secrets.choice(soon))
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


def with_free_items(user: User, campaigns: Collection[Campaign]) -> set[int]:
    """The ids of those campaigns that have an open item which the person has neither submitted nor skipped."""
    dealt_with = Assignment.objects.filter(participant__user=user, state__in=DEALT_WITH).values("item")
    free = Item.objects.filter(campaign=OuterRef("pk"), open_slots__gt=0).exclude(pk__in=dealt_with)
    asked = Campaign.objects.filter(Exists(free), pk__in=[campaign.pk for campaign in campaigns])
    return set(asked.values_list("pk", flat=True))


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
        return submit_at(lock(assignment.participant_id), assignment, worked=worked, now=now or timezone.now()).fresh


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
    _check_may_claim(place)
    return None if _quota_reached(place) else _lease_best(place, wish=wish, now=now, wait=False)


def skip(assignment: Assignment, *, reason: str = "") -> bool:
    """Give the item to somebody else; it does not come back to this person, unless they undo it. False: it was skipped before.

    Raises:
        AlreadySubmitted: their answers to it stand.
        SkipsUsedUp: they have skipped as many as one person may.
    """
    with transaction.atomic():
        place = lock(assignment.participant_id)
        theirs = Assignment.objects.filter(participant=place)
        state = theirs.values_list("state", flat=True).get(pk=assignment.pk)
        if state == State.SUBMITTED:
            raise AlreadySubmitted("You have submitted this item, so it cannot be skipped any more.")
        if state == State.SKIPPED:
            return False
        most = skips_allowed(place)
        if theirs.filter(state=State.SKIPPED).count() >= most:
            raise SkipsUsedUp(
                f"You have skipped {most} of these items already, and at most one in ten may be skipped. Answer this one as "
                "well as you can, and say in a comment or a flag what is wrong with it."
            )
        # Only whoever changes a lease's row frees its slot: it may run out at this moment.
        values: dict[str, Any] = {"state": State.SKIPPED, "skip_reason": reason.strip()[:200]}
        if theirs.filter(pk=assignment.pk, state=State.LEASED).update(**values):
            free_slot(assignment.item_id)
        else:
            theirs.filter(pk=assignment.pk).update(**values)
    assignment.state = State.SKIPPED
    return True


def skips_allowed(participant: Participant) -> int:
    """One in ten of the items that are there for the person, and always one."""
    return max(goal_of(participant) // SKIPPED_AT_MOST, 1)


def goal_of(participant: Participant) -> int:
    """How many items the person is asked to label: their quota, or all of the campaign."""
    items = int(participant.campaign.sampling_plan.get("drawn", 0))
    quota = _quota_of(participant)
    return items if quota is None else min(quota, items)


def undo_skip(assignment: Assignment, *, now: datetime | None = None) -> bool:
    """Have the skipped item in hand again; what is in hand meanwhile goes back. False: it is in hand already.

    Raises:
        NotSkipped: it is dealt with otherwise, or somebody else has its last slot by now.
        NotOpen, Excluded, ConsentMissing: as `claim`.
    """
    now = now or timezone.now()
    with transaction.atomic():
        place = lock(assignment.participant_id)
        mine = Assignment.objects.filter(participant=place)
        this = mine.filter(pk=assignment.pk).only("state", "item").get()
        if this.state == State.LEASED:
            return False
        if this.state != State.SKIPPED:
            raise NotSkipped("You have not skipped this item, so there is no skip to take back.")
        _check_may_claim(place)
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
        mine.filter(pk=this.pk).update(state=State.LEASED, lease_until=until, skip_reason="")
    assignment.state, assignment.lease_until = State.LEASED, until
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
    (place,) = _LOCKED.rows(participant=participant_id)
    held: Participant = place
    return held


def _locked(participant: int) -> QuerySet[Participant]:
    places = Participant.objects.select_for_update(of=("self",)).select_related("campaign").filter(pk=participant)
    return _with_guideline(places).only(*_PLACE)


def _with_guideline(places: QuerySet[Participant]) -> QuerySet[Participant]:
    """Places with the id of the guideline that new work is done by, and whether the dataset has other campaigns."""
    newest = Guideline.objects.filter(campaign=OuterRef("campaign")).order_by("-version").values("pk")[:1]
    return places.annotate(newest_guideline=Subquery(newest), has_siblings=siblings.exist())


_LOCKED = Compiled(_locked, numbers=("participant",))


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
            return _told(held)
        if held is not None:
            _expire(held.pk, held.item_id, now=now)
        if _quota_reached(place):
            return None
        return _lease_best(place, wish=wish, now=now, wait=wait)


def _lease_best(place: Participant, *, wish: uuid.UUID | None, now: datetime, wait: bool) -> Assignment | None:
    if wish is not None and (wished := _wished(place, wish)) is not None and take_slot(wished):
        return _lease(place, _items(place.campaign.kind).get(pk=wished), untouched=False, now=now)
    while (best := _best_open_item(place, wait=wait)) is not None:
        item, untouched = best
        if take_slot(item.pk):
            return _lease(place, item, untouched=untouched, now=now)
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
    if participant.has_siblings and siblings.held_back([participant]):  # type: ignore[attr-defined]  # read with the place
        raise HeldBack(siblings.why(participant))


def _quota_of(participant: Participant) -> int | None:
    return participant.quota if participant.quota is not None else participant.campaign.quota


def _quota_reached(participant: Participant, *, with_leased: bool = False) -> bool:
    quota = _quota_of(participant)
    if quota is None:
        return False
    states = [State.SUBMITTED, State.LEASED] if with_leased else [State.SUBMITTED]
    return Assignment.objects.filter(participant=participant, state__in=states).count() >= quota


def _untouched(items: QuerySet[Item], participant: int, campaign: int) -> QuerySet[Item]:
    """Of these items the open ones of the person's campaign that they have never held, in the order of serving."""
    # NOT IN, not NOT EXISTS: PostgreSQL makes one hash of the person's items, whatever its statistics say, where it would
    # join each open item with each of theirs as long as it takes them for few.
    mine = Assignment.objects.filter(participant=participant).values("item")
    open_items = items.filter(open_slots__gt=0, campaign=campaign)
    return open_items.exclude(pk__in=mine).order_by("priority", "shuffle_key", "pk")


def _best_open_item(participant: Participant, *, wait: bool) -> tuple[Item, bool] | None:
    """The item with all that a sheet tells of it, and whether the person has never held it."""
    skip_locked = not wait and connection.features.has_select_for_update_skip_locked
    # Two looks instead of one sort: the first walks the index of open items and stops at the first that fits, the second
    # begins with the few items that the person let go.
    best: Item | None = _next_untouched(participant.campaign.kind, skip_locked).first(
        participant=participant.pk, campaign=participant.campaign_id
    )
    if best is not None:
        return best, True
    let_go = Assignment.objects.filter(participant=participant, state=State.EXPIRED).values("item")
    again = _items(participant.campaign.kind).filter(open_slots__gt=0, campaign=participant.campaign_id, pk__in=let_go)
    again = again.order_by("priority", "shuffle_key", "pk")
    best = again.select_for_update(of=("self",), skip_locked=skip_locked).first()
    return (best, False) if best is not None else None


@cache
def _next_untouched(kind: str, skip_locked: bool) -> Compiled[Item]:
    def build(participant: int, campaign: int) -> QuerySet[Item]:
        untouched = _untouched(_items(kind), participant, campaign)
        return untouched.select_for_update(of=("self",), skip_locked=skip_locked)[:1]

    return Compiled(build, numbers=("participant", "campaign"))


def _wished(participant: Participant, token: uuid.UUID) -> int | None:
    """The item that `peek` showed under this token, if it is open and new to the person, or begun already."""
    begun = Assignment.objects.filter(participant=participant, token=token, state=State.EXPIRED).first()
    if begun is not None:
        return begun.item_id
    item_id = _item_of(participant, token)
    return (
        item_id
        if item_id is not None
        and _untouched(Item.objects.all(), participant.pk, participant.campaign_id).filter(pk=item_id).exists()
        else None
    )


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


def _lease(place: Participant, item: Item, *, untouched: bool, now: datetime) -> Assignment:
    """Insert the lease, or revive one that ran out: its token stays, so that a tab left open can still submit."""
    item.campaign = place.campaign
    until = now + timedelta(minutes=place.campaign.lease_minutes)
    guideline: int | None = place.newest_guideline  # type: ignore[attr-defined]  # read with the place
    held = None if untouched else Assignment.objects.filter(item=item, participant=place).first()
    if held is None:
        token, order = _name(place, item.pk)
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


def _told(assignment: Assignment) -> Assignment:
    """The assignment with what a sheet tells of its item."""
    campaign = assignment.participant.campaign
    item = _items(campaign.kind).get(pk=assignment.item_id)
    item.campaign = campaign
    assignment.item = item
    return assignment


def _items(kind: str) -> QuerySet[Item]:
    """Items with what a sheet tells of them, and no more: a scenario's vector alone is longer than its text."""
    told = KINDS[kind].told
    only = [f"{related}__{name}" for related, names in told.items() for name in names]
    return Item.objects.select_related(*told).only("campaign", "scenario", "response", *only)
