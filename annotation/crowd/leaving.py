"""How a guest's time in a campaign ends: finished, screened out, failed, out of time, or withdrawn; and what they take along."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from annotation.consensus import deciding
from annotation.consensus.job import jobs_of
from annotation.crowd.entering import digest_of
from annotation.crowd.models import CrowdIdentity, Departure, GroupAnswer, Guest, Recruitment, WayOut, Withdrawn
from annotation.labelling import places, routing, serving
from annotation.labelling.exclusion import leave_out
from annotation.models import Annotation, Assignment, Campaign, Flag, Participant, Revision

logger = logging.getLogger(__name__)

State = Assignment.State
WITHDREW = "Withdrew, and took the answers along"
_BATCH = 200


@dataclass(frozen=True, slots=True)
class GuestStanding:
    """Where a guest stands. `ending`: how their time would end, or has ended; empty: there is work for them. `may_finish`: they may
    go now and have done what was asked, though something might still come."""

    ending: str = ""
    may_finish: bool = False


def standing_of(guest: Guest, *, now: datetime | None = None) -> GuestStanding:
    """
    Needs the participant and its campaign as they are now.
    """
    place = guest.participant
    if guest.ending:
        return GuestStanding(guest.ending)
    if place.excluded or place.qualification == Participant.Qualification.FAILED:
        return GuestStanding(Departure.FAILED)
    if (until := deadline_of(guest)) is not None and (now or timezone.now()) >= until:
        return GuestStanding(Departure.TIMED_OUT)
    if place.campaign.state == Campaign.State.CLOSED:
        return GuestStanding(_done(place))
    if Assignment.objects.filter(participant=place, state=State.LEASED).exists():
        return GuestStanding()
    why = None if _has_free_item(place) and not places.quota_reached(place) else serving.why_nothing(place)
    if why in (serving.Nothing.DONE, serving.Nothing.QUOTA):
        return GuestStanding(_done(place))
    return GuestStanding(may_finish=why is serving.Nothing.WAITING or place.campaign.state == Campaign.State.PAUSED)


def deadline_of(guest: Guest) -> datetime | None:
    """When their time is over, counted from when their place was made; None: there is no limit."""
    recruitment = Recruitment.objects.filter(pk=guest.participant.campaign_id).first()
    if recruitment is None or recruitment.minutes is None:
        return None
    return guest.participant.created_at + timedelta(minutes=recruitment.minutes)


def finish(guest: Guest, *, now: datetime | None = None) -> str:
    """The guest goes. Returns how their time ended; empty: there is work for them yet, and they only pause."""
    standing = standing_of(guest, now=now)
    ending = standing.ending or (_done(guest.participant) if standing.may_finish else "")
    if ending:
        end(guest, ending)
    return ending


def end(guest: Guest, ending: str) -> None:
    """What is in their hands goes back at once, and nothing more is handed out to them. Twice is once."""
    with transaction.atomic():
        places.lock(guest.participant_id)
        routing.hand_back(guest.participant)
        fresh = Guest.objects.filter(pk=guest.pk, ending="").update(ending=ending)
        if fresh:
            Participant.objects.filter(pk=guest.participant_id).update(ended_at=timezone.now())
    guest.refresh_from_db(fields=["ending"])
    if fresh:
        logger.info("Guest at place %s: %s", guest.participant_id, ending)


def way_out_of(guest: Guest) -> WayOut | None:
    """What they take back to the platform; None: they have not left, or nothing is needed."""
    ways = WayOut.objects.filter(campaign=guest.participant.campaign_id)
    return ways.filter(ending=guest.ending).first() if guest.ending else None


def withdraw(guest: Guest) -> None:
    """Erase who the guest is, and end their time. Their answers stay, or go, as the text that they agreed to said.

    Where they go, every slot they took opens again, and what was decided with them is decided anew or withdrawn: rankings that
    were fitted to it say that the data has moved on.
    """
    place = guest.participant
    with transaction.atomic():
        places.lock(place.pk)
        routing.hand_back(place)
        identity = CrowdIdentity.objects.filter(participant=place).first()
        if identity is not None:
            digest = digest_of(place.campaign, identity.external_id)
            Withdrawn.objects.get_or_create(campaign=place.campaign, digest=digest)
            identity.delete()
        GroupAnswer.objects.filter(participant=place).delete()
        Guest.objects.filter(pk=guest.pk).update(ending=Departure.WITHDREW)
        gone = {"excluded": True, "excluded_reason": WITHDREW} if guest.consent.labels_go else {}
        Participant.objects.filter(pk=place.pk).update(ended_at=timezone.now(), **gone)
        place.user.is_active = False
        place.user.set_unusable_password()
        place.user.save(update_fields=["is_active", "password"])
    guest.refresh_from_db(fields=["ending"])
    place.refresh_from_db(fields=["excluded", "excluded_reason", "ended_at"])
    if guest.consent.labels_go:
        _take_answers_along(place)
    logger.info("Guest at place %s has withdrawn", place.pk)


def end_overdue(*, now: datetime | None = None) -> int:
    """End the time of guests who let it run out, so that what they hold goes back. Returns how many there were."""
    now = now or timezone.now()
    limited = Guest.objects.filter(ending="", participant__campaign__recruitment__minutes__isnull=False)
    started = F("participant__campaign__recruitment__minutes")
    overdue = [
        guest
        for guest in limited.annotate(minutes=started).select_related("participant")
        if guest.participant.created_at + timedelta(minutes=guest.minutes) <= now
    ]
    for guest in overdue:
        end(guest, Departure.TIMED_OUT)
    return len(overdue)


def complete_withdrawals() -> int:
    """Take along the answers of whoever withdrew with them, where a process died in between. Returns how many there were."""
    left_behind = Annotation.objects.filter(assignment__participant=OuterRef("pk"))
    # What was decided with answers that are gone already: `_take_answers_along` changes the state last.
    half_way = Assignment.objects.filter(participant=OuterRef("pk"), state=State.SUBMITTED)
    withdrew = Participant.objects.filter(as_guest__ending=Departure.WITHDREW, as_guest__consent__labels_go=True)
    places_left = list(withdrew.filter(Exists(left_behind) | Exists(half_way)))
    for place in places_left:
        _take_answers_along(place)
    return len(places_left)


def _done(place: Participant) -> str:
    """Finished, or screened out before they could do anything. To have skipped what was hard to bear is to have done something."""
    dealt_with = Q(state=State.SUBMITTED) | Q(state=State.SKIPPED, distressing=True)
    something = Assignment.objects.filter(dealt_with, participant=place).exists()
    return Departure.FINISHED if something else Departure.SCREENED_OUT


def _has_free_item(place: Participant) -> bool:
    return bool(serving.with_free_items(place.user, [place.campaign]))


def _take_answers_along(place: Participant) -> None:
    """Erase first, then decide anew; done again after an interruption, it goes on where it was."""
    leave_out(place)
    mine = Assignment.objects.filter(participant=place)
    with transaction.atomic():
        for model in (Annotation, Revision, Flag):
            model.objects.filter(assignment__in=mine).delete()
        mine.exclude(skip_reason="").update(skip_reason="")
    campaign = Campaign.objects.select_related("dataset__value_set_version", "dataset__primary_judge", "study").get(
        pk=place.campaign_id
    )
    # Without it nothing was decided by votes: what somebody settled by hand stands, and nothing else is decided on the way.
    if (last := jobs_of(campaign).first()) is not None:
        items = list(mine.filter(item__decisions__isnull=False).values_list("item", flat=True).distinct())
        for first in range(0, len(items), _BATCH):
            deciding.decide_items(campaign, items[first : first + _BATCH], minimum=last.parameters["minimum"])
    # Nothing is left that could be counted again if somebody took the exclusion back.
    mine.filter(state=State.SUBMITTED).update(state=State.EXPIRED)
