"""From a slug in an address to the study behind it, if the person may do there what they ask to do."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404

from conflictscope.errors import NotFound
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import MAY, Action, Role


def study_for(user: User | AnonymousUser, slug: str, *, may: Action | None = Action.SEE) -> Study:
    """The study, or Http404 when it does not exist or is not theirs: a stranger cannot tell which.

    `may`: what they must be allowed to do there; None: they belong to it, whatever they may.
    """
    theirs = Study.objects.filter(memberships__user=user.pk) if may is None else Study.objects.visible_to(user, may=may)
    try:
        return theirs.get(slug=slug)
    except Study.DoesNotExist as exc:
        raise Http404("No such study, or it is not open to you.") from exc


def study_named(slug: str) -> Study:
    """The study of a command line, which has no user.

    Raises:
        NotFound: naming the studies that exist.
    """
    try:
        return Study.objects.get(slug=slug)
    except Study.DoesNotExist as exc:
        known = ", ".join(Study.objects.values_list("slug", flat=True)[:20]) or "none yet"
        raise NotFound(
            f"There is no study {slug!r}. Studies: {known}. Create one with: manage.py create_study NAME --owner USERNAME."
        ) from exc


def actions_of(user: User | AnonymousUser, study: Study) -> frozenset[Action]:
    """What the user may do here, for pages that show only the buttons that work."""
    if not user.is_authenticated:
        return frozenset()
    membership = study.memberships.filter(user=user).first()
    return MAY[Role(membership.role)] if membership else frozenset()
