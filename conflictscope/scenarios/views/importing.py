"""The pages that import scenarios: a file comes in, is looked at, and is imported."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.jobs import control
from conflictscope.jobs.models import Job
from conflictscope.scenarios.forms import ImportOptionsForm, ImportScenariosForm
from conflictscope.scenarios.importing import FORMATS, ImportReport, refuse_target, staging
from conflictscope.scenarios.importing import job as importing
from conflictscope.scenarios.importing.mapping import FIELDS
from conflictscope.scenarios.importing.reporting import as_csv
from conflictscope.scenarios.models import ImportUpload
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action

SHOWN = 20  # bad rows on the page; the download has all


@require_http_methods(["GET", "HEAD", "POST"])
def import_dataset(request: Request, study: str) -> HttpResponse:
    """A file comes in, with the dataset that it is for."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = ImportScenariosForm(*posted(request), initial={"slug": request.GET.get("dataset", "")})
    if form.is_valid():
        fields = form.cleaned_data
        try:
            refuse_target(this_study, fields["slug"], value_set=fields["value_set"])
        except ConflictScopeError as exc:
            form.add_error("slug", exc.sentence)
        else:
            options = {
                "slug": fields["slug"],
                "name": fields["name"],
                "format": fields["format"],
                "encoding": fields["encoding"],
                "value_set": fields["value_set"].pk if fields["value_set"] else None,
            }
            try:
                upload = staging.stage(this_study, fields["file"], options=options, created_by=request.user)
            except ConflictScopeError as exc:
                form.add_error("file", exc.sentence)
            else:
                return redirect(upload)
    context = {
        "study": this_study,
        "section": "datasets",
        "form": form,
        "formats": FORMATS.values(),
        "most": settings.IMPORT_UPLOAD_BYTES,
        "most_columns": settings.IMPORT_COLUMNS,
    }
    return render(request, "scenarios/import_dataset.html", context, status=400 if form.errors else 200)


def _upload_of(study: Study, token: uuid.UUID) -> ImportUpload:
    uploads = ImportUpload.objects.filter(what=ImportUpload.What.SCENARIOS)
    uploads = uploads.select_related("study", "dataset__study", "job__study")
    return get_object_or_404(uploads, study=study, token=token)


@require_http_methods(["GET", "HEAD", "POST"])
def import_upload(request: Request, study: str, upload: uuid.UUID) -> HttpResponse:
    """What would become of the file, with what can still be put right; then the import, and what came of it."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_upload = _upload_of(this_study, upload)
    if this_upload.report is not None:
        return _again_as_a_whole(request) or render(
            request, "scenarios/import_done.html", {"study": this_study, "section": "datasets", "upload": this_upload}
        )
    if this_upload.job is not None and this_upload.job.state in Job.LIVE:
        return _working(request, this_study, this_upload)
    look = staging.look_at(this_upload)
    if look is None:
        if this_upload.job is not None and this_upload.job.state == Job.State.FAILED and request.method != "POST":
            look = staging.Look([], None, this_upload.job.error)
        else:
            importing.start_look(this_upload, started_by=request.user)
            return redirect(this_upload)
    if again := _again_as_a_whole(request):
        return again
    error, status = _error_of(this_upload), 200
    form = ImportOptionsForm(posted(request)[0], upload=this_upload, columns=look.columns)
    if form.is_valid():
        seen = _how(this_upload, look.columns)
        this_upload.options |= form.options()
        this_upload.save(update_fields=["options"])
        if request.POST.get("do") != "import":
            return redirect(this_upload)
        if _how(this_upload, look.columns) != seen:
            messages.info(request, "This is what it becomes now. Nothing has been imported yet.")
            return redirect(this_upload)
        try:
            importing.start_import(this_upload, skip_bad=form.cleaned_data["skip_bad"], started_by=request.user)
        except ConflictScopeError as exc:
            error, status = exc.sentence, exc.http_status
        else:
            return redirect(this_upload)
    elif form.is_bound:
        status = 400
    if look.report and look.report.bad:
        _ask_for_the_tick(form, look.report)
    context = {
        "study": this_study,
        "section": "datasets",
        "upload": this_upload,
        "form": form,
        "error": error,
        "complaint": look.complaint,
        "report": look.report,
        "formats": [FORMATS[name].label for name in look.report.formats] if look.report else [],
        "bad_rows": look.report.bad_rows[:SHOWN] if look.report else [],
        "fields": FIELDS,
    }
    return render(request, "scenarios/import_upload.html", context, status=status)


def _working(request: Request, study: Study, upload: ImportUpload) -> HttpResponse:
    """A worker looks at the file, or imports it: how far it is. The page asks for itself until that is over."""
    if request.method == "POST":
        messages.info(request, "A worker has it: wait until that is over, or cancel its job.")
        return redirect(upload)
    template = "scenarios/_import_working.html" if request.htmx else "scenarios/import_working.html"
    return render(request, template, {"study": study, "section": "datasets", "upload": upload, "job": upload.job})


def _again_as_a_whole(request: Request) -> HttpResponse | None:
    """What the fragment of a working import is answered once it is over: the page is to be fetched again."""
    return HttpResponse(headers={"HX-Refresh": "true"}) if request.htmx else None


def _error_of(upload: ImportUpload) -> str:
    """Why the last import of it came to nothing."""
    job = upload.job
    if job is None or job.parameters.get("step") != importing.BRING_IN:
        return ""
    return (
        job.error
        if job.state == Job.State.FAILED
        else "The import was stopped."
        if job.state == Job.State.CANCELLED
        else ""
    )


def _how(upload: ImportUpload, columns: list[staging.MappedColumn]) -> dict[str, object]:
    """How the upload is read, with a guess spelled out: what is imported is what was seen."""
    how: dict[str, object] = upload.options | {
        "mapping": upload.options.get("mapping") or {column.name: column.field for column in columns} or None
    }
    return how


def _ask_for_the_tick(form: ImportOptionsForm, report: ImportReport) -> None:
    """Where rows cannot be read, nothing is imported without the tick: it says so, and browsers ask for it."""
    rows = "a row of it" if report.bad == 1 else f"{report.bad} rows of it"
    tick = form.fields["skip_bad"]
    tick.widget.attrs["required"] = True
    tick.help_text = f"Without this tick nothing is imported, because {rows} cannot be read; or put the file right and upload it again."


@require_POST
def give_up_upload(request: Request, study: str, upload: uuid.UUID) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_upload = _upload_of(this_study, upload)
    if this_upload.report is None and this_upload.job is not None and this_upload.job.state in Job.LIVE:
        control.cancel(this_upload.job)
    if this_upload.report is None:
        staging.give_up(this_upload)
        messages.success(request, f"{this_upload.file_name} was removed; nothing was imported.")
    return redirect("scenarios:import_dataset", this_study.slug)


@require_safe
def import_bad_rows(request: Request, study: str, upload: uuid.UUID) -> HttpResponseBase:
    """The rows left out, or that would be, as CSV: file, row, line, column and why."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_upload = _upload_of(this_study, upload)
    return StreamingHttpResponse(
        (line.encode() for line in as_csv(staging.bad_rows_of(this_upload))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="bad-rows.csv"', "Cache-Control": "no-store"},
    )
