"""The pages that import evaluations: a file comes in, is looked at, and is imported by a worker."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.jobs import control
from conflictscope.jobs.models import Job
from conflictscope.scenarios.importing import staging
from conflictscope.scenarios.importing.job import BRING_IN
from conflictscope.scenarios.importing.reporting import as_csv
from conflictscope.scenarios.models import ImportUpload
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action
from evaluation.importing import FORMATS, uploads
from evaluation.views.import_forms import ImportEvaluationsForm, ReadAsForm

SHOWN = 20  # bad rows on the page; the download has all


@require_http_methods(["GET", "HEAD", "POST"])
def import_evaluations(request: Request, study: str) -> HttpResponse:
    """A file comes in, with the dataset whose scenarios were asked."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = ImportEvaluationsForm(
        *posted(request), study=this_study, initial={"dataset": request.GET.get("dataset", "")}
    )
    if form.is_valid():
        fields = form.cleaned_data
        options = {"dataset": fields["dataset"].slug, "format": fields["format"], "encoding": fields["encoding"]}
        what = ImportUpload.What.EVALUATIONS
        try:
            upload = staging.stage(this_study, fields["file"], options=options, created_by=request.user, what=what)
        except ConflictScopeError as exc:
            form.add_error("file", exc.sentence)
        else:
            return redirect(upload)
    context = {
        "study": this_study,
        "section": "runs",
        "form": form,
        "formats": FORMATS.values(),
        "most": settings.IMPORT_UPLOAD_BYTES,
        "has_datasets": this_study.datasets.shown().exists(),
    }
    return render(request, "evaluation/import_evaluations.html", context, status=400 if form.errors else 200)


def _upload_of(study: Study, token: uuid.UUID) -> ImportUpload:
    evaluation_uploads = ImportUpload.objects.filter(what=ImportUpload.What.EVALUATIONS)
    return get_object_or_404(
        evaluation_uploads.select_related("study", "dataset__study", "job__study"), study=study, token=token
    )


@require_http_methods(["GET", "HEAD", "POST"])
def import_upload(request: Request, study: str, evaluations: uuid.UUID) -> HttpResponse:
    """What would become of the file, then the import, and what came of it."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    upload = _upload_of(this_study, evaluations)
    context = {"study": this_study, "section": "runs", "upload": upload}
    working = upload.report is None and upload.job is not None and upload.job.state in Job.LIVE
    if working and request.method == "POST":
        messages.info(request, "A worker has it: wait until that is over, or cancel its job.")
        return redirect(upload)
    if working:
        fragment = "scenarios/_import_working.html" if request.htmx else "evaluation/import_working.html"
        return render(request, fragment, {**context, "job": upload.job})
    if request.htmx:  # the fragment of a working import asks for itself: now the page as a whole is another
        return HttpResponse(headers={"HX-Refresh": "true"})
    if upload.report is not None:
        return render(request, "evaluation/import_done.html", context)
    look = uploads.look_at(upload)
    if look is None and upload.job is not None and upload.job.state == Job.State.FAILED and request.method != "POST":
        look = uploads.EvaluationLook(complaint=upload.job.error)
    if look is None:
        uploads.start_look(upload, started_by=request.user)
        return redirect(upload)
    form = ReadAsForm(posted(request)[0], initial=upload.options, bad=look.bad)
    error, status = _error_of(upload), 200
    if form.is_valid():
        seen = dict(upload.options)
        upload.options |= {name: form.cleaned_data[name] for name in ("format", "encoding")}
        upload.save(update_fields=["options"])
        if request.POST.get("do") != "import" or upload.options != seen:
            return redirect(upload)
        try:
            uploads.start_import(upload, skip_bad=form.cleaned_data["skip_bad"], started_by=request.user)
        except ConflictScopeError as exc:
            error, status = exc.sentence, exc.http_status
        else:
            return redirect(upload)
    elif form.is_bound:
        status = 400
    context |= {"form": form, "look": look, "error": error, "bad_rows": look.bad_rows[:SHOWN]}
    return render(request, "evaluation/import_upload.html", context, status=status)


def _error_of(upload: ImportUpload) -> str:
    """Why the last import of it did not come to its end, and what it has left."""
    job = upload.job
    if (
        job is None
        or job.parameters.get("step") != BRING_IN
        or job.state not in (Job.State.FAILED, Job.State.CANCELLED)
    ):
        return ""
    why = job.error if job.state == Job.State.FAILED else "The import was stopped."
    left = (
        "What it brought in until then is there; import the file again for the rest."
        if uploads.is_begun(upload)
        else "Nothing was imported."
    )
    return f"{why} {left}"


@require_POST
def give_up_upload(request: Request, study: str, evaluations: uuid.UUID) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    upload = _upload_of(this_study, evaluations)
    if upload.report is None:
        if upload.job is not None and upload.job.state in Job.LIVE:
            control.cancel(upload.job)
        staging.give_up(upload)
        messages.success(request, f"{upload.file_name} was removed; nothing more of it is imported.")
    return redirect("evaluation:import_evaluations", this_study.slug)


@require_safe
def import_bad_rows(request: Request, study: str, evaluations: uuid.UUID) -> StreamingHttpResponse:
    """The rows left out, or that would be, as CSV: file, row, line, column and why."""
    upload = _upload_of(study_for(request.user, study, may=Action.RUN_PIPELINE), evaluations)
    return StreamingHttpResponse(
        (line.encode() for line in as_csv(uploads.bad_rows_of(upload))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="bad-rows.csv"', "Cache-Control": "no-store"},
    )
