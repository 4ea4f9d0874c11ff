"""Imported scenarios are written all or none, and importing a file again adds only what is missing."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.scenarios.datasets import checked_slug
from conflictscope.scenarios.importing.moralchoice import MoralChoice
from conflictscope.scenarios.importing.records import Format, ImportedScenario
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.scenarios.text_files import storable

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)

FORMATS: dict[str, Format] = {each.name: each for each in (MoralChoice(),)}

BATCH = 500
_UID = re.compile(r"(?=.*\w)[\w.:+-]{1,200}")  # it stands in addresses
_DOMAIN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `alike` counts added scenarios whose two actions read the same."""

    dataset: Dataset
    added: int
    known: int
    alike: int


def import_scenarios(
    study: Study,
    slug: str,
    *,
    format_name: str,
    paths: Sequence[Path],
    name: str = "",
    encoding: str = "",
    created_by: User | None = None,
    progress: Callable[[int], object] | None = None,
) -> ImportReport:
    """Read the files into the study's dataset of that slug, made if there is none. All is written, or nothing.

    Scenarios arrive as drafted: they can be filtered, or evaluated as they are with the scope `all`.

    Args:
        encoding: of the files, when it is not UTF-8.
        progress: called now and then with the number of scenarios read so far.

    Raises:
        NotFound: an unknown format.
        InvalidInput: a file that is not of the format, or an id that stands in the files twice.
        Conflict: the dataset was made in another way, or has a scenario of that id with other words.
    """
    if format_name not in FORMATS:
        raise NotFound(f"There is no format {format_name!r}; formats: {', '.join(FORMATS)}.")
    if not paths:
        raise InvalidInput("Name at least one file to import.")
    with transaction.atomic():
        dataset = _dataset(study, slug, format_name=format_name, name=name, created_by=created_by)
        report = _write(dataset, _read(FORMATS[format_name], paths, encoding=encoding), progress=progress)
        _remember_files(dataset, paths, added=report.added)
    logger.info("Dataset %s: %s scenarios imported, %s known", dataset.pk, report.added, report.known)
    return report


def _dataset(study: Study, slug: str, *, format_name: str, name: str, created_by: User | None) -> Dataset:
    dataset = Dataset.objects.select_for_update().filter(study=study, slug=slug).first()
    if dataset is None:
        checked_slug(slug)
        try:
            with transaction.atomic():
                return Dataset.objects.create(
                    study=study,
                    slug=slug,
                    name=storable(name.strip(), where="The name")[:200] or slug,
                    variant=Dataset.Variant.IMPORTED,
                    recipe={"format": format_name, "files": []},
                    created_by=created_by,
                )
        except IntegrityError as exc:
            raise Conflict(f"Somebody has just made a dataset {slug!r} in this study: look at it first.") from exc
    if dataset.recipe.get("format") != format_name:
        made = dataset.recipe.get("format") or dataset.variant
        raise Conflict(f"Dataset {slug!r} was made in another way ({made}): name a new dataset for these files.")
    return dataset


def _read(format_: Format, paths: Sequence[Path], *, encoding: str) -> Iterator[ImportedScenario]:
    places: dict[str, str] = {}
    for path in paths:
        for record in format_.read(path, encoding=encoding):
            if not _UID.fullmatch(record.uid):
                raise InvalidInput(
                    f"{record.place}: the id {record.uid[:60]!r} cannot be used; ids are letters, digits and . : + _ - alone."
                )
            if len(record.domain) > _DOMAIN_LENGTH:
                raise InvalidInput(
                    f"{record.place}: {record.domain[:60]!r} is longer than {_DOMAIN_LENGTH} characters."
                )
            if record.uid in places:
                raise InvalidInput(
                    f"The id {record.uid!r} stands in {places[record.uid]} and in {record.place}: each needs its own."
                )
            places[record.uid] = record.place
            yield record


def _write(
    dataset: Dataset, records: Iterator[ImportedScenario], *, progress: Callable[[int], object] | None
) -> ImportReport:
    added = known = alike = 0
    while batch := list(islice(records, BATCH)):
        there = {each.uid: each for each in dataset.scenarios.filter(uid__in=[record.uid for record in batch])}
        new: list[Scenario] = []
        for record in batch:
            if record.uid in there:
                _refuse_other_words(there[record.uid], record)
                known += 1
                continue
            alike += record.action_1 == record.action_2
            new.append(Scenario(dataset=dataset, uid=record.uid, status=Scenario.Status.DRAFTED, **record.texts()))
        Scenario.objects.bulk_create(new)
        added += len(new)
        if progress:
            progress(added + known)
    return ImportReport(dataset=dataset, added=added, known=known, alike=alike)


def _refuse_other_words(there: Scenario, record: ImportedScenario) -> None:
    for column, text in record.texts().items():
        if getattr(there, column) != text:
            raise Conflict(
                f"{record.place}: scenario {record.uid!r} is in the dataset already, with another {column.replace('_', ' ')}. "
                "Scenarios do not change; import into a new dataset."
            )


def _remember_files(dataset: Dataset, paths: Sequence[Path], *, added: int) -> None:
    """The recipe of an imported dataset is its files, each once."""
    if not added:
        return
    files: list[dict[str, Any]] = dataset.recipe["files"]
    for path in paths:
        with path.open("rb") as file:
            entry = {"name": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
        if entry not in files:
            files.append(entry)
    dataset.save(update_fields=["recipe"])
