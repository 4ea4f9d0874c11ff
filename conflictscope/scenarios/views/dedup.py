"""The page that has a dataset compared, again or for the first time, by a threshold and a scope."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.scenarios import dedup
from conflictscope.scenarios.forms import DedupForm
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@require_http_methods(["GET", "HEAD", "POST"])
def find_duplicates(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    form = DedupForm(posted(request)[0], dataset=this_dataset)
    if form.is_valid():
        try:
            fields = form.cleaned_data
            job = dedup.start(
                this_dataset, threshold=fields["threshold"], scope=fields["scope"] or None, started_by=request.user
            )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            return redirect(job)
    similar = dedup.similarities(this_dataset)
    context = {
        "study": this_study,
        "section": "datasets",
        "dataset": this_dataset,
        "form": form,
        "similar": similar,
        "duplicates_at": similar.duplicates_at(THRESHOLDS) if len(similar.values) else [],
    }
    return render(request, "scenarios/find_duplicates.html", context, status=400 if form.errors else 200)
