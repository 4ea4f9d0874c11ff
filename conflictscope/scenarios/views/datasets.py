"""The pages that show a study's datasets, and what changes on them while a job works."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from conflictscope.http import Request
from conflictscope.scenarios import generation
from conflictscope.scenarios.browsing.datasets import dataset_rows, live_progress, pairs_of
from conflictscope.scenarios.browsing.scenarios import Filter, page_of_scenarios
from conflictscope.scenarios.datasets import dimension_rates, status_counts
from conflictscope.scenarios.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for


@require_safe
def datasets(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    rows = dataset_rows(found)
    context = {
        "study": found,
        "section": "datasets",
        "rows": rows,
        "running": any(one.running for row in rows for one in row.live),
    }
    return render(request, "scenarios/_datasets.html" if request.htmx else "scenarios/datasets.html", context)


def _live(dataset: Dataset) -> dict[str, object]:
    """What changes while a job works: counts, rates and the jobs themselves."""
    counts = status_counts([dataset]).get(dataset.pk, [])
    progress = live_progress(dataset)
    return {
        "counts": counts,
        "total": sum(each.count for each in counts),
        "progress": progress,
        "running": any(one.running for one in progress),
        "rates": dimension_rates(dataset, dataset.primary_judge) if dataset.primary_judge else [],
    }


@require_safe
def dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = dataset_of(found, dataset)
    chosen = Filter(
        **{field: request.GET.get(field, "") for field in ("status", "pair", "template", "failed", "search")}
    )
    page, rows = page_of_scenarios(one, chosen, page=request.GET.get("page"))
    generated = generation.was_generated_here(one)
    context = _live(one) | {
        "study": found,
        "section": "datasets",
        "dataset": one,
        "chosen": chosen,
        "page": page,
        "rows": rows,
        "generated": generated,
        "shortfalls": generation.shortfalls(one) if generated else [],
        "pairs": pairs_of(one),
        "templates": Scenario.Template.choices if one.value_set_version_id else [],
        "dimensions": dimensions_of(one),
    }
    return render(request, "scenarios/dataset.html", context)


@require_safe
def dataset_live(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = dataset_of(found, dataset)
    if not request.htmx:
        return redirect(one)
    live = _live(one)
    response = render(request, "scenarios/_dataset_live.html", live | {"study": found, "dataset": one})
    if not live["running"]:
        # It is asked for while a job runs; once none does, the whole page shows what came of it.
        response["HX-Refresh"] = "true"
    return response
