"""The page of a dataset's duplicates."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conflictscope.charts.downloads import chart_response
from conflictscope.http import Request
from conflictscope.scenarios.browsing import duplicates as browsing
from conflictscope.scenarios.dedup import similarities
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for


@require_safe
def duplicates(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    asked = browsing.DuplicatesShown.of(request.GET)
    page, rows = browsing.page_of_duplicates(this_dataset, asked, page=request.GET.get("page"))
    near = similarities(this_dataset)
    wanted = _threshold(request.GET.get("threshold", ""))
    context = {
        "study": this_study,
        "section": "datasets",
        "dataset": this_dataset,
        "asked": asked,
        "kinds": browsing.SHOWN.items(),
        "sorts": browsing.SORTS.items(),
        "pairs": browsing.pairs_of(this_dataset),
        "page": page,
        "rows": rows,
        "near": near,
        "compared": len(near.values),
        "chart": browsing.chart_of(this_dataset, near),
        "at_thresholds": browsing.at_thresholds(near, wanted),
        "wanted": wanted,
    }
    return render(request, "scenarios/duplicates.html", context)


@require_safe
def duplicates_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    chart = browsing.chart_of(this_dataset, similarities(this_dataset))
    if chart is None:
        raise Http404("Nothing has been compared in this dataset.")
    return chart_response(request, chart, name=f"similarities-{this_dataset.slug}")


def _threshold(text: str) -> float | None:
    """One between 0 and 1; whatever else was typed asks for none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value <= 1 else None
