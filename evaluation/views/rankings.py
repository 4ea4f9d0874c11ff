"""Pages of rankings: fitted, drawn, shown with the way back to the responses."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from conflictscope.charts.downloads import chart_response
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from evaluation.measures.datasets import evaluated_scope
from evaluation.rankings.fitting import fit_dataset, latest_rankings, runs_with_decisions, value_names
from evaluation.rankings.plots import rankings_chart as draw_rankings
from evaluation.views.common import dataset_of
from evaluation.views.forms import FitForm
from evaluation.views.ranking_cards import cards_of


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
    one = dataset_of(found, dataset)
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
    one = dataset_of(found, dataset)
    with_decisions = list(runs_with_decisions(one))
    fitted = latest_rankings(with_decisions)
    in_order = [fitted[run.pk] for run in with_decisions if run.pk in fitted]
    chart = draw_rankings(one, in_order, value_names(one))
    if chart is None:
        raise Http404("No ranking of this dataset has strengths to draw yet.")
    return chart_response(request, chart, name=f"rankings-{one.slug}")
