"""Answers changed after their submission: by the person who gave them, and only among their latest.

A change replaces the whole sheet at once, so that what counts is always complete; what stood before is kept as a `Revision`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from annotation.errors import NotEditable
from annotation.labelling import places, serving
from annotation.labelling.answers import store
from annotation.labelling.checking import Given, check_answers, check_complete, check_not_at_odds
from annotation.models import Assignment, Campaign, Item, Participant, Revision

logger = logging.getLogger(__name__)

LATEST = 10


@dataclass(frozen=True, slots=True)
class OwnSubmission:
    """One of a person's own submissions. `changes` counts how often they changed it."""

    assignment: Assignment
    changes: int
    editable: bool


def latest(participant: Participant, *, most: int = LATEST) -> list[OwnSubmission]:
    """The person's submissions in their campaign, the latest first, with the item of each."""
    rows = list(_submitted(participant).select_related(*serving.TOLD_WITH).annotate(changes=Count("revisions"))[:most])
    may = _may_edit(participant)
    return [
        OwnSubmission(row, row.changes, editable=may and place < LATEST and row.item.use != Item.Use.TRAINING)
        for place, row in enumerate(rows)
    ]


def editable_of(participants: Iterable[Participant]) -> set[int]:
    """The ids of those of their submissions that these people may still change. One query for each of them."""
    return {
        pk
        for participant in participants
        if _may_edit(participant)
        for pk, use in _submitted(participant).values_list("pk", "item__use")[:LATEST]
        if use != Item.Use.TRAINING
    }


def edit(
    assignment: Assignment,
    answers: Mapping[str, str],
    *,
    comments: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
    sure: bool = False,
    now: datetime | None = None,
) -> bool:
    """Let these answers and comments stand in place of the submitted ones. False: they stood so already.

    Raises:
        NotEditable: it is not submitted, not one of the person's latest, or nothing counts any more.
        AnswersMissing, AnswerUnknown, AtOdds: naming the question; the submitted answers stand unchanged.
    """
    given = Given(dict(answers), dict(comments or {}), dict(also or {}))
    check_editable(assignment)
    check_answers(assignment, given)
    check_complete(assignment, given, kept="Until then the answers that you submitted stand.")
    if not sure:
        check_not_at_odds(assignment, answers)
    with transaction.atomic():
        places.lock(assignment.participant_id)
        stood = store(assignment, given)
        if stood == given.said:
            return False
        Revision.objects.create(
            assignment=assignment,
            number=assignment.revisions.count() + 1,
            answers={key: said if said[2] else said[:2] for key, said in stood.items()},
            replaced_at=now or timezone.now(),
        )
    logger.info("Assignment %s edited", assignment.pk)
    return True


def check_editable(assignment: Assignment) -> None:
    """Whether the person may change what they submitted.

    Raises:
        NotEditable: saying why not.
    """
    if assignment.state != Assignment.State.SUBMITTED:
        raise NotEditable("You have not submitted this item yet. Answer it, and submit it.")
    if not _may_edit(assignment.participant):
        raise NotEditable("Answers cannot be changed any more: the campaign is closed, or closed to you.")
    if assignment.item.use == Item.Use.TRAINING:
        raise NotEditable("This was an item to practise on; its answers stay as you first gave them.")
    if assignment.pk not in set(_submitted(assignment.participant).values_list("pk", flat=True)[:LATEST]):
        raise NotEditable(f"Your {LATEST} latest submissions can be changed, and this one is older; its answers stand.")


def _submitted(participant: Participant) -> QuerySet[Assignment]:
    mine = Assignment.objects.filter(participant=participant, state=Assignment.State.SUBMITTED)
    if participant.shown_since is not None:
        mine = mine.filter(submitted_at__gte=participant.shown_since)
    return mine.order_by("-submitted_at", "-pk")


def _may_edit(participant: Participant) -> bool:
    campaign_open = participant.campaign.state in (Campaign.State.OPEN, Campaign.State.PAUSED)
    return campaign_open and not participant.excluded and participant.ended_at is None
