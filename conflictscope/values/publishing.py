"""Versions are published for good, from a draft or a file, and found again by their content."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput, NotFound
from conflictscope.files.texts import read_text
from conflictscope.studies.permissions import SetAction, SetRole
from conflictscope.values.access import may
from conflictscope.values.contents import content_of, store_values
from conflictscope.values.drafting import DraftChanged, locked_draft
from conflictscope.values.models import SetMembership, ValueSet, ValueSetVersion
from conflictscope.values.parsing import ValueSetText, parse_value_set, refuse_unusable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

SHIPPED_FOLDER = Path(__file__).parent / "shipped"
SHIPPED = ("hhh", "personal-protective", "modelspec")


class NotASteward(ConflictScopeError):
    """A new version of a value set by somebody who does not look after it."""

    code = "not_a_steward"
    http_status = 403


@dataclass(frozen=True, slots=True)
class Imported:
    """The version that holds the content; `created` is False when it was there before."""

    version: ValueSetVersion
    created: bool


def import_value_set(source: str | Path, *, slug: str = "", name: str = "", created_by: User | None = None) -> Imported:
    """Publish the value set of a file (JSON or YAML), or one of those that ship (by its name).

    The same content again finds its version; changed content under the same slug becomes the next version, whose parent is
    the latest. Nothing is written when anything is wrong.

    Raises:
        InvalidInput: see `parse_value_set`; or the file cannot be read.
        NotASteward: see `publish`.
    """
    path = SHIPPED_FOLDER / f"{source}.json" if str(source) in SHIPPED else Path(source)
    if not path.exists():
        raise InvalidInput(f"There is no file {path}. These sets ship and need no file: {', '.join(SHIPPED)}.")
    return publish(parse_value_set(read_text(path), source=path.name, slug=slug, name=name), created_by=created_by)


def publish(content: ValueSetText, *, created_by: User | None = None) -> Imported:
    """Find the version that says exactly this, or publish it as the next one.

    Whoever brings a new set becomes its steward. A command has no user and may publish any.

    Raises:
        NotASteward: the content is new, the set is not, and the person does not look after it.
        Conflict: the set has a draft, which would be passed over.
    """
    with transaction.atomic():
        value_set, created = ValueSet.objects.get_or_create(slug=content.slug, defaults={"name": content.name})
        value_set = ValueSet.objects.select_for_update().get(pk=value_set.pk)
        same = value_set.versions.filter(digest=content.digest).exclude(status=ValueSetVersion.Status.DRAFT).first()
        if same is not None:
            return Imported(version=same, created=False)
        latest = value_set.versions.order_by("-number").first()
        if created_by is not None and not created and not may(created_by, SetAction.STEWARD, value_set):
            raise NotASteward(
                f"There is a value set {content.slug!r} with other values, and only its stewards may change it: import yours "
                "under another slug."
            )
        if latest is not None and latest.status == ValueSetVersion.Status.DRAFT:
            raise Conflict(
                f"{latest} is being written: paste the values into that draft, or publish or discard it first."
            )
        if created_by is not None and created:
            SetMembership.objects.create(value_set=value_set, user=created_by, role=SetRole.STEWARD)
        draft = ValueSetVersion.objects.create(
            value_set=value_set,
            number=latest.number + 1 if latest else 1,
            parent=latest,
            description=content.description,
            pairing=content.pairing,
            licence=content.licence,
            created_by=created_by,
        )
        store_values(draft, content.values)
        _seal(draft, digest=content.digest, by=created_by)
    return Imported(version=draft, created=True)


def publish_draft(version: ValueSetVersion, *, edition: int, by: User | None) -> ValueSetVersion:
    """Publish what the draft says, for good.

    Args: edition: of the draft, as whoever publishes has read it.

    Raises:
        InvalidInput: it cannot be studied yet; the sentence says why.
        Conflict: it is no draft any more, or says what an earlier version says.
        DraftChanged: somebody has written into it since.
    """
    with transaction.atomic():
        draft = locked_draft(version)
        if draft.edition != edition:
            raise DraftChanged(
                f"Somebody else has written into {draft} since you opened it: read what it says now, then publish it.",
                edition=draft.edition,
            )
        content = content_of(draft)
        refuse_unusable(content, source=str(draft))
        same = draft.value_set.versions.filter(digest=content.digest).exclude(pk=draft.pk).first()
        if same is not None:
            raise Conflict(f"{draft} says exactly what version {same.number} says: there is nothing to publish.")
        _seal(draft, digest=content.digest, by=by)
    return draft


def retire(version: ValueSetVersion) -> None:
    """Say that a published version is not for new studies. What was made of it stays as it is.

    Raises:
        Conflict: it is a draft, or retired already.
    """
    published = ValueSetVersion.objects.filter(pk=version.pk, status=ValueSetVersion.Status.PUBLISHED)
    if not published.update(status=ValueSetVersion.Status.RETIRED):
        raise Conflict(f"{version} is not published, so it cannot be retired.")
    version.status = ValueSetVersion.Status.RETIRED


def _seal(draft: ValueSetVersion, *, digest: str, by: User | None) -> None:
    draft.digest, draft.status = digest, ValueSetVersion.Status.PUBLISHED
    draft.published_by, draft.published_at = by, timezone.now()
    draft.save(update_fields=["digest", "status", "published_by", "published_at"])
    logger.info("Value set version %s published", draft.pk)


def version_named(text: str) -> ValueSetVersion:
    """The version that a command line names: `hhh` for the newest that is published, `hhh@2` for a certain one.

    Raises:
        NotFound: naming what there is, and how to import it.
    """
    slug, _, number = text.partition("@")
    published = ValueSetVersion.objects.filter(
        value_set__slug=slug, status=ValueSetVersion.Status.PUBLISHED
    ).select_related("value_set")
    if number:
        published = published.filter(number=int(number)) if number.isdecimal() else published.none()
    version = published.order_by("-number").first()
    if version is None:
        known = ", ".join(ValueSet.objects.values_list("slug", flat=True)) or "none yet"
        raise NotFound(
            f"There is no published value set {text!r}. Value sets: {known}. Import one with: manage.py import_value_set."
        )
    return version
