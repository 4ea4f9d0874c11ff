"""The page of exports, and the download."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.exports.browsing import dataset_rows
from conflictscope.exports.exporting import Export, zipped
from conflictscope.exports.formats import CSV_ESCAPE
from conflictscope.exports.forms import DownloadForm
from conflictscope.exports.tables import TABLES
from conflictscope.http import Request
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action


def _downloadable(study: Study) -> QuerySet[Dataset]:
    """Datasets that hold anything, newest first, with all that an export says of them."""
    return (
        study.datasets.filter(scenarios__isnull=False)
        .exclude(variant=Dataset.Variant.CHECK)
        .distinct()
        .select_related("study", "generator", "primary_judge__endpoint", "value_set_version__value_set")
        .order_by("-pk")
    )


def _page(request: Request, study: Study, form: DownloadForm, *, status: int = 200) -> HttpResponse:
    rows = dataset_rows(study)
    context = {
        "study": study,
        "section": "exports",
        "form": form,
        "rows": rows,
        "downloadable": any(row.total for row in rows),
        "validated": any(row.validated for row in rows),
        "tables": TABLES,
        "csv_escape": CSV_ESCAPE,
    }
    return render(request, "exports/exports.html", context, status=status)


@require_safe
def exports(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.EXPORT)
    form = DownloadForm(datasets=_downloadable(this_study), initial={"dataset": request.GET.get("dataset")})
    return _page(request, this_study, form)


@require_safe
def download(request: Request, study: str) -> HttpResponseBase:
    """The chosen dataset as a zip, or the page with what is wrong with the choice."""
    this_study = study_for(request.user, study, may=Action.EXPORT)
    form = DownloadForm(request.GET, datasets=_downloadable(this_study))
    if not form.is_valid():
        return _page(request, this_study, form, status=400)
    dataset, chosen = form.cleaned_data["dataset"], form.cleaned_data["format"]
    try:
        export = Export(
            dataset,
            formats=[chosen],
            only_validated=form.cleaned_data["only_validated"],
            excel=form.cleaned_data["excel"],
        )
    except ConflictScopeError as exc:
        form.add_error(None, exc.sentence)
        return _page(request, this_study, form, status=exc.http_status)
    name = f"{this_study.slug}-{dataset.slug}-{chosen}"
    return StreamingHttpResponse(
        zipped(export, folder=name),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}.zip"', "Cache-Control": "no-store"},
    )
