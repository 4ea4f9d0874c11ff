"""The pages that start a generation: of a new dataset, or more of one."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import start_or_estimate
from conflictscope.scenarios import generation
from conflictscope.scenarios.forms import GenerateForm, NewDatasetForm
from conflictscope.scenarios.generation.prompts import newest_of
from conflictscope.scenarios.models import Dataset
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
def new_dataset(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = NewDatasetForm(posted(request)[0], study=found, initial={"value_set": request.GET.get("value_set")})
    if form.is_valid() and found.datasets.filter(slug=form.cleaned_data["slug"]).exists():
        form.add_error("slug", "The study has a dataset of this slug: choose another, or top that one up.")

    def start() -> Job:
        given = form.cleaned_data
        direct = given["variant"] == Dataset.Variant.DIRECT
        dataset = generation.open_dataset(
            found,
            given["slug"],
            generation.DatasetRecipe(
                name=given["name"],
                value_set=given["value_set"],
                generator=given["generator"],
                per_pair=given["per_pair"],
                variant=given["variant"] or None,
                threshold=given["threshold"],
                scope=given["scope"] or None,
                yield_floor=given["yield_floor"],
                deployment_contexts=[] if direct else given["deployment_contexts"].splitlines(),
                shipped_prompts=given["shipped_prompts"],
            ),
            created_by=request.user,
        )
        return generation.start(dataset, started_by=request.user, budget=budget_of(given))

    context = {"study": found, "section": "datasets", "own_prompts": newest_of(found)}
    return start_or_estimate(request, form, start, template="scenarios/new_dataset.html", context=context)


@require_http_methods(["GET", "HEAD", "POST"])
def generate(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    recipe = generation.recipe_of(one)
    form = GenerateForm(posted(request)[0], initial={"per_pair": recipe.per_pair, "yield_floor": recipe.yield_floor})

    def start() -> Job:
        given = form.cleaned_data
        more = generation.open_dataset(
            found, one.slug, generation.DatasetRecipe(per_pair=given["per_pair"], yield_floor=given["yield_floor"])
        )
        return generation.start(more, started_by=request.user, budget=budget_of(given))

    context = {
        "study": found,
        "section": "datasets",
        "dataset": one,
        "recipe": recipe,
        "yields": generation.yields(one),
    }
    return start_or_estimate(request, form, start, template="scenarios/generate.html", context=context)
