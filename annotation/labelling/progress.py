"""How far a person is in their campaigns, which of them ask for work, and in words why one does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from annotation.campaigns import siblings
from annotation.labelling import places, serving
from annotation.models import Assignment, Campaign, Item, Participant


@dataclass(frozen=True, slots=True)
class OwnProgress:
    """How far one person is. `goal` is their quota, or all the campaign's items; `quota` is empty where it does not bind.

    `nothing`: there is no item for them, though they have not been through all: others have labelled the rest. `spared`: of those
    skipped, how many were hard to bear.
    """

    done: int
    skipped: int
    goal: int
    quota: int | None = None
    active_seconds: int = 0
    skips_allowed: int = 1
    nothing: bool = False
    spared: int = 0

    @property
    def left(self) -> int:
        return 0 if self.nothing else max(self.goal - self.done - self.skipped, 0)

    @property
    def skips_left(self) -> int:
        return max(self.skips_allowed - (self.skipped - self.spared), 0)

    @property
    def minutes_left(self) -> int | None:
        """What the rest takes at the person's own pace; unknown until they have done three items with a clock running."""
        if self.done < 3 or not self.active_seconds:
            return None
        return math.ceil(self.left * self.active_seconds / self.done / 60)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """`notice` says in a sentence why there is no work at present, or that what is in hand would not count."""

    campaign: Campaign
    progress: OwnProgress
    started: bool
    notice: str = ""

    @property
    def gives_work(self) -> bool:
        return not self.notice


def progress_of(participant: Participant) -> OwnProgress:
    """The person's own progress in their campaign."""
    return _progress_of(participant, _counts([participant.pk]).get(participant.pk, {}))


def queue_of(user: User) -> list[QueueEntry]:
    """The campaigns that ask the person, those that pause included, with how far they are; and closed ones whose item they hold."""
    holds = Assignment.objects.filter(
        item__campaign=OuterRef("pk"), participant__user=user, state=Assignment.State.LEASED
    )
    asking = Q(state=Campaign.State.OPEN) | Q(state=Campaign.State.PAUSED) | Exists(holds)
    campaigns = list(Campaign.objects.labelled_by(user).filter(asking).select_related("study").order_by("pk"))
    of_campaign = {place.campaign_id: place for place in Participant.objects.filter(user=user, campaign__in=campaigns)}
    counts = _counts([place.pk for place in of_campaign.values()])
    held_back = siblings.held_back(of_campaign.values())
    free = serving.with_free_items(user, campaigns)
    entries = []
    for campaign in campaigns:
        place = of_campaign.get(campaign.pk) or Participant(campaign=campaign, user=user)
        place.campaign = campaign
        counted = counts.get(place.pk, {})
        if campaign.state == Campaign.State.PAUSED and not counted:
            continue  # it may have begun for others, and asks this person when it goes on
        notice = _notice(place, holds=bool(counted.get(Assignment.State.LEASED)), held_back=place.pk in held_back)
        nothing = not notice and not counted.get(Assignment.State.LEASED) and campaign.pk not in free
        if nothing:
            notice = (
                serving.why_nothing(place).sentence if place.pk else "Others have labelled all there is here already."
            )
        progress = replace(_progress_of(place, counted), nothing=nothing)
        entries.append(QueueEntry(campaign, progress, bool(counted), notice))
    return entries


def waiting_for(user: User) -> list[str]:
    """A line for each campaign that has work for the person now, for a mail to them."""
    return [
        f"{entry.campaign.name} ({entry.campaign.study}): up to {entry.progress.left:,} items"
        for entry in queue_of(user)
        if entry.gives_work and entry.progress.left
    ]


