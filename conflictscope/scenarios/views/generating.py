"""The pages that start a generation: of a new dataset, or more of one."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.scenarios import generation
from conflictscope.scenarios.forms import GenerateForm, NewDatasetForm
from conflictscope.scenarios.views.common import dataset_of, posted
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
def new_dataset(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = NewDatasetForm(posted(request)[0])
    if form.is_valid():
        given = form.cleaned_data
        if found.datasets.filter(slug=given["slug"]).exists():
            form.add_error("slug", "The study has a dataset of this slug: choose another, or top that one up.")
        else:
            try:
                dataset = generation.open_dataset(
                    found,
                    given["slug"],
                    name=given["name"],
                    value_set=given["value_set"],
                    generator=given["generator"],
                    per_pair=given["per_pair"],
                    threshold=given["threshold"],
                    deployment_contexts=given["deployment_contexts"].splitlines(),
                    created_by=request.user,
                )
            except ConflictScopeError as exc:
                form.add_error(None, exc.sentence)
            else:
                return redirect(generation.start(dataset, started_by=request.user, budget=given["budget"]))
    context = {"study": found, "section": "datasets", "form": form}
    return render(request, "scenarios/new_dataset.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def generate(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    recipe = generation.recipe_of(one)
    form = GenerateForm(posted(request)[0], initial={"per_pair": recipe.per_pair})
    if form.is_valid():
        try:
            one = generation.open_dataset(found, one.slug, per_pair=form.cleaned_data["per_pair"])
            job = generation.start(one, started_by=request.user, budget=form.cleaned_data["budget"])
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            return redirect(job)
    context = {"study": found, "section": "datasets", "dataset": one, "recipe": recipe, "form": form}
    return render(request, "scenarios/generate.html", context, status=400 if form.errors else 200)
