"""What waits for a person when they log in: their studies, and what they may label."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from annotation.models import Assignment, Campaign, Item
from conflictscope.overview.guidance import Suggestion, next_step
from conflictscope.overview.pipeline import Counts, counts_of
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import MAY, Action, Role

State = Assignment.State


@dataclass(frozen=True, slots=True)
class MyStudy:
    study: Study
    role: str
    counts: Counts
    suggestion: Suggestion | None


def studies_of(user: User) -> list[MyStudy]:
    """The studies that the person may look into, each with what to do next. Annotators look into none: see their queue."""
    memberships = list(Membership.objects.filter(user=user).select_related("study").order_by("study__name"))
    seen = [one for one in memberships if Action.SEE in MAY[Role(one.role)]]
    counts = counts_of([one.study for one in seen]) if seen else {}
    return [
        MyStudy(
            study=one.study,
            role=one.get_role_display(),
            counts=counts[one.study_id],
            suggestion=next_step(counts[one.study_id], may=MAY[Role(one.role)]),
        )
        for one in seen
    ]


def queue_of(user: User) -> QuerySet[Campaign]:
    """Open campaigns that the person may label in, each with how many items they have labelled (`mine`) and how many more
    they could (`waiting`)."""
    open_to_them = (
        Item.objects.open()
        .filter(campaign=OuterRef("pk"))
        .exclude(assignments__in=Assignment.objects.filter(participant__user=user).exclude(state=State.EXPIRED))
        .order_by()
        .values("campaign")
        .annotate(n=Count("pk"))
        .values("n")
    )
    theirs = Q(participants__user=user, participants__assignments__state=State.SUBMITTED)
    return (
        Campaign.objects.visible_to(user, may=Action.LABEL)
        .filter(state=Campaign.State.OPEN)
        .select_related("study")
        .annotate(
            mine=Count("participants__assignments", filter=theirs, distinct=True),
            waiting=Coalesce(Subquery(open_to_them), 0),
        )
        .order_by("study__name", "name")
    )
