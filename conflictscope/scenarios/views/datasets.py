"""The pages that show a study's datasets, and what changes on them while a job works."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.scenarios import generation
from conflictscope.scenarios.browsing.datasets import dataset_rows, live_progress
from conflictscope.scenarios.browsing.listing import BY_RELEVANCE, SORTS, Listing, ScenarioFilter, chips
from conflictscope.scenarios.browsing.scenarios import page_of_scenarios
from conflictscope.scenarios.datasets import hide, holds_messages_only, quick_dimension_rates, status_counts
from conflictscope.scenarios.domains import domains_of
from conflictscope.scenarios.importing import taking_back
from conflictscope.scenarios.models import Dataset, Import
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.permissions import Action


@require_safe
def datasets(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    hidden = "hidden" in request.GET
    rows = dataset_rows(this_study, hidden=hidden)
    context = {
        "study": this_study,
        "section": "datasets",
        "rows": rows,
        "hidden": hidden,
        "number_hidden": this_study.datasets.filter(hidden_at__isnull=False).count(),
        "running": any(progress.running for row in rows for progress in row.live),
    }
    return render(request, "scenarios/_datasets.html" if request.htmx else "scenarios/datasets.html", context)


def _live(dataset: Dataset) -> dict[str, object]:
    """What changes while a job works: counts, rates and the jobs themselves."""
    counts = status_counts([dataset]).get(dataset.pk, [])
    progress = live_progress(dataset)
    return {
        "counts": counts,
        "total": sum(each.count for each in counts),
        "progress": progress,
        "running": any(job_progress.running for job_progress in progress),
        "rates": quick_dimension_rates(dataset, dataset.primary_judge) if dataset.primary_judge else [],
    }


@require_safe
def dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    listing = Listing(this_dataset, ScenarioFilter.of(request.GET))
    context = _explore(listing, page=request.GET.get("page")) | {
        "study": this_study,
        "section": "datasets",
        "dataset": this_dataset,
        "can_tag": Action.RUN_PIPELINE in actions_of(request.user, this_study),
        "domains": domains_of(this_dataset),
    }
    if request.htmx and request.htmx.target == "explore":
        response = render(request, "scenarios/_explore.html", context | {"fragment": True})
        address = this_dataset.get_absolute_url() + listing.chosen.address()
        # Leaving the search field asks again for what typing has asked for: the way back has it once.
        return response if request.htmx.current_url_abs_path == address else push_url(response, address)
    generated = generation.was_generated_here(this_dataset)
    context |= _live(this_dataset) | {
        "generated": generated,
        "messages_only": holds_messages_only(this_dataset),
        "shortfalls": generation.shortfalls(this_dataset) if generated else [],
        "imports": list(this_dataset.imports.complete().select_related("created_by"))
        if this_dataset.variant == Dataset.Variant.IMPORTED
        else [],
    }
    return render(request, "scenarios/dataset.html", context)


def _explore(listing: Listing, *, page: str | None) -> dict[str, object]:
    """A list of scenarios with everything that narrows it down."""
    chosen, facets = listing.chosen, listing.facets()
    this_page, rows = page_of_scenarios(listing, page=page)
    return {
        "chosen": chosen,
        "query": listing.query,
        "facets": facets,
        "chips": chips(chosen, facets),
        "sorts": SORTS | {"": BY_RELEVANCE if listing.query.terms else SORTS[""]},
        "address": chosen.address(),
        "page": this_page,
        "rows": rows,
    }


@require_safe
def dataset_live(request: Request, study: str, dataset: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_dataset = dataset_of(this_study, dataset)
    if not request.htmx:
        return redirect(this_dataset)
    live = _live(this_dataset)
    response = render(request, "scenarios/_dataset_live.html", live | {"study": this_study, "dataset": this_dataset})
    if not live["running"]:
        # It is asked for while a job runs; once none does, the whole page shows what came of it.
        response["HX-Refresh"] = "true"
    return response


@require_POST
def hide_dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    """Put it out of sight, or back."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    hidden = request.POST.get("hidden") == "yes"
    hide(this_dataset, hidden=hidden)
    messages.success(
        request, f"{this_dataset} is out of sight now." if hidden else f"{this_dataset} is in sight again."
    )
    return redirect(this_dataset)


@require_POST
def take_back_import(request: Request, study: str, dataset: str, import_number: int) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_import = get_object_or_404(
        Import.objects.complete(), dataset=dataset_of(this_study, dataset), pk=import_number
    )
    name = str(this_import)
    try:
        gone = taking_back.take_back(this_import)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
        return redirect(this_import.dataset)
    messages.success(request, f"{name} was taken back: {gone} scenarios are gone.")
    still = this_study.datasets.filter(slug=dataset).first()
    return redirect(still or reverse("scenarios:datasets", args=[this_study.slug]))
