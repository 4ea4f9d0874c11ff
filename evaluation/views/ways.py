"""A run's decisions ranked in other ways and in parts."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.tables import table_response
from evaluation.models import Run
from evaluation.rankings.fitting import value_names
from evaluation.rankings.ways import Ways, ways_of


@require_safe
def ways(request: Request, study: str, run: int) -> HttpResponse:
    this_run, run_ways = _found(request, study, run)
    tables = [run_ways.methods, *run_ways.parts]
    context = {
        "study": this_run.study,
        "section": "rankings",
        "run": this_run,
        "tables": [(table, reverse("evaluation:ways_table", args=[study, run, table.name])) for table in tables],
        "simulated": this_run.simulated,
    }
    return render(request, "evaluation/ways.html", context)


@require_safe
def ways_table(request: Request, study: str, run: int, part: str) -> HttpResponse:
    _, run_ways = _found(request, study, run)
    for table in (run_ways.methods, *run_ways.parts):
        if table.name == part:
            return table_response(request, table)
    raise Http404("There is no such table.")


def _found(request: Request, study: str, pk: int) -> tuple[Run, Ways]:
    runs = Run.objects.select_related(
        "study", "dataset__value_set_version", "target__endpoint", "judge__endpoint", "user_simulator", "steering"
    )
    run = get_object_or_404(runs, study=study_for(request.user, study), pk=pk)
    return run, ways_of(run, value_names(run.dataset))
