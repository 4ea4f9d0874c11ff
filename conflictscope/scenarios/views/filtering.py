"""The page that starts a filtering."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from conflictscope.errors import Conflict
from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import start_or_estimate
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.judges import judge_named
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS
from conflictscope.scenarios.forms import FilterForm
from conflictscope.scenarios.models import Dataset, Judge
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
            if _has_answered_everything(one, judge):
                raise Conflict(
                    f"{judge} has answered everything about this dataset: there is nothing left to ask. Choose another judge. "
                    "The page of the filter results lets you choose whose verdicts decide."
                )
            return filtering.start(
                one, judge, primary=given["primary"], started_by=request.user, budget=budget_of(given)
            )

    context = {"study": found, "section": "datasets", "dataset": one, "dimensions": dimensions_of(one)}
    return start_or_estimate(request, form, start, template="scenarios/filter.html", context=context)


def _has_answered_everything(dataset: Dataset, judge: Judge) -> bool:
    """A job would end without a call, and nobody would learn why. Of a dataset without drafts this says nothing."""
    drafted = dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS)
    return drafted.exists() and not filtering.scenarios_to_judge(dataset, judge).exists()
