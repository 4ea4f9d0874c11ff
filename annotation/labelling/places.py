"""A person's place in a campaign: held while a step of theirs goes on, and how much work it has for them."""

from __future__ import annotations

from django.db.models import OuterRef, Q, QuerySet, Subquery

from annotation.campaigns import siblings
from annotation.errors import ConsentMissing, Excluded, HasLeft, HeldBack, NotOpen, NotQualified
from annotation.labelling.compiled import Compiled
from annotation.models import Assignment, Campaign, Guideline, Item, Participant

# A person may skip one item in so many.
SKIPPED_AT_MOST = 10
# What routing itself, and a sheet, need to know of a place and its campaign.
_OF_CAMPAIGN = (
    *("name", "kind", "state", "quota", "lease_minutes", "sampling_plan"),
    *("gold_share", "training_each", "training_tries", "pass_at", "consent_anew"),
    *("second_answers", "unsure"),
)
_PLACE = (
    "excluded",
    "consented_at",
    "ended_at",
    "shown_since",
    "agreed_to",
    "qualification",
    "quota",
    "created_at",
    *(f"campaign__{name}" for name in _OF_CAMPAIGN),
)


def lock(participant_id: int) -> Participant:
    """The person's place, held until the transaction ends: their own tabs take turns at it."""
    (place,) = _LOCKED.rows(participant=participant_id)
    held: Participant = place
    return held


def _locked(participant: int) -> QuerySet[Participant]:
    places = Participant.objects.select_for_update(of=("self",)).select_related("campaign").filter(pk=participant)
    return with_guideline(places).only(*_PLACE)


def with_guideline(places: QuerySet[Participant]) -> QuerySet[Participant]:
    """Places with the id of the guideline that new work is done by, and whether the dataset has other campaigns."""
    newest = Guideline.objects.filter(campaign=OuterRef("campaign")).order_by("-version").values("pk")[:1]
    return places.annotate(newest_guideline=Subquery(newest), has_siblings=siblings.exist())


_LOCKED = Compiled(_locked, numbers=("participant",))


def check_may_claim(participant: Participant) -> None:
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
    if participant.ended_at is not None:
        raise HasLeft(f"You have left {campaign.name}. Thank you for your work.")
    if participant.consented_at is None:
        raise ConsentMissing("Read the guideline and agree to it before you start to label.")
    if participant.qualification == Participant.Qualification.FAILED:
        raise NotQualified(
            f"Thank you for practising. Too many of your answers were not those that {participant.campaign.name} goes by, so you "
            "cannot go on here."
        )
    if participant.campaign.consent_anew and guideline_is_new(participant):
        raise ConsentMissing("The guideline has changed. Read what is new, and agree to it, before you go on.")
    if participant.has_siblings and siblings.held_back([participant]):  # type: ignore[attr-defined]  # read with the place
        raise HeldBack(siblings.why(participant))


def guideline_is_new(participant: Participant) -> bool:
    """Whether there is a version of the guideline that the person has not read. Needs `with_guideline`."""
    newest: int | None = participant.newest_guideline  # type: ignore[attr-defined]  # read with the place
    return newest is not None and participant.agreed_to_id != newest


def practises(participant: Participant) -> bool:
    """Whether the person is given items to practise on, and no others yet."""
    return participant.qualification == Participant.Qualification.PENDING and participant.campaign.training_each > 0


def quota_of(participant: Participant) -> int | None:
    return participant.quota if participant.quota is not None else participant.campaign.quota


def quota_reached(participant: Participant, *, with_leased: bool = False) -> bool:
    quota = quota_of(participant)
    if quota is None:
        return False
    states = [Assignment.State.SUBMITTED, Assignment.State.LEASED] if with_leased else [Assignment.State.SUBMITTED]
    # Who skips what is hard to bear need not do another in its place.
    dealt_with = Q(state__in=states) | Q(state=Assignment.State.SKIPPED, distressing=True)
    done = Assignment.objects.filter(dealt_with, participant=participant).exclude(item__use=Item.Use.TRAINING)
    return done.count() >= quota


def goal_of(participant: Participant) -> int:
    """How many items the person is asked to label: their quota, or all of the campaign."""
    items = items_of(participant.campaign)
    quota = quota_of(participant)
    return items if quota is None else min(quota, items)


def items_of(campaign: Campaign) -> int:
    """How many items there are for one person: those drawn, and known ones that will come between them."""
    drawn, share = int(campaign.sampling_plan.get("drawn", 0)), campaign.gold_share
    return drawn + min(int(campaign.sampling_plan.get("known", 0)), round(drawn * share / (1 - share)))


def skips_allowed(participant: Participant) -> int:
    """One in ten of the items that are there for the person, and always one."""
    return max(goal_of(participant) // SKIPPED_AT_MOST, 1)
