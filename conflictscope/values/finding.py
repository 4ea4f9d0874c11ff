"""Which set or version an address means, for whoever asks: what is not theirs to see does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import get_object_or_404

from conflictscope.errors import NotFound
from conflictscope.studies.permissions import SetAction
from conflictscope.values.models import Proposal, ValueSet, ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def set_for(user: User | AnonymousUser, slug: str, action: SetAction | None = None) -> ValueSet:
    """The set, if the person may do this there, or see what is published of it.

    Raises:
        Http404: they may not, or there is none.
    """
    allowed = ValueSet.objects.where_may(user, action) if action else ValueSet.objects.visible_to(user)
    return get_object_or_404(allowed, slug=slug)


def draft_or_404(value_set: ValueSet) -> ValueSetVersion:
    draft = value_set.versions.filter(status=ValueSetVersion.Status.DRAFT).first()
    if draft is None:
        raise Http404("No draft is being written.")
    draft.value_set = value_set
    return draft


def draft_named(slug: str) -> ValueSetVersion:
    """The draft that a command line names.

    Raises:
        NotFound: no draft of such a set is being written.
    """
    drafts = ValueSetVersion.objects.filter(status=ValueSetVersion.Status.DRAFT).select_related("value_set")
    if (draft := drafts.filter(value_set__slug=slug).first()) is None:
        raise NotFound(f"No draft of a value set {slug!r} is being written.")
    return draft


def published_or_404(value_set: ValueSet, number: int) -> ValueSetVersion:
    published = value_set.versions.exclude(status=ValueSetVersion.Status.DRAFT)
    version = get_object_or_404(published, number=number)
    version.value_set = value_set
    return version


def version_for_member(
    user: User | AnonymousUser, slug: str, number: int, action: SetAction = SetAction.SEE
) -> ValueSetVersion:
    """A version, published or not, of a set in which the person may do this.

    Raises:
        Http404: they may not, or there is none.
    """
    value_set = set_for(user, slug, action)
    version = get_object_or_404(value_set.versions.all(), number=number)
    version.value_set = value_set
    return version


def proposal_or_404(value_set: ValueSet, pk: int) -> Proposal:
    proposals = Proposal.objects.select_related("version__value_set", "author", "decided_by")
    return get_object_or_404(proposals, version__value_set=value_set, pk=pk)


def versions_seen(user: User | AnonymousUser, value_set: ValueSet) -> list[ValueSetVersion]:
    """Newest first: what is published, and the draft for those who may read it."""
    versions = value_set.versions.select_related("parent__value_set", "created_by", "published_by").order_by("-number")
    if not ValueSet.objects.may_read_draft(user, value_set):
        versions = versions.exclude(status=ValueSetVersion.Status.DRAFT)
    shown = list(versions)
    for each in shown:
        each.value_set = value_set
    return shown
