"""Imports by page as jobs: a worker looks at a file, or brings it in, and no web process reads more than a few rows of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from conflictscope.errors import Conflict, NotFound
from conflictscope.jobs import control
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import NewItem, WorkedOn
from conflictscope.llm.client import Door
from conflictscope.scenarios.importing import staging
from conflictscope.scenarios.models import ImportUpload

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "scenarios.import"
LOOK, BRING_IN = "look", "import"
_TELL_SECONDS = 0.5  # how often the row tells how far it is


def start_look(upload: ImportUpload, *, started_by: User) -> Job:
    """Have a worker look at the file, which is too large for a web process."""
    return start_step(upload, LOOK, kind=KIND, skip_bad=True, started_by=started_by)


def start_import(upload: ImportUpload, *, skip_bad: bool, started_by: User) -> Job:
    """Have a worker bring the file in.

    Raises:
        Conflict: it is being looked at, or imported in another way.
    """
    return start_step(upload, BRING_IN, kind=KIND, skip_bad=skip_bad, started_by=started_by)


def start_step(upload: ImportUpload, step: str, *, kind: str, skip_bad: bool, started_by: User) -> Job:
    """A look at the upload, or its import, as a job of the kind that reads such files.

    Raises:
        Conflict: it is being looked at, or imported in another way.
    """
    parameters = {"upload": upload.pk, "step": step, "skip_bad": skip_bad}
    verb = "Import" if step == BRING_IN else "Look at"
    ImportUpload.objects.filter(pk=upload.pk).update(rows_read=0)
    job = control.start(
        upload.study,
        kind=kind,
        subject=f"upload {upload.pk}",
        title=f"{verb} {upload.file_name}"[:200],
        parameters=parameters,
        started_by=started_by,
    )
    if job.parameters != parameters:
        raise Conflict(f"{upload} is being looked at or imported: wait for that job, or cancel it.")
    ImportUpload.objects.filter(pk=upload.pk).update(job=job)
    upload.job = job
    return job


class _Stopped(Conflict):
    """Somebody paused or cancelled the job."""


class UploadHandler(ABC):
    """All of the work is local, and the job's plan: one worker does it, and when it dies another begins anew."""

    kind: str

    @abstractmethod
    def look(self, upload: ImportUpload, *, tell: Callable[[int], None]) -> None:
        """Keep what would become of the file."""

    @abstractmethod
    def bring_in(self, upload: ImportUpload, *, skip_bad: bool, person: User, tell: Callable[[int], None]) -> None:
        """Import the file, after what a killed import had written was taken back."""

    def plan(self, job: Job) -> Iterable[NewItem]:
        upload = upload_of(job)
        if upload.report is not None:
            return []
        tell = telling(job, upload)
        if job.parameters["step"] == LOOK:
            self.look(upload, tell=tell)
        else:
            person = job.started_by or upload.created_by
            self.bring_in(upload, skip_bad=job.parameters["skip_bad"], person=person, tell=tell)
        return []

    def prepare(self, item: WorkItem) -> None:
        raise NotFound(f"{item.job} has no items: its plan is all of it.")

    async def ask(self, prepared: None, door: Door) -> None:
        raise NotFound("An import asks no language model.")

    def store(self, item: WorkItem, outcome: None) -> str:
        raise NotFound(f"{item.job} has no items: its plan is all of it.")

    def worked_on(self, job: Job) -> WorkedOn:
        upload = upload_of(job)
        return WorkedOn(upload.file_name, upload.get_absolute_url())

    def outcome(self, job: Job) -> str:
        upload = upload_of(job)
        if upload.report is None:
            return f"{upload.file_name} was looked at."
        return "\n".join(upload.report["sentences"])


class ImportHandler(UploadHandler):
    """Scenarios into a dataset."""

    kind = KIND

    def look(self, upload: ImportUpload, *, tell: Callable[[int], None]) -> None:
        staging.keep_look(upload, progress=tell)

    def bring_in(self, upload: ImportUpload, *, skip_bad: bool, person: User, tell: Callable[[int], None]) -> None:
        staging.take_back_unfinished(upload, created_by=person)
        staging.bring_in(upload, skip_bad=skip_bad, created_by=person, progress=tell)


def telling(job: Job, upload: ImportUpload) -> Callable[[int], None]:
    """Writes down how many rows are read, now and then.

    Raises (where it is called):
        _Stopped: the job is not to go on.
    """
    told_at = 0.0

    def tell(rows: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < _TELL_SECONDS:
            return
        told_at = time.monotonic()
        ImportUpload.objects.filter(pk=upload.pk).update(rows_read=rows)
        if not Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).exists():
            raise _Stopped(f"{upload.file_name} was not imported: its job was stopped.")

    return tell


def upload_of(job: Job) -> ImportUpload:
    """The upload that the job looks at, or imports.

    Raises:
        NotFound: it was given up since.
    """
    uploads = ImportUpload.objects.select_related("study", "created_by", "dataset__study")
    if (upload := uploads.filter(pk=job.parameters.get("upload")).first()) is None:
        raise NotFound(f"The upload of job {job.pk} is no longer there.")
    return upload
