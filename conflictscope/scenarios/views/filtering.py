"""The page that starts a filtering."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import start_or_estimate
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.judges import judge_named
from conflictscope.scenarios.forms import FilterForm
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
def filter_dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    form = FilterForm(posted(request)[0], dataset=one)

    def start() -> Job:
        given = form.cleaned_data
        with transaction.atomic():  # no judge is made for a job that cannot start
            judge = given["judge"] or judge_named(given["new_judge"], endpoint=given["endpoint"])
            return filtering.start(
                one, judge, primary=given["primary"], started_by=request.user, budget=budget_of(given)
            )

    context = {"study": found, "section": "datasets", "dataset": one, "dimensions": dimensions_of(one)}
    return start_or_estimate(request, form, start, template="scenarios/filter.html", context=context)
