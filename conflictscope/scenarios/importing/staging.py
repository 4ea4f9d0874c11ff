"""Uploads between two pages: laid down under VAR when they come in, gone when they are imported, given up or a day old."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from conflictscope.errors import ConflictScopeError, InvalidInput, NotFound
from conflictscope.files.uploads import safe_name
from conflictscope.scenarios.importing import taking_back
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.importing.reporting import ImportReport, bad_row_cells
from conflictscope.scenarios.importing.writing import ImportSettings, examples_of, import_scenarios
from conflictscope.scenarios.models import Dataset, Import, ImportUpload
from conflictscope.values.models import ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=1)
LOOKED_AT_ONCE = 256 * 1024  # bytes that a web process reads


def stage(
    study: Study,
    upload: UploadedFile[bytes],
    *,
    options: dict[str, Any],
    created_by: User,
    what: str = ImportUpload.What.SCENARIOS,
) -> ImportUpload:
    """Lay an upload down, piece by piece, to be looked at. What others left behind a day ago goes.

    Raises:
        InvalidInput: it is larger than uploads may be.
    """
    sweep()
    if (upload.size or 0) > (most := settings.IMPORT_UPLOAD_BYTES):
        raise InvalidInput(
            f"{upload.name} has {upload.size:,} bytes, and {most:,} may be uploaded: pack it by gzip, import it in parts, or by the "
            f"command import_{what} on the server, which has no such limit."
        )
    name = safe_name(upload.name or "")
    staged = ImportUpload(
        study=study, created_by=created_by, what=what, file_name=name, size=upload.size or 0, options=options
    )
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
class MappedColumn:
    """A column that a mapping speaks of. `field`: what it means now, empty for nothing."""

    name: str
    field: str
    example: str


@dataclass(frozen=True, slots=True)
class Look:
    """What would become of a file, as it is read now. `complaint`: why nothing can."""

    columns: list[MappedColumn]
    report: ImportReport | None
    complaint: str


def look_at(upload: ImportUpload) -> Look | None:
    """What would become of the file. None: it is large, and has not been looked at as it is read now; a job is to do it.

    Nothing is written but the look itself, so that the next page need not look again.
    """
    if upload.look is None or upload.look["how"] != _how(upload):
        if not is_small(upload):
            return None
        keep_look(upload)
    kept = upload.look or {}
    return Look(
        columns=[MappedColumn(*each) for each in kept["columns"]],
        report=ImportReport.loaded(kept["report"]) if kept["report"] else None,
        complaint=kept["complaint"],
    )


def keep_look(upload: ImportUpload, *, progress: Callable[[int], object] | None = None) -> None:
    """Go through the file and keep what would become of it.

    Raises: what `progress` raises.
    """
    how, complaint, report = _how(upload), "", None
    columns: list[MappedColumn] = []
    try:
        columns = _columns_in(upload)
        report = _through_the_door(upload, skip_bad=True, write=False, created_by=None, progress=progress)
    except ConflictScopeError as exc:
        complaint = exc.sentence
    upload.look = {
        "how": how,
        "columns": [[each.name, each.field, each.example] for each in columns],
        "report": report.dumped() if report else None,
        "complaint": complaint,
    }
    ImportUpload.objects.filter(pk=upload.pk, report__isnull=True).update(look=upload.look)


def _how(upload: ImportUpload) -> dict[str, Any]:
    """What a look depends on. What others do to the dataset meanwhile is seen at the next look, or by the import."""
    names = ("slug", "format", "encoding", "value_set", "mapping")
    there = Dataset.everything.filter(study=upload.study_id, slug=upload.options.get("slug")).first()
    return {name: upload.options.get(name) for name in names} | {
        "scenarios": there.scenarios.count() if there else 0,
        "file": (_folder(upload) / upload.file_name).is_file(),
    }


def is_small(upload: ImportUpload) -> bool:
    """Whether a web process may read it: it is short, and is not packed. A file that is gone is soon looked at."""
    path = _folder(upload) / upload.file_name
    if upload.size > LOOKED_AT_ONCE or not path.is_file():
        return upload.size <= LOOKED_AT_ONCE
    with path.open("rb") as file:
        return file.read(2) not in (b"\x1f\x8b", b"PK")


def _columns_in(upload: ImportUpload) -> list[MappedColumn]:
    """The columns that a mapping speaks of; none for a format with columns of its own.

    Raises:
        NotFound, InvalidInput: the file is gone, or cannot be read.
    """
    options = upload.options
    examples = examples_of(path_of(upload), format_name=options["format"], encoding=options["encoding"])
    mapping = options.get("mapping")
    meant = guessed(examples) if mapping is None else mapping
    return [MappedColumn(name, meant.get(name, ""), example) for name, example in examples.items()]


def bring_in(
    upload: ImportUpload, *, skip_bad: bool, created_by: User, progress: Callable[[int], object] | None = None
) -> ImportReport:
    """Import the file, remember the report, and remove the file.

    Raises: as `import_scenarios`; NotFound: the file is gone.
    """
    report = _through_the_door(upload, skip_bad=skip_bad, write=True, created_by=created_by, progress=progress)
    # Where the request came twice, the first report tells what came in.
    ImportUpload.objects.filter(pk=upload.pk, report__isnull=True).update(
        dataset=report.dataset, report=report.as_json(), look=None
    )
    upload.refresh_from_db(fields=["dataset", "report", "look"])
    remove_file(upload)
    return report


def take_back_unfinished(upload: ImportUpload, *, created_by: User) -> None:
    """What an import into the dataset left that was killed: the one who has its job now knows that it is dead."""
    left = Import.objects.filter(
        dataset__study=upload.study_id, dataset__slug=upload.options["slug"], finished_at__isnull=True
    )
    if (
        unfinished_import := left.filter(created_by=created_by, files=[{"name": upload.file_name}]).first()
    ) is not None:
        taking_back.undo(unfinished_import)


def remove_file(upload: ImportUpload) -> None:
    """It was imported: what is remembered of it is its report."""
    shutil.rmtree(_folder(upload), ignore_errors=True)


def give_up(upload: ImportUpload) -> None:
    remove_file(upload)
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
    look = look_at(upload)
    return [bad_row_cells(row) for row in look.report.bad_rows] if look and look.report else []


def _through_the_door(
    upload: ImportUpload,
    *,
    skip_bad: bool,
    write: bool,
    created_by: User | None,
    progress: Callable[[int], object] | None = None,
) -> ImportReport:
    options = upload.options
    value_set = options.get("value_set")
    return import_scenarios(
        upload.study,
        options["slug"],
        settings=ImportSettings(
            format_name=options["format"],
            name=options["name"],
            encoding=options["encoding"],
            mapping=options.get("mapping"),
            value_set=ValueSetVersion.objects.select_related("value_set").get(pk=value_set) if value_set else None,
            skip_bad=skip_bad,
        ),
        paths=[path_of(upload)],
        created_by=created_by,
        progress=progress,
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
