"""From an address to a person's place or work behind it, if the study lets them label there: 404 for everybody else."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import Http404

from annotation.campaigns.lifecycle import join
from annotation.errors import LeaseUnknown
from annotation.labelling.routing import TOLD_WITH
from annotation.models import Assignment, Campaign, Participant
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Action, roles_that_may

# What decides which questions an item has, and whether its answers count.
_ASKED_WITH = ("item__campaign", "item__scenario", "item__response__scenario")
_ASKED = (
    *("state", "surplus", "token", "lease_until", "action_order", "submitted_at"),
    *("participant__user", "participant__excluded", "participant__campaign"),
    *("item__is_training", "item__campaign__kind", "item__campaign__state", "item__campaign__lease_minutes"),
    *("item__scenario__value_1", "item__response__scenario__value_1"),
)


def place_in(campaign_id: int, user: User) -> Participant:
    """The person's place in a campaign that is no draft any more, made if this is their first visit.

    Raises:
        Http404: there is no such campaign for them.
    """
    place = (
        Participant.objects.filter(_labels(user, "campaign__study"), campaign=campaign_id, user=user)
        .exclude(campaign__state=Campaign.State.DRAFT)
        .select_related("campaign")
        .first()
    )
    if place is None:
        place = join(_or_404(Campaign.objects.labelled_by(user), campaign_id), user)
    place.user = user
    return place


def assignment_of(user: User, token: uuid.UUID, *, told: bool = False) -> Assignment:
    """The person's assignment of that token; `told`: with all that a sheet tells of its item, not only what is asked of it.

    Raises:
        LeaseUnknown: there is none, it is not theirs, or they do not label in its study any more.
    """
    found = Assignment.objects.filter(_labels(user, "item__campaign__study"), token=token, participant__user=user)
    if told:
        found = found.select_related("participant", *TOLD_WITH)
    else:
        found = found.select_related("participant", *_ASKED_WITH).only(*_ASKED)
    try:
        assignment = found.get()
    except Assignment.DoesNotExist as exc:
        raise LeaseUnknown("This item is not in your hands. Ask for the next one and continue from there.") from exc
    assignment.participant.campaign = assignment.item.campaign
    return assignment


def submissions_of(user: User) -> QuerySet[Assignment]:
    """All that the person has submitted, in studies in which they label, the latest first; each with its item and answers."""
    mine = Assignment.objects.filter(
        _labels(user, "item__campaign__study"), participant__user=user, state=Assignment.State.SUBMITTED
    )
    return (
        mine.select_related("participant__campaign", "item__campaign__study", *TOLD_WITH)
        .defer("item__scenario__embedding", "item__response__scenario__embedding")
        .prefetch_related("annotations", "flags")
        .annotate(changes=Count("revisions"))
        .order_by("-submitted_at", "-pk")
    )


def in_hand(user: User) -> list[Assignment]:
    """What the person holds at present, at most one item in each campaign."""
    held = Assignment.objects.filter(
        _labels(user, "item__campaign__study"), participant__user=user, state=Assignment.State.LEASED
    )
    return list(held.select_related("item"))


def _labels(user: User, study: str) -> Exists:
    mine = Membership.objects.filter(study=OuterRef(study), user=user, role__in=roles_that_may(Action.LABEL))
    return Exists(mine)


def _or_404(campaigns: QuerySet[Campaign], campaign_id: int) -> Campaign:
    try:
        return campaigns.select_related("study").get(pk=campaign_id)
    except Campaign.DoesNotExist as exc:
        raise Http404("No such campaign, or it is not open to you.") from exc
