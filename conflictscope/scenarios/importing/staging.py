"""Uploads between two pages: laid down under VAR when they come in, gone when they are imported, given up or a day old."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from conflictscope.errors import NotFound
from conflictscope.files.uploads import safe_name
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.importing.records import BadRow
from conflictscope.scenarios.importing.reporting import ImportReport, bad_row_cells
from conflictscope.scenarios.importing.writing import examples_of, import_scenarios
from conflictscope.scenarios.models import ImportUpload, ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=1)


def stage(study: Study, upload: UploadedFile[bytes], *, options: dict[str, Any], created_by: User) -> ImportUpload:
    """Lay an upload down, piece by piece, to be looked at. What others left behind a day ago goes."""
    sweep()
    name = safe_name(upload.name or "")
    staged = ImportUpload(study=study, created_by=created_by, file_name=name, size=upload.size or 0, options=options)
    folder = _folder(staged)
    folder.mkdir(parents=True)
    try:
        with (folder / name).open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        staged.save()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return staged


def path_of(upload: ImportUpload) -> Path:
    """
    Raises:
        NotFound: the file is gone: imported already, or a day old.
    """
    path = _folder(upload) / upload.file_name
    if not path.is_file():
        raise NotFound(f"{upload.file_name} is no longer here: uploads wait for a day. Upload it again.")
    return path


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a mapping speaks of. `field`: what it means now, empty for nothing."""

    name: str
    field: str
    example: str


def columns_in(upload: ImportUpload) -> list[Column]:
    """The columns that a mapping speaks of; none for a format with columns of its own.

    Raises:
        NotFound, InvalidInput: the file is gone, or cannot be read.
    """
    options = upload.options
    examples = examples_of(path_of(upload), format_name=options["format"], encoding=options["encoding"])
    given = options.get("mapping")
    meant = guessed(examples) if given is None else given
    return [Column(name, meant.get(name, ""), example) for name, example in examples.items()]


def look_at(upload: ImportUpload) -> ImportReport:
    """What would become of the file; bad rows are counted. Nothing is written.

    Raises: as `import_scenarios`; NotFound: the file is gone.
    """
    return _through_the_door(upload, skip_bad=True, write=False, created_by=None)


def bring_in(upload: ImportUpload, *, skip_bad: bool, created_by: User) -> ImportReport:
    """Import the file, remember the report, and remove the file.

    Raises: as `import_scenarios`; NotFound: the file is gone.
    """
    report = _through_the_door(upload, skip_bad=skip_bad, write=True, created_by=created_by)
    # Where the request came twice, the first report tells what came in.
    ImportUpload.objects.filter(pk=upload.pk, report__isnull=True).update(
        dataset=report.dataset, report=report.as_json()
    )
    upload.refresh_from_db(fields=["dataset", "report"])
    shutil.rmtree(_folder(upload), ignore_errors=True)
    return report


def give_up(upload: ImportUpload) -> None:
    shutil.rmtree(_folder(upload), ignore_errors=True)
    upload.delete()


def sweep() -> None:
    """Remove uploads that nobody imported within a day, and folders that lost their row."""
    old = ImportUpload.objects.filter(created_at__lt=timezone.now() - KEPT_FOR, report__isnull=True)
    for upload in old:
        give_up(upload)
    waiting = set(ImportUpload.objects.filter(report__isnull=True).values_list("token", flat=True))
    before = time.time() - KEPT_FOR.total_seconds()
    with suppress(FileNotFoundError):
        for folder in _root().iterdir():
            if folder.stat().st_mtime < before and _token(folder.name) not in waiting:
                shutil.rmtree(folder, ignore_errors=True)
                logger.info("An upload without a row was removed")


def bad_rows_of(upload: ImportUpload) -> list[list[str | int]]:
    """The cells of the report's bad rows; before the import those that looking finds."""
    if upload.report is not None:
        rows: list[list[str | int]] = upload.report["bad_rows"]
        return rows
    found: list[BadRow] = look_at(upload).bad_rows
    return [bad_row_cells(row) for row in found]


def _through_the_door(upload: ImportUpload, *, skip_bad: bool, write: bool, created_by: User | None) -> ImportReport:
    options = upload.options
    value_set = options.get("value_set")
    return import_scenarios(
        upload.study,
        options["slug"],
        paths=[path_of(upload)],
        format_name=options["format"],
        name=options["name"],
        encoding=options["encoding"],
        mapping=options.get("mapping"),
        value_set=ValueSetVersion.objects.select_related("value_set").get(pk=value_set) if value_set else None,
        skip_bad=skip_bad,
        created_by=created_by,
        write=write,
    )


def _root() -> Path:
    return Path(settings.VAR_DIR) / "imports"


def _folder(upload: ImportUpload) -> Path:
    return _root() / upload.token.hex


def _token(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(hex=name)
    except ValueError:
        return None
