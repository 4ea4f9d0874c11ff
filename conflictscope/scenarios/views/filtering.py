"""The page that starts a filtering."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.scenarios import filtering
from conflictscope.scenarios.dimensions import dimensions_of
from conflictscope.scenarios.forms import FilterForm
from conflictscope.scenarios.judges import judge_named
from conflictscope.scenarios.views.common import dataset_of, posted
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
def filter_dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    form = FilterForm(posted(request)[0], dataset=one)
    if form.is_valid():
        given = form.cleaned_data
        try:
            with transaction.atomic():  # no judge is made for a job that cannot start
                judge = given["judge"] or judge_named(given["new_judge"], endpoint=given["endpoint"])
                job = filtering.start(
                    one, judge, primary=given["primary"], started_by=request.user, budget=given["budget"]
                )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            return redirect(job)
    context = {"study": found, "section": "datasets", "dataset": one, "form": form, "dimensions": dimensions_of(one)}
    return render(request, "scenarios/filter.html", context, status=400 if form.errors else 200)
