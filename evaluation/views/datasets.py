"""Pages of datasets side by side, and what a dataset asks of its targets."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from conflictscope.charts.downloads import chart_response
from conflictscope.http import Request
from conflictscope.scenarios import diversity
from conflictscope.scenarios.models import Dimension, Scenario
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from conflictscope.tables import table_response
from evaluation.measures.ablation import ablation_chart, ablation_of
from evaluation.measures.comparing import as_csv, by_variant, compared
from evaluation.measures.datasets import measure
from evaluation.rankings.agreeing import done_alike


@require_safe
def measures(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    context = {"measures": measure(this_dataset), "done": done_alike(this_dataset)}
    return render(request, "evaluation/_measures.html", context)


@require_safe
def compare_datasets(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    rows = compared(this_study)
    ablation = ablation_of(this_study)
    working = list(this_study.jobs.live().filter(kind=diversity.KIND).select_related("study"))
    context = {
        "study": this_study,
        "section": "datasets",
        "rows": rows,
        "groups": by_variant(rows),
        "statuses": Scenario.Status,
        "dimensions": Dimension,
        "missing": sum(row.diversity.missing for row in rows),
        "working": working,
        "ablation": ablation,
        "table": ablation.table(),
        "src": reverse("evaluation:ablation_table", args=[this_study.slug]),
        "chart": ablation_chart(ablation.points()),
        "chart_src": reverse("evaluation:ablation_chart", args=[this_study.slug]),
    }
    return render(request, "evaluation/datasets_compared.html", context)


@require_safe
def compare_datasets_csv(request: Request, study: str) -> StreamingHttpResponse:
    this_study = study_for(request.user, study)
    return StreamingHttpResponse(
        (line.encode() for line in as_csv(compared(this_study))),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{this_study.slug}-datasets.csv"',
            "Cache-Control": "no-store",
        },
    )


@require_safe
def ablation_table(request: Request, study: str) -> HttpResponse:
    return table_response(request, ablation_of(study_for(request.user, study)).table())


@require_safe
def ablation_figure(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    chart = ablation_chart(ablation_of(this_study).points())
    if chart is None:
        raise Http404("No dataset has both figures yet.")
    return chart_response(request, chart, name=f"{this_study.slug}-observed-agreement-likert-divergence")


@require_POST
def embed_descriptions(request: Request, study: str) -> HttpResponse:
    """Start a job for each dataset that has descriptions without a vector."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    jobs = [
        diversity.start(dataset, started_by=request.user)
        for dataset in this_study.datasets.shown().order_by("pk")
        if diversity.diversity_of(dataset).missing
    ]
    messages.success(
        request,
        f"{len(jobs)} dataset{pluralize(len(jobs), ' is,s are')} being embedded." if jobs else "All are embedded.",
    )
    return redirect("evaluation:compare_datasets", this_study.slug)
