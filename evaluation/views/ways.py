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
    one, found = _found(request, study, run)
    tables = [found.methods, *found.parts]
    context = {
        "study": one.study,
        "section": "rankings",
        "run": one,
        "tables": [(table, reverse("evaluation:ways_table", args=[study, run, table.name])) for table in tables],
        "simulated": one.simulated,
    }
    return render(request, "evaluation/ways.html", context)


@require_safe
def ways_table(request: Request, study: str, run: int, part: str) -> HttpResponse:
    _, found = _found(request, study, run)
    for table in (found.methods, *found.parts):
        if table.name == part:
            return table_response(request, table)
    raise Http404("There is no such table.")


def _found(request: Request, study: str, pk: int) -> tuple[Run, Ways]:
    runs = Run.objects.select_related(
        "study", "dataset__value_set_version", "target__endpoint", "judge__endpoint", "user_simulator", "steering"
    )
    one = get_object_or_404(runs, study=study_for(request.user, study), pk=pk)
    return one, ways_of(one, value_names(one.dataset))
