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
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    form = FilterForm(posted(request)[0], dataset=this_dataset)

    def start() -> Job:
        fields = form.cleaned_data
        with transaction.atomic():  # no judge is made for a job that cannot start
            judge = fields["judge"] or judge_named(fields["new_judge"], endpoint=fields["endpoint"])
            return filtering.start(
                this_dataset, judge, primary=fields["primary"], started_by=request.user, budget=budget_of(fields)
            )

    context = {
        "study": this_study,
        "section": "datasets",
        "dataset": this_dataset,
        "dimensions": dimensions_of(this_dataset),
    }
    return start_or_estimate(request, form, start, template="scenarios/filter.html", context=context)
