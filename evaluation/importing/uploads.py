"""Files of evaluations on their way in by page: looked at, then imported by a worker. The file is laid down as those of scenarios are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conflictscope.errors import ConflictScopeError
from conflictscope.jobs.models import Job
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.scenarios.importing import staging
from conflictscope.scenarios.importing.job import BRING_IN, LOOK, UploadHandler, start_step
from conflictscope.scenarios.importing.reporting import bad_row_cells
from conflictscope.scenarios.models import ImportUpload
from evaluation.importing.detecting import FORMATS
from evaluation.importing.placing import EvaluationReport
from evaluation.importing.writing import import_evaluations
from evaluation.models import Run
from evaluation.running.variants import variants

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "evaluation.import"


@dataclass(frozen=True, slots=True)
class EvaluationLook:
    """What would become of a file, as it is read now. `complaint`: why nothing can.

    Attributes:
        read, added, known, bad: rows; of the good ones, trials that are new, and those that are there already.
        targets: name, trials, and what was chosen in words, refusals among it.
        bad_rows: cells, as a download has them: file, row, line, column, why.
    """

    complaint: str = ""
    format: str = ""
    read: int = 0
    added: int = 0
    known: int = 0
    bad: int = 0
    targets: tuple[tuple[str, int, str], ...] = ()
    bad_rows: tuple[tuple[Any, ...], ...] = ()


def look_at(upload: ImportUpload) -> EvaluationLook | None:
    """What would become of the file. None: it is large, and has not been looked at as it is read now; a job is to do it."""
    if upload.look is None or upload.look["how"] != _how(upload):
        if not staging.is_small(upload):
            return None
        keep_look(upload)
    fields = (upload.look or {})["found"]
    rows = {name: tuple(tuple(row) for row in fields[name]) for name in ("targets", "bad_rows")}
    return EvaluationLook(**{**fields, **rows})


def keep_look(upload: ImportUpload, *, progress: Callable[[int], object] | None = None) -> None:
    """Go through the file and keep what would become of it; nothing else is written.

    Raises: what `progress` raises.
    """
    how = _how(upload)
    try:
        fields = _told(_through_the_door(upload, skip_bad=True, write=False, created_by=None, progress=progress))
    except ConflictScopeError as exc:
        fields = {"complaint": exc.sentence, "targets": [], "bad_rows": []}
    upload.look = {"how": how, "found": fields}
    ImportUpload.objects.filter(pk=upload.pk, report__isnull=True).update(look=upload.look)


def bring_in(
    upload: ImportUpload, *, skip_bad: bool, created_by: User, progress: Callable[[int], object] | None = None
) -> None:
    """Import the file, or what is missing of it, remember the report, and remove the file.

    Raises: as `import_evaluations`; NotFound: the file or the dataset is gone.
    """
    try:
        report = _through_the_door(upload, skip_bad=skip_bad, write=True, created_by=created_by, progress=progress)
    except ConflictScopeError:
        if is_begun(upload):  # what would become of the rest is another thing now
            ImportUpload.objects.filter(pk=upload.pk).update(look=None)
        raise
    labels = variants(report.runs.values())
    runs = [{"name": f"{run.target}: {labels[pk]}", "href": run.get_absolute_url()} for pk, run in report.runs.items()]
    ImportUpload.objects.filter(pk=upload.pk, report__isnull=True).update(
        dataset=dataset_named(upload.study, upload.options["dataset"]),
        report=_told(report) | {"sentences": report.sentences(), "runs": runs},
        look=None,
    )
    upload.refresh_from_db(fields=["dataset", "report", "look"])
    staging.remove_file(upload)


def is_begun(upload: ImportUpload) -> bool:
    """Whether an import into its dataset is under way, or was broken off and has left a part."""
    runs = Run.objects.filter(study=upload.study, dataset__slug=upload.options["dataset"])
    return runs.filter(import_unfinished=True).exists()


def bad_rows_of(upload: ImportUpload) -> list[list[Any]]:
    """The cells of the report's bad rows; before the import those that looking found."""
    kept = upload.report or (upload.look or {}).get("found") or {}
    rows: list[list[Any]] = kept.get("bad_rows", [])
    return rows


def start_look(upload: ImportUpload, *, started_by: User) -> Job:
    """Have a worker look at the file, which is too large for a web process."""
    return start_step(upload, LOOK, kind=KIND, skip_bad=True, started_by=started_by)


def start_import(upload: ImportUpload, *, skip_bad: bool, started_by: User) -> Job:
    """Have a worker bring the file in.

    Raises:
        Conflict: it is being looked at, or imported in another way.
    """
    return start_step(upload, BRING_IN, kind=KIND, skip_bad=skip_bad, started_by=started_by)


class EvaluationImportHandler(UploadHandler):
    """What targets answered elsewhere, into runs. What a killed import has left, another worker goes on with."""

    kind = KIND

    def look(self, upload: ImportUpload, *, tell: Callable[[int], None]) -> None:
        keep_look(upload, progress=tell)

    def bring_in(self, upload: ImportUpload, *, skip_bad: bool, person: User, tell: Callable[[int], None]) -> None:
        bring_in(upload, skip_bad=skip_bad, created_by=person, progress=tell)


def _how(upload: ImportUpload) -> dict[str, Any]:
    """What a look depends on. What others do to the dataset meanwhile is seen by the import."""
    return {name: upload.options.get(name) for name in ("dataset", "format", "encoding")}


def _told(report: EvaluationReport) -> dict[str, Any]:
    return {
        "format": FORMATS[report.format].label if report.format else "",
        **{name: getattr(report, name) for name in ("read", "added", "known", "bad")},
        "targets": [
            [target, sum(counts.values()), _in_words(counts, report.refused[target])]
            for target, counts in sorted(report.choices.items())
        ],
        "bad_rows": [bad_row_cells(row) for row in report.bad_rows],
    }


def _in_words(counts: dict[str, int], refused: int) -> str:
    parts = [f"{number} {choice.replace('_', ' ')}" for choice, number in sorted(counts.items())]
    return ", ".join([*parts, *([f"{refused} refused"] if refused else [])])


def _through_the_door(
    upload: ImportUpload,
    *,
    skip_bad: bool,
    write: bool,
    created_by: User | None,
    progress: Callable[[int], object] | None = None,
) -> EvaluationReport:
    return import_evaluations(
        dataset_named(upload.study, upload.options["dataset"]),
        paths=[staging.path_of(upload)],
        format_name=upload.options["format"],
        encoding=upload.options["encoding"],
        skip_bad=skip_bad,
        created_by=created_by,
        progress=progress,
        write=write,
    )