def _notice(place: Participant, *, holds: bool, held_back: bool) -> str:
    campaign = place.campaign
    if place.excluded:
        return "You cannot go on labelling here. Ask the people who run the study if you think this is wrong."
    if place.qualification == Participant.Qualification.FAILED:
        return "You have practised here, and cannot go on: too many answers were not those that the campaign goes by."
    if campaign.state == Campaign.State.CLOSED:
        return (
            "The campaign is closed. An item is still in your hands: what you submit now is kept, and does not count."
        )
    if campaign.state == Campaign.State.PAUSED:
        more = " The item in your hands can be finished, and counts." if holds else ""
        return f"The campaign is paused: nothing new is handed out.{more}"
    return siblings.why(place) if held_back and not holds else ""


@dataclass(frozen=True, slots=True)
class SessionWork:
    """What a person has done since midnight: items, minutes at work, and the median seconds of an item, where times are known."""

    items: int
    minutes: int
    median_seconds: float | None


def session_of(user: User, *, now: datetime | None = None) -> SessionWork | None:
    """None: nothing yet today."""
    midnight = timezone.localtime(now or timezone.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    done = Assignment.objects.filter(
        participant__user=user, state=Assignment.State.SUBMITTED, submitted_at__gte=midnight
    )
    seconds = list(done.order_by().values_list("active_seconds", flat=True))
    if not seconds:
        return None
    known = [each for each in seconds if each]
    return SessionWork(len(seconds), round(sum(known) / 60), median(known) if known else None)


def standing_notice(assignment: Assignment) -> str:
    """In a sentence why what the person answers would not count as things stand; empty where it would.

    Needs the participant and the campaign as they are now.
    """
    campaign = assignment.item.campaign
    if assignment.participant.excluded:
        return "You cannot go on labelling here: what you answer is kept, and does not count."
    if campaign.state == Campaign.State.CLOSED:
        return "The campaign is closed: what you answer is kept, and does not count."
    if assignment.state == Assignment.State.SUBMITTED:
        return (
            "Your answers came after the item had gone to others: they are kept, and do not count."
            if assignment.surplus
            else ""
        )
    if assignment.state != Assignment.State.LEASED:
        full = not Item.objects.open().filter(pk=assignment.item_id).exists()
        if full:
            return "The item has gone to others: what you answer is kept, and would not count."
        return "The item is not held for you any more; submitted now it counts, unless somebody is faster."
    if campaign.state == Campaign.State.PAUSED:
        return "The campaign is paused: this item can be finished, and counts; nothing comes after it for now."
    return ""


def _counts(participants: list[int]) -> dict[int, dict[str, int]]:
    """For each of them how many items are in each state, and the seconds they were at work on what they submitted."""
    counts: dict[int, dict[str, int]] = {}
    for participant, state, number, seconds, spared in _by_state(_worked(participants)):
        of_person = counts.setdefault(participant, {})
        of_person[state] = number
        if state == Assignment.State.SUBMITTED:
            of_person["seconds"] = seconds
        if spared:
            of_person["spared"] = spared
    return counts


def _worked(participants: list[int]) -> QuerySet[Assignment]:
    """What is on the way to the goal: items to practise on are not."""
    return Assignment.objects.filter(participant__in=participants).exclude(item__use=Item.Use.TRAINING)


def _by_state(assignments: QuerySet[Assignment]) -> QuerySet[Assignment, Any]:
    by_state = assignments.order_by().values_list("participant", "state")
    return by_state.annotate(Count("pk"), Sum("active_seconds"), spared=Count("pk", filter=Q(distressing=True)))


def _progress_of(place: Participant, counted: Mapping[str, int]) -> OwnProgress:
    items = places.items_of(place.campaign)
    quota = place.quota if place.quota is not None else place.campaign.quota
    return OwnProgress(
        done=counted.get(Assignment.State.SUBMITTED, 0),
        skipped=counted.get(Assignment.State.SKIPPED, 0),
        goal=places.goal_of(place),
        quota=quota if quota is not None and quota < items else None,
        active_seconds=counted.get("seconds", 0),
        skips_allowed=places.skips_allowed(place),
        spared=counted.get("spared", 0),
    )
