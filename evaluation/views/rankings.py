"""Pages of rankings: fitted, drawn, shown with the way back to the responses."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from conflictscope.charts import Chart
from conflictscope.charts.downloads import chart_response
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.scenarios.models import Dataset
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from evaluation.measures.datasets import evaluated_scope
from evaluation.models import Comparison, Run
from evaluation.rankings.consistency import in_a_sentence, slope_chart, slopes_of, target_shifts
from evaluation.rankings.fitting import (
    FittedRun,
    fit_dataset,
    latest_rankings,
    runs_with_decisions,
    stale_runs,
    value_names,
)
from evaluation.rankings.overview import Measure, finding, heat_map, shift_map
from evaluation.rankings.plots import rankings_chart as draw_rankings
from evaluation.rankings.plots import value_chart as draw_value
from evaluation.rankings.shifts import compare, latest_shifts, said_and_done
from evaluation.running.browsing import lagging, runs_of
from evaluation.steering.effects import decided_runs, work_out_all
from evaluation.views.forms import FitForm
from evaluation.views.ranking_cards import cards_of, shift_of

MEASURES: dict[str, Measure] = {"strength": "strength", "rank": "rank"}
SHIFT = "shift"


@require_safe
def rankings(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    datasets = list(this_study.datasets.shown().select_related("study", "value_set_version").order_by("name"))
    wanted = request.GET.get("dataset", "")
    chosen = next((dataset for dataset in datasets if dataset.slug == wanted), None)
    if wanted and chosen is None:
        raise Http404("No such dataset in this study.")
    chosen = chosen or _with_most_results(datasets)
    context = {
        "study": this_study,
        "section": "rankings",
        "datasets": datasets,
        "dataset": chosen,
        "fit_form": FitForm(),
    }
    if chosen is not None:
        context |= _rankings_of(
            chosen,
            mode=request.GET.get("mode", ""),
            show=request.GET.get("show", ""),
            who=request.GET.get("by", ""),
            sort=request.GET.get("sort", ""),
        )
    return render(request, "evaluation/rankings.html", context)


def _with_most_results(datasets: list[Dataset]) -> Dataset | None:
    """The dataset with the most ranked runs, then the most runs, then the newest that can be ranked."""
    counts = {
        row["dataset"]: (row["ranked"], row["runs"])
        for row in Run.objects.filter(dataset__in=datasets)
        .order_by()
        .values("dataset")
        .annotate(ranked=Count("rankings__run", distinct=True), runs=Count("pk", distinct=True))
    }
    return max(
        datasets,
        key=lambda dataset: (*counts.get(dataset.pk, (0, 0)), dataset.value_set_version_id is not None, dataset.pk),
        default=None,
    )


def _rankings_of(dataset: Dataset, *, mode: str, show: str, who: str, sort: str) -> dict[str, object]:
    with_decisions = list(runs_with_decisions(dataset))
    fitted = latest_rankings(with_decisions)
    names = value_names(dataset)
    in_order = [fitted[run.pk] for run in with_decisions if run.pk in fitted]
    who = who if who in ("people", "corrected") else "own"
    measure = MEASURES.get(show, "strength")
    shifts = target_shifts(with_decisions, names, corrected=who == "corrected") if show == SHIFT else []
    behind = lagging(list(runs_of(Dataset.objects.filter(pk=dataset.pk))))
    shown = [fitted_run for fitted_run in in_order if mode not in Run.Mode.values or fitted_run.run.mode == mode]
    return {
        "finding": finding(in_order, names),
        "heat_map": shift_map(shifts, with_decisions, names, sort=sort)
        if show == SHIFT
        else heat_map(shown, names, measure=measure, who=who, sort=sort)
        if in_order
        else None,
        "shifted": show == SHIFT,
        "told": in_a_sentence(shifts),
        "modes": Run.Mode.choices if len({fitted_run.run.mode for fitted_run in in_order}) > 1 else [],
        "mode": mode,
        "measure": measure,
        "who": who,
        "any_people": any(fitted_run.corrected for fitted_run in in_order),
        "sort": sort,
        "stale": stale_runs(with_decisions),
        "behind": behind,
        "askable": sum(row.askable for row in behind),
        "unfitted": [run for run in with_decisions if run.pk not in fitted],
        "measurable": bool(evaluated_scope(dataset)),
        "simulated": dataset.simulated or any(run.simulated for run in with_decisions),
    }


@require_safe
def target_rankings(request: Request, study: str, dataset: str, target: int) -> HttpResponse:
    """One target on one dataset: what it says beside what it does, each ranking with its pairs."""
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    fitted = _fitted_of(this_dataset, target=target)
    if not fitted:
        raise Http404("This target has no ranking on this dataset.")
    names = value_names(this_dataset)
    comparison = latest_shifts([each.run for each in fitted]).get(target)
    context = {
        "study": this_study,
        "section": "rankings",
        "dataset": this_dataset,
        "target": fitted[0].run.target,
        "finding": finding(fitted, names),
        "chart": draw_rankings(this_dataset, fitted, names),
        "chart_src": reverse("evaluation:target_chart", args=[this_study.slug, this_dataset.slug, target]),
        "cards": cards_of(fitted, names),
        "shift": shift_of(comparison, names),
        "slope": _slope(comparison, fitted[0].run, names),
        "slope_src": reverse("evaluation:slope_chart", args=[this_study.slug, this_dataset.slug, target]),
        "simulated": any(each.run.simulated for each in fitted),
    }
    return render(request, "evaluation/target_rankings.html", context)


@require_safe
def value_rankings(request: Request, study: str, dataset: str, value: str) -> HttpResponse:
    """One value of a dataset across all targets."""
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    names = value_names(this_dataset)
    if value not in names:
        raise Http404("No such value in this dataset.")
    fitted = _fitted_of(this_dataset)
    context = {
        "study": this_study,
        "section": "rankings",
        "dataset": this_dataset,
        "name": names[value],
        "definition": this_dataset.value_set_version.values.get(key=value).definition
        if this_dataset.value_set_version
        else "",
        "chart": draw_value(this_dataset, fitted, value, names[value]),
        "chart_src": reverse("evaluation:value_chart", args=[this_study.slug, this_dataset.slug, value]),
        "heat_map": heat_map(fitted, names, sort=value),
        "simulated": any(each.run.simulated for each in fitted),
    }
    return render(request, "evaluation/value_rankings.html", context)


def _fitted_of(dataset: Dataset, *, target: int | None = None) -> list[FittedRun]:
    """The newest rankings of a dataset, in the order of its runs; of one target, if it is named."""
    runs = [run for run in runs_with_decisions(dataset) if target in (None, run.target_id)]
    fitted = latest_rankings(runs)
    return [fitted[run.pk] for run in runs if run.pk in fitted]


@require_POST
def fit_rankings(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    form = FitForm(request.POST)
    if not form.is_valid():
        raise InvalidInput(" ".join(f"{field}: {' '.join(map(str, errors))}" for field, errors in form.errors.items()))
    fitted = fit_dataset(
        this_dataset, replicates=form.cleaned_data["replicates"], seed=form.cleaned_data["seed"], by=request.user
    )
    for both in said_and_done([each.run for each in fitted]):
        compare(both, replicates=form.cleaned_data["replicates"], seed=form.cleaned_data["seed"])
    work_out_all(
        [run for run in decided_runs(this_study) if run.dataset_id == this_dataset.pk],
        replicates=form.cleaned_data["replicates"],
        seed=form.cleaned_data["seed"],
    )
    fresh = sum(each.fresh for each in fitted)
    messages.success(request, f"{fresh} rankings fitted; {len(fitted) - fresh} were up to date.")
    return redirect(f"{reverse('evaluation:rankings', args=[this_study.slug])}?dataset={this_dataset.slug}")


@require_safe
def rankings_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    return _answer(
        request,
        draw_rankings(this_dataset, _fitted_of(this_dataset), value_names(this_dataset)),
        name=f"rankings-{this_dataset.slug}",
    )


@require_safe
def target_chart(request: Request, study: str, dataset: str, target: int) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    chart = draw_rankings(this_dataset, _fitted_of(this_dataset, target=target), value_names(this_dataset))
    return _answer(request, chart, name=f"rankings-{this_dataset.slug}-target-{target}")


@require_safe
def target_slope(request: Request, study: str, dataset: str, target: int) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    runs = [run for run in runs_with_decisions(this_dataset) if run.target_id == target]
    comparison = latest_shifts(runs).get(target)
    chart = _slope(comparison, runs[0], value_names(this_dataset)) if runs else None
    return _answer(request, chart, name=f"said-done-{this_dataset.slug}-target-{target}")


def _slope(comparison: Comparison | None, run: Run, names: dict[str, str]) -> Chart | None:
    """What one target says and does."""
    if comparison is None:
        return None
    title = f"What it says and what it does: {run.target}, {run.dataset}"
    return slope_chart(slopes_of(comparison.results, names), title=title, of="by its own judge")


@require_safe
def value_chart(request: Request, study: str, dataset: str, value: str) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    names = value_names(this_dataset)
    if value not in names:
        raise Http404("No such value in this dataset.")
    return _answer(
        request,
        draw_value(this_dataset, _fitted_of(this_dataset), value, names[value]),
        name=f"{this_dataset.slug}-{value}",
    )


def _answer(request: Request, chart: Chart | None, *, name: str) -> HttpResponse:
    if chart is None:
        raise Http404("No ranking has strengths to draw yet.")
    return chart_response(request, chart, name=name)
