"""Value sets come in as immutable published versions that are found again by their content."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from conflictscope.errors import ConflictScopeError, InvalidInput, NotFound
from conflictscope.files.texts import read_text
from conflictscope.values.models import Value, ValueSet, ValueSetVersion
from conflictscope.values.parsing import ValueSetText, parse_value_set

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
    """Publish the value set of a file, or one of those that ship (by its name).

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
    """
    with transaction.atomic():
        value_set, _ = ValueSet.objects.get_or_create(slug=content.slug, defaults={"name": content.name})
        value_set = ValueSet.objects.select_for_update().get(pk=value_set.pk)
        same = value_set.versions.filter(digest=content.digest).exclude(status=ValueSetVersion.Status.DRAFT).first()
        if same is not None:
            return Imported(version=same, created=False)
        latest = value_set.versions.order_by("-number").first()
        if created_by is not None and latest and not value_set.stewards.filter(pk=created_by.pk).exists():
            raise NotASteward(
                f"There is a value set {content.slug!r} with other values, and only its stewards may change it: import yours "
                "under another slug."
            )
        version = ValueSetVersion.objects.create(
            value_set=value_set,
            number=latest.number + 1 if latest else 1,
            parent=latest,
            description=content.description,
            pairing=content.pairing,
            licence=content.licence,
            status=ValueSetVersion.Status.PUBLISHED,
            digest=content.digest,
            created_by=created_by,
        )
        Value.objects.bulk_create(
            Value(
                version=version,
                position=position,
                key=value.key,
                name=value.name,
                definition=value.definition,
                group=value.group,
                tier=value.tier,
            )
            for position, value in enumerate(content.values)
        )
        if created_by is not None and latest is None:
            value_set.stewards.add(created_by)
    logger.info("Value set version %s published", version.pk)
    return Imported(version=version, created=True)


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
