"""Writing a draft: a new set, the next version of one, a fork of another's; every state of it is kept as a revision."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.studies.permissions import SetRole
from conflictscope.values.contents import content_of, long_form, store_values
from conflictscope.values.models import DraftRevision, Proposal, SetMembership, ValueSet, ValueSetVersion
from conflictscope.values.parsing import RESERVED, ValueSetText, refuse_twice

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


class DraftChanged(Conflict):
    """Somebody else has written into the draft since it was read: nothing is overwritten unseen.

    `edition`: the one that there is now; who sends it back has seen it.
    """

    code = "changed_meanwhile"

    def __init__(self, sentence: str, *, edition: int) -> None:
        super().__init__(sentence, edition=edition)
        self.edition = edition


def start_set(name: str, *, slug: str, by: User) -> ValueSetVersion:
    """An empty draft of a set that is new; whoever starts it is its steward.

    Raises:
        InvalidInput: the slug cannot name a set.
        Conflict: the slug is taken.
    """
    return _first_draft(name, slug=slug, by=by, parent=None)


def fork(version: ValueSetVersion, *, name: str, slug: str, by: User) -> ValueSetVersion:
    """A new set whose first draft says what the version says, and remembers it as its parent.

    Raises: as `start_set`; Conflict too where the version is a draft, which may yet say anything.
    """
    if version.status == ValueSetVersion.Status.DRAFT:
        raise Conflict(f"{version} is a draft and may yet change: fork a published version.")
    return _first_draft(name, slug=slug, by=by, parent=version)


def start_version(value_set: ValueSet, *, by: User | None) -> ValueSetVersion:
    """A draft of the next version, which says what the newest one says; the draft itself where there is one already."""
    with transaction.atomic():
        ValueSet.objects.select_for_update().get(pk=value_set.pk)
        newest = value_set.versions.select_related("value_set").order_by("-number").first()
        if newest is not None and newest.status == ValueSetVersion.Status.DRAFT:
            return newest
        draft = ValueSetVersion.objects.create(
            value_set=value_set,
            number=newest.number + 1 if newest else 1,
            parent=newest,
            created_by=by,
            description=newest.description if newest else "",
            pairing=newest.pairing if newest else ValueSetVersion.Pairing.ALL_PAIRS,
            licence=newest.licence if newest else "",
        )
        if newest is not None:
            store_values(draft, content_of(newest).values)
        _keep_revision(draft, by=by, reason=f"Begun from version {newest.number}." if newest else "Begun.")
    return draft


def write(
    version: ValueSetVersion,
    content: ValueSetText,
    *,
    edition: int,
    by: User | None,
    reason: str = "",
    proposal: Proposal | None = None,
) -> ValueSetVersion:
    """Make the draft say this, and keep it as a revision. Saying what it says already changes nothing.

    Args: edition: of the draft, as whoever writes has read it.

    Raises:
        Conflict: the version is no draft any more.
        DraftChanged: somebody else has written since.
        InvalidInput: two values of one key or name.
    """
    refuse_twice(content.values, source="The draft")
    with transaction.atomic():
        draft = locked_draft(version)
        before = content_of(draft)
        if before == content:
            return draft
        if draft.edition != edition:
            raise DraftChanged(
                f"Somebody else has written into {draft} since you opened it: nothing of yours is stored. What it says now stands "
                "beside yours; store it again to have it as you have it here.",
                edition=draft.edition,
            )
        if before.values != content.values:
            store_values(draft, content.values)
        if draft.value_set.name != content.name:
            ValueSet.objects.filter(pk=draft.value_set_id).update(name=content.name)
            draft.value_set.name = content.name
        draft.description, draft.licence, draft.pairing = content.description, content.licence, content.pairing
        draft.edition += 1
        draft.save(update_fields=["description", "licence", "pairing", "edition"])
        _keep_revision(draft, by=by, reason=reason, proposal=proposal)
    logger.info("Value set version %s written, edition %s", draft.pk, draft.edition)
    return draft


def discard(version: ValueSetVersion) -> None:
    """Take a draft away, and its set where it never had another version.

    Raises:
        Conflict: the version is no draft, or members have proposed changes to it, which are kept.
    """
    with transaction.atomic():
        draft = locked_draft(version)
        if draft.proposals.exists():
            raise Conflict(f"{draft} has proposals of its members, which are kept: publish it, or write it anew.")
        value_set = draft.value_set
        draft.delete()
        if not value_set.versions.exists():
            value_set.delete()


def locked_draft(version: ValueSetVersion) -> ValueSetVersion:
    """The row as it is now, held until the transaction ends.

    Raises:
        Conflict: it is no draft any more.
    """
    draft = ValueSetVersion.objects.select_for_update(of=("self",)).select_related("value_set").get(pk=version.pk)
    if draft.status != ValueSetVersion.Status.DRAFT:
        raise Conflict(f"{draft} is {draft.status} and never changes: start a new version of it.")
    return draft


def _first_draft(name: str, *, slug: str, by: User, parent: ValueSetVersion | None) -> ValueSetVersion:
    name = " ".join(name.split())
    slug = slug or slugify(name)[:50]
    if not name or len(name) > 200:
        raise InvalidInput("A value set has a name of at most 200 characters.")
    if not slug or slugify(slug) != slug or len(slug) > 50 or slug in RESERVED:
        raise InvalidInput(f"{slug!r} cannot name a value set: use at most 50 small letters, digits and hyphens.")
    try:
        with transaction.atomic():
            value_set = ValueSet.objects.create(slug=slug, name=name)
    except IntegrityError as exc:
        raise Conflict(f"There is a value set {slug!r} already: choose another address.") from exc
    with transaction.atomic():
        SetMembership.objects.create(value_set=value_set, user=by, role=SetRole.STEWARD)
        draft = ValueSetVersion.objects.create(value_set=value_set, number=1, parent=parent, created_by=by)
        reason = "Begun."
        if parent is not None:
            draft.description, draft.licence, draft.pairing = parent.description, parent.licence, parent.pairing
            draft.save(update_fields=["description", "licence", "pairing"])
            store_values(draft, content_of(parent).values)
            reason = f"Forked from {parent}."
        _keep_revision(draft, by=by, reason=reason)
    return draft


def _keep_revision(
    draft: ValueSetVersion, *, by: User | None, reason: str = "", proposal: Proposal | None = None
) -> None:
    DraftRevision.objects.create(
        version=draft,
        number=draft.edition,
        content=long_form(content_of(draft)),
        by=by,
        reason=reason[:500],
        proposal=proposal,
    )
