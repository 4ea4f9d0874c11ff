"""What the label screen tells beside an item: practice and what was wrong in it, and what is new in the guideline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotation.labelling import places, qualifying
from annotation.models import Assignment, Guideline, Participant


def beside(place: Participant, assignment: Assignment | None, left: Assignment | None) -> dict[str, Any]:
    """For the context of a workspace. `left`: what the person has just dealt with. No query where there is nothing to tell."""
    context: dict[str, Any] = {}
    if place.campaign.training_each:
        place.refresh_from_db(fields=["qualification"])
        if places.practises(place):
            context["practice"] = qualifying.practice_of(place)
        if left is not None and (corrections := qualifying.corrections(left)):
            context["corrections"] = corrections
            context["qualified"] = place.qualification == Participant.Qualification.PASSED
    if assignment is not None and place.agreed_to_id not in (None, assignment.guideline_id):
        context["news"] = news_for(place)
    return context


def news_for(place: Participant) -> list[Guideline]:
    """The versions of the guideline that the person has not read, the newest last; none for who has read none yet."""
    if place.agreed_to_id is None:
        return []
    read = place.campaign.guidelines.filter(pk=place.agreed_to_id).values_list("version", flat=True).first()
    return [] if read is None else list(place.campaign.guidelines.filter(version__gt=read).order_by("version"))


def must_agree(place: Participant) -> bool:
    """Whether the guideline has to be read and agreed to before work goes on."""
    if place.excluded:
        return False
    if place.consented_at is None:
        return True
    newest = place.campaign.guidelines.last() if place.campaign.consent_anew else None
    return newest is not None and place.agreed_to_id != newest.pk


def signs_of(sent: Mapping[str, str]) -> int | None:
    """How many keys, movements and changes of focus the page says that it saw; None: it does not say."""
    signs = sent.get("signs", "")[:9]
    return int(signs) if signs.isascii() and signs.isdecimal() else None
