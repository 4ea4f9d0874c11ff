"""From an address to a person's place or work behind it, if the study lets them label there: 404 for everybody else."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404

from annotation.campaigns.lifecycle import join
from annotation.errors import LeaseUnknown
from annotation.labelling.compiled import Compiled
from annotation.labelling.routing import begun_ahead
from annotation.labelling.serving import TOLD_WITH
from annotation.models import Assignment, Campaign, Participant
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Action, roles_that_may

_HEAVY = ("item__scenario__embedding", "item__response__scenario__embedding")
# What decides which questions an item has, and whether its answers count.
_ASKED_WITH = ("item__campaign", "item__scenario", "item__response__scenario")
_ASKED = (
    *("state", "surplus", "token", "lease_until", "action_order", "submitted_at"),
    *("participant__user", "participant__excluded", "participant__shown_since", "participant__campaign"),
    *("item__use", "item__campaign__kind", "item__campaign__state", "item__campaign__lease_minutes"),
    "item__campaign__second_answers",
    "item__campaign__unsure",
    *("item__scenario__value_1", "item__response__scenario__value_1"),
)


def place_in(campaign_id: int, user: User) -> Participant:
    """The person's place in a campaign that is no draft any more, made if this is their first visit.

    Raises:
        Http404: there is no such campaign for them.
    """
    return _place(user, pk=campaign_id)


def place_named(study: str, campaign: str, user: User) -> Participant:
    """The same by the names that an address has."""
    return _place(user, study__slug=study, slug=campaign)


def assignment_of(user: User, token: uuid.UUID, *, place: Participant | None = None, told: bool = False) -> Assignment:
    """The person's assignment of that token, in this place of theirs alone if one is given.

    `told`: with all that a sheet tells of its item, not only what is asked of it. An item that was only shown ahead, and
    answered without a connection, becomes an assignment here (`routing.begun_ahead`).

    Raises:
        LeaseUnknown: there is none, it is not theirs, or they do not label in its study any more.
    """
    assignment: Assignment | None = (_TOLD if told else _ASKED_OF).first(user=user.pk, token=token)
    if assignment is not None and place is not None and assignment.participant_id != place.pk:
        assignment = None
    assignment = assignment or _begun_ahead(user, token, place)
    if assignment is None:
        raise LeaseUnknown("This item is not in your hands. Ask for the next one and continue from there.")
    assignment.participant.campaign = assignment.item.campaign
    assignment.participant.user = user
    return assignment


def _mine(user: int, token: uuid.UUID) -> QuerySet[Assignment]:
    theirs = Assignment.objects.filter(_labels(user, "participant"), token=token, participant__user=user)
    return theirs.select_related("participant").order_by()[:1]


def _asked_of(user: int, token: uuid.UUID) -> QuerySet[Assignment]:
    return _mine(user, token).select_related("participant", *_ASKED_WITH).only(*_ASKED)


def _told(user: int, token: uuid.UUID) -> QuerySet[Assignment]:
    return _mine(user, token).select_related("participant", *TOLD_WITH).defer(*_HEAVY)


_ASKED_OF = Compiled(_asked_of, numbers=("user",), tokens=("token",))
_TOLD = Compiled(_told, numbers=("user",), tokens=("token",))


def _begun_ahead(user: User, token: uuid.UUID, place: Participant | None) -> Assignment | None:
    theirs = Participant.objects.filter(_labels(user), user=user).select_related("campaign")
    shown = (begun_ahead(each, token) for each in ([place] if place is not None else theirs))
    return next((assignment for assignment in shown if assignment is not None), None)


def submissions_of(user: User) -> QuerySet[Assignment]:
    """All that the person has submitted, in studies in which they label, the latest first; each with its item and answers."""
    mine = Assignment.objects.filter(
        _labels(user, "participant"), participant__user=user, state=Assignment.State.SUBMITTED
    )
    return (
        mine.select_related("participant__campaign", "item__campaign__study", *TOLD_WITH)
        .defer(*_HEAVY)
        .prefetch_related("annotations", "flags")
        .annotate(changes=Count("revisions"))
        .order_by("-submitted_at", "-pk")
    )


def in_hand(user: User) -> list[Assignment]:
    """What the person holds at present, at most one item in each campaign."""
    held = Assignment.objects.filter(
        _labels(user, "participant"), participant__user=user, state=Assignment.State.LEASED
    )
    return list(held.select_related("item"))


def _labels(user: User | int, place: str = "") -> Q:
    """Whether the person behind a place may label there: a member whose role is to, or a guest, in that place alone."""
    before = f"{place}__" if place else ""
    mine = Membership.objects.filter(
        study=OuterRef(f"{before}campaign__study"), user=user, role__in=roles_that_may(Action.LABEL)
    )
    return Q(Exists(mine)) | Q(**{f"{before}guest": True})


def _place(user: User, **named: Any) -> Participant:
    mine = Participant.objects.filter(
        _labels(user), user=user, **{f"campaign__{name}": value for name, value in named.items()}
    )
    place = mine.exclude(campaign__state=Campaign.State.DRAFT).select_related("campaign__study").first()
    if place is None:
        campaign = Campaign.objects.labelled_by(user).filter(**named).select_related("study").first()
        if campaign is None:
            raise Http404("No such campaign, or it is not open to you.")
        place = join(campaign, user)
    place.user = user
    return place
