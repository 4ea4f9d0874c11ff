"""What waits for a person when they log in: their studies, and what they may label."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from conflictscope.overview.guidance import Suggestion, next_step
from conflictscope.overview.pipeline import StudyCounts, counts_of
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import MAY, Action, Role


@dataclass(frozen=True, slots=True)
class MyStudy:
    study: Study
    role: str
    counts: StudyCounts
    suggestion: Suggestion | None


def studies_of(user: User) -> list[MyStudy]:
    """The studies that the person may look into, each with what to do next. Annotators look into none: see their queue."""
    memberships = list(Membership.objects.filter(user=user).select_related("study").order_by("study__name"))
    seen = [membership for membership in memberships if Action.SEE in MAY[Role(membership.role)]]
    counts = counts_of([membership.study for membership in seen]) if seen else {}
    return [
        MyStudy(
            study=membership.study,
            role=membership.get_role_display(),
            counts=counts[membership.study_id],
            suggestion=next_step(counts[membership.study_id], may=MAY[Role(membership.role)]),
        )
        for membership in seen
    ]


def labels_in(user: User) -> list[Study]:
    """Studies in which the person is an annotator, whether or not a campaign is open there."""
    return list(Study.objects.visible_to(user, may=Action.LABEL))
