"""What every page of value sets asks first: which set, and whether this person may."""

from __future__ import annotations

from conflictscope.http import Request
from conflictscope.studies.permissions import SET_MAY, SetAction
from conflictscope.values.access import role_in
from conflictscope.values.finding import set_for
from conflictscope.values.models import ValueSet, ValueSetVersion


def set_or_404(request: Request, slug: str, action: SetAction | None = None) -> ValueSet:
    """The set, if the person may do this there, or see what is published of it. To everybody else it does not exist."""
    return set_for(request.user, slug, action)


def actions_in(request: Request, value_set: ValueSet) -> frozenset[SetAction]:
    role = role_in(request.user, value_set)
    return SET_MAY[role] if role else frozenset()


def page_context(request: Request, value_set: ValueSet, section: str) -> dict[str, object]:
    """What the head of every page of a set needs."""
    actions = actions_in(request, value_set)
    return {
        "value_set": value_set,
        "section": section,
        "may_see": SetAction.SEE in actions,
        "may_propose": SetAction.PROPOSE in actions,
        "may_steward": SetAction.STEWARD in actions,
        "draft": value_set.versions.filter(status=ValueSetVersion.Status.DRAFT).first(),
    }
