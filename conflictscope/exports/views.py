"""The page of exports, and the download."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conflictscope.exports.exporting import Export, zipped
from conflictscope.exports.forms import DownloadForm
from conflictscope.exports.tables import TABLES
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_safe
def exports(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.EXPORT)
    datasets = found.datasets.select_related("generator", "study")
    form = DownloadForm(datasets=datasets, initial={"dataset": request.GET.get("dataset")})
    context = {"study": found, "section": "exports", "form": form, "datasets": datasets, "tables": TABLES}
    return render(request, "exports/exports.html", context)


@require_safe
def download(request: Request, study: str) -> HttpResponseBase:
    found = study_for(request.user, study, may=Action.EXPORT)
    datasets = found.datasets.select_related(
        "study", "generator", "primary_judge__endpoint", "value_set_version__value_set"
    )
    form = DownloadForm(request.GET, datasets=datasets)
    if not form.is_valid():
        context = {"study": found, "section": "exports", "form": form, "datasets": datasets, "tables": TABLES}
        return render(request, "exports/exports.html", context, status=400)
    dataset, chosen = form.cleaned_data["dataset"], form.cleaned_data["format"]
    export = Export(dataset, formats=[chosen], only_validated=form.cleaned_data["only_validated"])
    name = f"{found.slug}-{dataset.slug}-{chosen}"
    return StreamingHttpResponse(
        zipped(export, folder=name),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}.zip"', "Cache-Control": "no-store"},
    )
