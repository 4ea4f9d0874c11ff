"""Leaving somebody out of a campaign, and taking them back in: with a reason, and a log of both."""

from __future__ import annotations

import logging

from django.contrib.auth.models import User
from django.db import transaction

from annotation.consensus import job as deciding
from annotation.consensus.deciding import decide_items
from annotation.consensus.labels import counted
from annotation.consensus.recording import recorder_of
from annotation.labelling import places
from annotation.labelling.exclusion import leave_out, take_back
from annotation.models import Assignment, Campaign, ExclusionStep, Item, Participant
from conflictscope.errors import InvalidInput, NotFound

logger = logging.getLogger(__name__)

LONGEST_REASON = 200
BATCH = 200


def exclude(participant: Participant, *, reason: str, by: User | None) -> int:
    """Leave all of the person's work out of every estimate, at once; it is kept, and their slots go to others.

    Returns: how many slots are free again; done again, those that are left.
    Raises:
        InvalidInput: no reason.
    """
    text = reason.strip()[:LONGEST_REASON]
    if not text:
        raise InvalidInput("Say in a few words why this person's work is left out: the reason is kept with it.")
    with transaction.atomic():
        place = _held(participant)
        if not place.excluded:
            Participant.objects.filter(pk=place.pk).update(excluded=True, excluded_reason=text)
            ExclusionStep.objects.create(participant=place, excluded=True, reason=text, by=by)
            logger.info("Participant %s excluded", place.pk)
        elif place.excluded_reason != text:
            Participant.objects.filter(pk=place.pk).update(excluded_reason=text)
    participant.refresh_from_db(fields=["excluded", "excluded_reason"])
    # Outside: one transaction for all their items would hold other people up.
    freed = leave_out(participant)
    _decide_anew(participant)
    return freed


def include(participant: Participant, *, reason: str = "", by: User | None) -> int:
    """Count the person's work again, where nobody has answered in their place. Returns how many submissions count again."""
    with transaction.atomic():
        place = _held(participant)
        if place.excluded:
            Participant.objects.filter(pk=place.pk).update(excluded=False, excluded_reason="")
            ExclusionStep.objects.create(
                participant=place, excluded=False, reason=reason.strip()[:LONGEST_REASON], by=by
            )
            logger.info("Participant %s taken back", place.pk)
    participant.refresh_from_db(fields=["excluded", "excluded_reason"])
    counted = take_back(participant)
    _decide_anew(participant)
    return counted


def _held(participant: Participant) -> Participant:
    places.lock(participant.pk)
    return Participant.objects.get(pk=participant.pk)


def _decide_anew(participant: Participant) -> None:
    """Bring what is written down about the person's items in line with the answers that count now."""
    decided = deciding.jobs_of(participant.campaign).first()
    if decided is None:
        return
    theirs = Item.objects.filter(assignments__participant=participant, is_training=False, decisions__isnull=False)
    asked = Item.objects.filter(
        assignments__participant=participant,
        assignments__state=Assignment.State.SUBMITTED,
        is_training=False,
    )
    items = sorted({*theirs.values_list("pk", flat=True), *asked.values_list("pk", flat=True)})
    for start in range(0, len(items), BATCH):
        decide_items(participant.campaign, items[start : start + BATCH], minimum=decided.parameters["minimum"])
    ordered = Campaign.objects.filter(pk=participant.campaign_id, target_ranking__isnull=False)
    if items and (campaign := ordered.select_related("study", "dataset__value_set_version").first()) is not None:
        # The order of values that all answers together were written down as.
        recorder_of(campaign, counted(campaign)).finish(decided.parameters["minimum"])


def participant_named(campaign: Campaign, pseudonym: str) -> Participant:
    """
    Raises:
        NotFound: naming who is there.
    """
    found: Participant | None = campaign.participants.filter(pseudonym=pseudonym).first()
    if found is None:
        known = ", ".join(campaign.participants.order_by("pseudonym").values_list("pseudonym", flat=True)[:30])
        raise NotFound(f"Nobody is called {pseudonym!r} in {campaign.name}. People: {known or 'nobody yet'}.")
    return found
