"""Who has a place in a campaign that is not over."""

from __future__ import annotations

from django.contrib.auth.models import User

from annotation.models import Campaign, Participant


def studies_with_a_place_of(user: User) -> set[int]:
    """The ids of studies in which the person labels in a campaign that is not closed, whatever their role has become since."""
    places = Participant.objects.filter(user=user).exclude(campaign__state=Campaign.State.CLOSED)
    return set(places.values_list("campaign__study", flat=True))
