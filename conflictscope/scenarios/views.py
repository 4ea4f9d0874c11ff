"""The pages of value sets, datasets and scenarios."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.datastructures import MultiValueDict
from django.views.decorators.http import require_http_methods, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.scenarios import filtering, generation, importing
from conflictscope.scenarios import value_sets as publishing
from conflictscope.scenarios.browsing import (
    Filter,
    dataset_rows,
    live_progress,
    page_of_scenarios,
    pairs_of,
    scenario_view,
    value_set_rows,
)
from conflictscope.scenarios.datasets import dimension_rates, status_counts
from conflictscope.scenarios.dimensions import dimensions_of
from conflictscope.scenarios.forms import (
    FilterForm,
    GenerateForm,
    ImportScenariosForm,
    ImportValueSetForm,
    NewDatasetForm,
)
from conflictscope.scenarios.judges import judge_named
from conflictscope.scenarios.models import Dataset, Scenario, ValueSet
from conflictscope.scenarios.uploads import as_file
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action


def _dataset(study: Study, slug: str) -> Dataset:
    datasets = Dataset.objects.select_related("study", "value_set_version__value_set", "generator", "primary_judge")
    return get_object_or_404(datasets, study=study, slug=slug)


def _posted(request: Request) -> tuple[QueryDict | None, MultiValueDict[str, UploadedFile] | None]:
    """What a form is bound to: also when nothing was filled in, and to nothing when it is only shown."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _may_import_value_sets(request: Request) -> bool:
    """Value sets belong to no study: whoever runs a pipeline anywhere may bring one."""
    return Study.objects.visible_to(request.user, may=Action.RUN_PIPELINE).exists()


@require_safe
def value_sets(request: Request) -> HttpResponse:
    context = {"rows": value_set_rows(), "may_import": _may_import_value_sets(request)}
    return render(request, "scenarios/value_sets.html", context)


@require_safe
def value_set(request: Request, value_set: str) -> HttpResponse:
    found = get_object_or_404(ValueSet, slug=value_set)
    versions = list(found.versions.select_related("parent", "created_by").order_by("-number"))
    wanted = request.GET.get("version", "")
    shown = next((version for version in versions if str(version.number) == wanted), None)
    if wanted and shown is None:
        raise Http404("No such version of this value set.")
    shown = shown or (versions[0] if versions else None)
    if shown is not None:
        shown.value_set = found
    context = {
        "value_set": found,
        "versions": versions,
        "version": shown,
        "values": list(shown.values.all()) if shown else [],
        "pairs": shown.pairs() if shown else [],
        "stewards": list(found.stewards.order_by("username")),
    }
    return render(request, "scenarios/value_set.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def import_value_set(request: Request) -> HttpResponse:
    if not _may_import_value_sets(request):
        raise PermissionDenied("Value sets are imported by those who run a pipeline.")
    form = ImportValueSetForm(*_posted(request))
    if form.is_valid():
        given = form.cleaned_data
        try:
            with as_file(given["file"]) as path:
                imported = publishing.import_value_set(
                    path, slug=given["slug"], name=given["name"], created_by=request.user
                )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            verb = "is published" if imported.created else "was here already, unchanged"
            messages.success(request, f"{imported.version} {verb}.")
            return redirect("scenarios:value_set", imported.version.value_set.slug)
    return render(request, "scenarios/import_value_set.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
def datasets(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    rows = dataset_rows(found)
    context = {
        "study": found,
        "section": "datasets",
        "rows": rows,
        "running": any(one.running for row in rows for one in row.live),
    }
    return render(request, "scenarios/_datasets.html" if request.htmx else "scenarios/datasets.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_dataset(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = NewDatasetForm(_posted(request)[0])
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
def import_dataset(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = ImportScenariosForm(*_posted(request))
    if form.is_valid():
        given = form.cleaned_data
        try:
            with as_file(given["file"]) as path:
                report = importing.import_scenarios(
                    found,
                    given["slug"],
                    format_name=given["format"],
                    paths=[path],
                    name=given["name"],
                    encoding=given["encoding"],
                    created_by=request.user,
                )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"{report.added} scenarios added, {report.known} were there already.")
            return redirect(report.dataset)
    context = {"study": found, "section": "datasets", "form": form}
    return render(request, "scenarios/import_dataset.html", context, status=400 if form.errors else 200)


def _live(dataset: Dataset) -> dict[str, object]:
    """What changes while a job works: counts, rates and the jobs themselves."""
    counts = status_counts([dataset]).get(dataset.pk, [])
    progress = live_progress(dataset)
    return {
        "counts": counts,
        "total": sum(each.count for each in counts),
        "progress": progress,
        "running": any(one.running for one in progress),
        "rates": dimension_rates(dataset, dataset.primary_judge) if dataset.primary_judge else [],
    }


@require_safe
def dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = _dataset(found, dataset)
    chosen = Filter(
        **{field: request.GET.get(field, "") for field in ("status", "pair", "template", "failed", "search")}
    )
    page, rows = page_of_scenarios(one, chosen, page=request.GET.get("page"))
    generated = generation.was_generated_here(one)
    context = _live(one) | {
        "study": found,
        "section": "datasets",
        "dataset": one,
        "chosen": chosen,
        "page": page,
        "rows": rows,
        "generated": generated,
        "shortfalls": generation.shortfalls(one) if generated else [],
        "pairs": pairs_of(one),
        "templates": Scenario.Template.choices if one.value_set_version_id else [],
        "dimensions": dimensions_of(one),
    }
    return render(request, "scenarios/dataset.html", context)


@require_safe
def dataset_live(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = _dataset(found, dataset)
    if not request.htmx:
        return redirect(one)
    live = _live(one)
    response = render(request, "scenarios/_dataset_live.html", live | {"study": found, "dataset": one})
    if not live["running"]:
        # It is asked for while a job runs; once none does, the whole page shows what came of it.
        response["HX-Refresh"] = "true"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def generate(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _dataset(found, dataset)
    recipe = generation.recipe_of(one)
    form = GenerateForm(_posted(request)[0], initial={"per_pair": recipe.per_pair})
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


@require_http_methods(["GET", "HEAD", "POST"])
def filter_dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _dataset(found, dataset)
    form = FilterForm(_posted(request)[0], dataset=one)
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


@require_safe
def scenario(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = get_object_or_404(
        Scenario.objects.filter(dataset__study=found)
        .select_related(
            "dataset__study",
            "dataset__value_set_version__value_set",
            "dataset__generator",
            "dataset__primary_judge",
            "value_1",
            "value_2",
            "duplicate_of",
        )
        .defer("embedding", "duplicate_of__embedding"),
        dataset__slug=dataset,
        uid=uid,
    )
    context = {
        "study": found,
        "section": "datasets",
        "dataset": one.dataset,
        "scenario": one,
        "view": scenario_view(one),
    }
    return render(request, "scenarios/scenario.html", context)
