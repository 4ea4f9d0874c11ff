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
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = ImportScenariosForm(*posted(request), initial={"slug": request.GET.get("dataset", "")})
    if form.is_valid():
        given = form.cleaned_data
        try:
            refuse_target(found, given["slug"], value_set=given["value_set"])
        except ConflictScopeError as exc:
            form.add_error("slug", exc.sentence)
        else:
            options = {
                "slug": given["slug"],
                "name": given["name"],
                "format": given["format"],
                "encoding": given["encoding"],
                "value_set": given["value_set"].pk if given["value_set"] else None,
            }
            try:
                upload = staging.stage(found, given["file"], options=options, created_by=request.user)
            except ConflictScopeError as exc:
                form.add_error("file", exc.sentence)
            else:
                return redirect(upload)
    context = {
        "study": found,
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
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _upload_of(found, upload)
    if one.report is not None:
        return _again_as_a_whole(request) or render(
            request, "scenarios/import_done.html", {"study": found, "section": "datasets", "upload": one}
        )
    if one.job is not None and one.job.state in Job.LIVE:
        return _working(request, found, one)
    look = staging.look_at(one)
    if look is None:
        if one.job is not None and one.job.state == Job.State.FAILED and request.method != "POST":
            look = staging.Look([], None, one.job.error)
        else:
            importing.start_look(one, started_by=request.user)
            return redirect(one)
    if again := _again_as_a_whole(request):
        return again
    error, status = _error_of(one), 200
    form = ImportOptionsForm(posted(request)[0], upload=one, columns=look.columns)
    if form.is_valid():
        seen = _how(one, look.columns)
        one.options |= form.options()
        one.save(update_fields=["options"])
        if request.POST.get("do") != "import":
            return redirect(one)
        if _how(one, look.columns) != seen:
            messages.info(request, "This is what it becomes now. Nothing has been imported yet.")
            return redirect(one)
        try:
            importing.start_import(one, skip_bad=form.cleaned_data["skip_bad"], started_by=request.user)
        except ConflictScopeError as exc:
            error, status = exc.sentence, exc.http_status
        else:
            return redirect(one)
    elif form.is_bound:
        status = 400
    if look.report and look.report.bad:
        _ask_for_the_tick(form, look.report)
    context = {
        "study": found,
        "section": "datasets",
        "upload": one,
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
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _upload_of(found, upload)
    if one.report is None and one.job is not None and one.job.state in Job.LIVE:
        control.cancel(one.job)
    if one.report is None:
        staging.give_up(one)
        messages.success(request, f"{one.file_name} was removed; nothing was imported.")
    return redirect("scenarios:import_dataset", found.slug)


@require_safe
def import_bad_rows(request: Request, study: str, upload: uuid.UUID) -> HttpResponseBase:
    """The rows left out, or that would be, as CSV: file, row, line, column and why."""
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _upload_of(found, upload)
    return StreamingHttpResponse(
        (line.encode() for line in as_csv(staging.bad_rows_of(one))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="bad-rows.csv"', "Cache-Control": "no-store"},
    )
