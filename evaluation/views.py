"""The pages of runs and rankings: what was asked, what came back, and what it comes to."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conflictscope.charts.downloads import chart_response
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import Started, start_or_estimate
from conflictscope.scenarios import diversity
from conflictscope.scenarios.models import Dataset, Dimension, Scenario
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action
from evaluation import runs as running
from evaluation.browsing import Filter, page_of_responses, pairs_of, responses_to, run_rows, runs_of
from evaluation.comparing import as_csv, by_variant, compared
from evaluation.dataset_measures import evaluated_scope, measure
from evaluation.forms import EvaluateForm, FitForm
from evaluation.plots import rankings_chart as draw_rankings
from evaluation.presenting import cards_of
from evaluation.ranking import fit_dataset, latest_rankings, runs_with_decisions, value_names
from evaluation.summaries import CHOICE_LABELS
from evaluation.targets import target_for


def _dataset(study: Study, slug: str) -> Dataset:
    datasets = Dataset.objects.select_related("study", "value_set_version__value_set", "generator", "primary_judge")
    return get_object_or_404(datasets, study=study, slug=slug)


@require_safe
def runs(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    rows = run_rows(list(runs_of(found.datasets.all())))
    context = {
        "study": found,
        "section": "runs",
        "rows": rows,
        "datasets": list(found.datasets.select_related("study", "generator")),
        "live": any(row.live for row in rows),
    }
    return render(request, "evaluation/_runs.html" if request.htmx else "evaluation/runs.html", context)


@require_safe
def run(request: Request, study: str, run: int) -> HttpResponse:
    found = study_for(request.user, study)
    one = get_object_or_404(runs_of(found.datasets.all()), pk=run)
    chosen = Filter(
        choice=request.GET.get("choice", ""),
        pair=request.GET.get("pair", ""),
        scenario=request.GET.get("scenario", ""),
        refused="refused" in request.GET,
    )
    (row,) = run_rows([one])
    context = {
        "study": found,
        "section": "runs",
        "run": one,
        "row": row,
        "chosen": chosen,
        "page": page_of_responses(one, chosen, page=request.GET.get("page")),
        "choices": [(key, label, row.summary.choices.get(key, 0)) for key, label in CHOICE_LABELS.items()],
        "pairs": pairs_of(one.dataset),
    }
    return render(request, "evaluation/_progress.html" if request.htmx else "evaluation/run.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def evaluate(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _dataset(found, dataset)
    form = EvaluateForm(request.POST or None, dataset=one)

    def start() -> list[Job]:
        given = form.cleaned_data
        return running.evaluate(
            one,
            targets=[target_for(label) for label in given["targets"]],
            modes=given["modes"],
            user_simulator=given["user_simulator"],
            judge=given["judge"],
            scope=given["scope"],
            option_orders=running.ORDERS[given["orders"]],
            samples=given["samples"],
            seed=given["seed"],
            started_by=request.user,
            budget=budget_of(given),
        )

    def to_the_runs(started: Started) -> HttpResponse:
        jobs = [started] if isinstance(started, Job) else started
        messages.success(request, f"{len(jobs)} evaluation{'s are' if len(jobs) > 1 else ' is'} on the way.")
        return redirect("evaluation:runs", found.slug)

    context = {"study": found, "section": "runs", "dataset": one}
    return start_or_estimate(
        request, form, start, template="evaluation/evaluate.html", context=context, then=to_the_runs
    )


@require_safe
def rankings(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    datasets = list(found.datasets.select_related("study", "value_set_version").order_by("name"))
    wanted = request.GET.get("dataset", "")
    one = next((dataset for dataset in datasets if dataset.slug == wanted), None)
    if wanted and one is None:
        raise Http404("No such dataset in this study.")
    # Without a wish, the dataset that was made last among those that can be ranked.
    ranked = sorted((dataset for dataset in datasets if dataset.value_set_version_id), key=lambda dataset: dataset.pk)
    if one is None and datasets:
        one = (ranked or datasets)[-1]
    context = {"study": found, "section": "rankings", "datasets": datasets, "dataset": one, "fit_form": FitForm()}
    if one is not None:
        context |= _rankings_of(one)
    return render(request, "evaluation/rankings.html", context)


def _rankings_of(dataset: Dataset) -> dict[str, object]:
    with_decisions = list(runs_with_decisions(dataset))
    fitted = latest_rankings(with_decisions)
    names = value_names(dataset)
    in_order = [fitted[run.pk] for run in with_decisions if run.pk in fitted]
    return {
        "chart": draw_rankings(dataset, in_order, names),
        "chart_src": reverse("evaluation:rankings_chart", args=[dataset.study.slug, dataset.slug]),
        "cards": cards_of(in_order, names),
        "unfitted": [run for run in with_decisions if run.pk not in fitted],
        "measurable": bool(evaluated_scope(dataset)),
        "simulated": dataset.simulated or any(run.simulated for run in with_decisions),
    }


@require_POST
def fit_rankings(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _dataset(found, dataset)
    form = FitForm(request.POST)
    if not form.is_valid():
        raise InvalidInput(" ".join(f"{field}: {' '.join(map(str, said))}" for field, said in form.errors.items()))
    fitted = fit_dataset(one, replicates=form.cleaned_data["replicates"], seed=form.cleaned_data["seed"])
    fresh = sum(each.fresh for each in fitted)
    messages.success(request, f"{fresh} rankings fitted; {len(fitted) - fresh} were up to date.")
    return redirect(f"{reverse('evaluation:rankings', args=[found.slug])}?dataset={one.slug}")


@require_safe
def rankings_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = _dataset(found, dataset)
    with_decisions = list(runs_with_decisions(one))
    fitted = latest_rankings(with_decisions)
    in_order = [fitted[run.pk] for run in with_decisions if run.pk in fitted]
    chart = draw_rankings(one, in_order, value_names(one))
    if chart is None:
        raise Http404("No ranking of this dataset has strengths to draw yet.")
    return chart_response(request, chart, name=f"rankings-{one.slug}")


@require_safe
def measures(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    return render(request, "evaluation/_measures.html", {"measures": measure(_dataset(found, dataset))})


@require_safe
def compare_datasets(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    rows = compared(found)
    working = list(found.jobs.live().filter(kind=diversity.KIND).select_related("study"))
    context = {
        "study": found,
        "section": "datasets",
        "rows": rows,
        "groups": by_variant(rows),
        "statuses": Scenario.Status,
        "dimensions": Dimension,
        "missing": sum(row.diversity.missing for row in rows),
        "working": working,
    }
    return render(request, "evaluation/datasets_compared.html", context)


@require_safe
def compare_datasets_csv(request: Request, study: str) -> StreamingHttpResponse:
    found = study_for(request.user, study)
    return StreamingHttpResponse(
        (line.encode() for line in as_csv(compared(found))),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{found.slug}-datasets.csv"',
            "Cache-Control": "no-store",
        },
    )


@require_POST
def embed_descriptions(request: Request, study: str) -> HttpResponse:
    """Start a job for each dataset that has descriptions without a vector."""
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    jobs = [
        diversity.start(one, started_by=request.user)
        for one in found.datasets.order_by("pk")
        if diversity.diversity_of(one).missing
    ]
    messages.success(
        request,
        f"{len(jobs)} dataset{pluralize(len(jobs), ' is,s are')} being embedded." if jobs else "All are embedded.",
    )
    return redirect("evaluation:compare_datasets", found.slug)


@require_safe
def scenario_responses(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    found = study_for(request.user, study)
    scenario = get_object_or_404(Scenario, dataset__study=found, dataset__slug=dataset, uid=uid)
    context = {"study": found, "scenario": scenario, "responses": list(responses_to(scenario))}
    return render(request, "evaluation/_scenario_responses.html", context)
