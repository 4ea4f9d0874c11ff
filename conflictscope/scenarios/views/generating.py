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
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = NewDatasetForm(posted(request)[0], study=this_study, initial={"value_set": request.GET.get("value_set")})
    if form.is_valid() and this_study.datasets.filter(slug=form.cleaned_data["slug"]).exists():
        form.add_error("slug", "The study has a dataset of this slug: choose another, or top that one up.")

    def start() -> Job:
        fields = form.cleaned_data
        direct = fields["variant"] == Dataset.Variant.DIRECT
        dataset = generation.open_dataset(
            this_study,
            fields["slug"],
            generation.DatasetRecipe(
                name=fields["name"],
                value_set=fields["value_set"],
                generator=fields["generator"],
                per_pair=fields["per_pair"],
                variant=fields["variant"] or None,
                threshold=fields["threshold"],
                scope=fields["scope"] or None,
                yield_floor=fields["yield_floor"],
                deployment_contexts=[] if direct else fields["deployment_contexts"].splitlines(),
                shipped_prompts=fields["shipped_prompts"],
            ),
            created_by=request.user,
        )
        return generation.start(dataset, started_by=request.user, budget=budget_of(fields))

    context = {"study": this_study, "section": "datasets", "own_prompts": newest_of(this_study)}
    return start_or_estimate(request, form, start, template="scenarios/new_dataset.html", context=context)


@require_http_methods(["GET", "HEAD", "POST"])
def generate(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    recipe = generation.recipe_of(this_dataset)
    form = GenerateForm(posted(request)[0], initial={"per_pair": recipe.per_pair, "yield_floor": recipe.yield_floor})

    def start() -> Job:
        fields = form.cleaned_data
        more = generation.open_dataset(
            this_study,
            this_dataset.slug,
            generation.DatasetRecipe(per_pair=fields["per_pair"], yield_floor=fields["yield_floor"]),
        )
        return generation.start(more, started_by=request.user, budget=budget_of(fields))

    context = {
        "study": this_study,
        "section": "datasets",
        "dataset": this_dataset,
        "recipe": recipe,
        "yields": generation.yields(this_dataset),
    }
    return start_or_estimate(request, form, start, template="scenarios/generate.html", context=context)
