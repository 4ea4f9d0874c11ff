"""Pages that set things side by side: any two of a kind, which targets are alike, which scenarios divide them."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from conflictscope.charts.downloads import chart_response
from conflictscope.errors import Conflict
from conflictscope.http import Request
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from evaluation.models import Run
from evaluation.rankings import comparing
from evaluation.rankings.alike import dividing, newest_of_targets, similarity, similarity_chart
from evaluation.rankings.fitting import latest_rankings, runs_with_decisions, value_names


@require_safe
def compare(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    choice = comparing.choose(comparing.readings_of(this_study), _given(request))
    context: dict[str, object] = {"study": this_study, "section": "rankings", "choice": choice}
    if choice is not None:
        context |= {"first": choice.label(choice.first), "second": choice.label(choice.second)}
        context["selects"] = [
            *((name, name.capitalize(), value, choice.options[name]) for name, value in choice.within.items()),
            ("a", "First", choice.first, choice.options["sides"]),
            ("b", "Second", choice.second, choice.options["sides"]),
        ]
        try:
            compared = comparing.compare(choice, value_names(choice.twos[0][0].run.dataset) if choice.twos else {})
        except Conflict as exc:
            context["problem"] = exc.sentence
        else:
            query = urlencode({"what": choice.kind.key, **choice.within, "a": choice.first, "b": choice.second})
            context |= {
                "compared": compared,
                "chart": comparing.chart_of(choice, compared),
                "chart_src": f"{reverse('evaluation:compare_chart', args=[this_study.slug])}?{query}",
                "simulated": any(reading.run.simulated for two in choice.twos for reading in two),
            }
    return render(request, "evaluation/compare.html", context)


@require_safe
def compare_chart(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    choice = comparing.choose(comparing.readings_of(this_study), _given(request))
    if choice is None or not choice.twos:
        raise Http404("There is nothing to compare here.")
    compared = comparing.compare(choice, value_names(choice.twos[0][0].run.dataset))
    chart = comparing.chart_of(choice, compared)
    if chart is None:
        raise Http404(f"There is no comparison to draw: {compared.reason}.")
    return chart_response(request, chart, name=f"compared-{choice.kind.key}")


def _given(request: Request) -> dict[str, str]:
    names = ("what", "a", "b", *comparing.WITHIN)
    return {name: request.GET[name] for name in names if request.GET.get(name)}


@require_safe
def alike(request: Request, study: str, dataset: str) -> HttpResponse:
    """How alike the targets are on one dataset, and the scenarios on which they part."""
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    runs = list(runs_with_decisions(this_dataset))
    mode = _mode(request, runs)
    of_mode = newest_of_targets(runs, mode)
    shown = similarity(list(latest_rankings(of_mode).values()))
    context = {
        "study": this_study,
        "section": "rankings",
        "dataset": this_dataset,
        "mode": mode,
        "modes": [(key, label) for key, label in Run.Mode.choices if any(run.mode == key for run in runs)],
        "similarity": shown,
        "closest": shown.closest(),
        "furthest": shown.furthest(),
        "chart": similarity_chart(shown, title=f"How alike the targets order the values: {this_dataset.name}"),
        "chart_src": f"{reverse('evaluation:alike_chart', args=[this_study.slug, this_dataset.slug])}?mode={mode}",
        "divided": dividing(of_mode),
        "targets": len(of_mode),
        "simulated": any(run.simulated for run in of_mode),
    }
    return render(request, "evaluation/alike.html", context)


@require_safe
def alike_chart(request: Request, study: str, dataset: str) -> HttpResponse:
    this_dataset = dataset_of(study_for(request.user, study), dataset)
    runs = list(runs_with_decisions(this_dataset))
    of_mode = newest_of_targets(runs, _mode(request, runs))
    chart = similarity_chart(
        similarity(list(latest_rankings(of_mode).values())),
        title=f"How alike the targets order the values: {this_dataset.name}",
    )
    if chart is None:
        raise Http404("Fewer than two targets have a ranking to compare.")
    return chart_response(request, chart, name=f"alike-{this_dataset.slug}")


def _mode(request: Request, runs: list[Run]) -> str:
    """The mode asked for, else what targets do where that is known, else what they say."""
    known = {str(run.mode) for run in runs}
    wanted = request.GET.get("mode", "")
    if wanted in known:
        return wanted
    return Run.Mode.MULTIPLE_CHOICE if Run.Mode.SIMULATED_USER not in known else Run.Mode.SIMULATED_USER
