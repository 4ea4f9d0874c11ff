"""Campaigns that tell of each other: being served one's items says what the judge of the filter made of them.

Whoever labels an open filter campaign learns its outcomes from a campaign that draws only what the filter kept. So they are
served that one when the first has closed; and who has labelled kept items alone is given none of the filter's.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q

from annotation.kinds import KINDS
from annotation.models import Assignment, Campaign, Participant
from evaluation.models import Run

_ASKS_WHAT_IS_KEPT = [kind.key for kind in KINDS.values() if kind.by_dimension]
# Whose items are there because of what the filter said.
_KEPT_ONLY = Q(kind__in=[kind.key for kind in KINDS.values() if kind.kept_only]) | Q(
    kind__in=[kind.key for kind in KINDS.values() if kind.of_responses],
    runs__scope__in=[Run.Scope.KEPT, Run.Scope.HUMAN_VALIDATED],
)
_GOES_ON = [Campaign.State.OPEN, Campaign.State.PAUSED]


def exist() -> Exists:
    """Of places: whether there is any other campaign on the dataset. Cheap, where nearly always there is none that matters."""
    return Exists(Campaign.objects.filter(dataset=OuterRef("campaign__dataset")).exclude(pk=OuterRef("campaign")))


def _holds_back() -> Q:
    """A condition on places: the person's work in another campaign of the dataset forbids to serve them this one's items."""
    others = Campaign.objects.filter(dataset=OuterRef("campaign__dataset")).exclude(pk=OuterRef("campaign"))
    this = Campaign.objects.filter(pk=OuterRef("campaign"))
    labels_filter = Exists(
        others.filter(
            kind__in=_ASKS_WHAT_IS_KEPT,
            state__in=_GOES_ON,
            participants__user=OuterRef("user"),
            participants__consented_at__isnull=False,
        )
    )
    knows_kept = Exists(
        Assignment.objects.filter(
            participant__user=OuterRef("user"),
            item__campaign__in=Campaign.objects.filter(_KEPT_ONLY, dataset=OuterRef(OuterRef("campaign__dataset"))),
        )
    )
    return Q(Exists(this.filter(_KEPT_ONLY)) & labels_filter) | Q(campaign__kind__in=_ASKS_WHAT_IS_KEPT) & Q(knows_kept)


def why(participant: Participant) -> str:
    """What a person is told whose work in another campaign holds this one back."""
    if KINDS[participant.campaign.kind].by_dimension:
        return (
            f"You have labelled scenarios of this dataset that a filter had kept, so you cannot be asked in "
            f"{participant.campaign.name} which should be kept. Thank you for your work there."
        )
    return (
        f"{participant.campaign.name} asks about scenarios that the filter kept, and you are still labelling which should be. "
        "Its items come to you when that campaign has closed, so that neither tells you anything about the other."
    )


def held_back(places: Iterable[Participant]) -> set[int]:
    """The ids of those of these places that another campaign holds back."""
    held = Participant.objects.filter(_holds_back(), pk__in=[place.pk for place in places])
    return set(held.values_list("pk", flat=True))
