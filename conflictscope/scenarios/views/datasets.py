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
    found = study_for(request.user, study)
    hidden = "hidden" in request.GET
    rows = dataset_rows(found, hidden=hidden)
    context = {
        "study": found,
        "section": "datasets",
        "rows": rows,
        "hidden": hidden,
        "number_hidden": found.datasets.filter(hidden_at__isnull=False).count(),
        "running": any(one.running for row in rows for one in row.live),
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
        "running": any(one.running for one in progress),
        "rates": quick_dimension_rates(dataset, dataset.primary_judge) if dataset.primary_judge else [],
    }


@require_safe
def dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = dataset_of(found, dataset)
    listing = Listing(one, ScenarioFilter.of(request.GET))
    context = _explore(listing, page=request.GET.get("page")) | {
        "study": found,
        "section": "datasets",
        "dataset": one,
        "can_tag": Action.RUN_PIPELINE in actions_of(request.user, found),
        "domains": domains_of(one),
    }
    if request.htmx and request.htmx.target == "explore":
        response = render(request, "scenarios/_explore.html", context | {"fragment": True})
        address = one.get_absolute_url() + listing.chosen.address()
        # Leaving the search field asks again for what typing has asked for: the way back has it once.
        return response if request.htmx.current_url_abs_path == address else push_url(response, address)
    generated = generation.was_generated_here(one)
    context |= _live(one) | {
        "generated": generated,
        "messages_only": holds_messages_only(one),
        "shortfalls": generation.shortfalls(one) if generated else [],
        "imports": list(one.imports.complete().select_related("created_by"))
        if one.variant == Dataset.Variant.IMPORTED
        else [],
    }
    return render(request, "scenarios/dataset.html", context)


def _explore(listing: Listing, *, page: str | None) -> dict[str, object]:
    """A list of scenarios with everything that narrows it down."""
    chosen, facets = listing.chosen, listing.facets()
    found, rows = page_of_scenarios(listing, page=page)
    return {
        "chosen": chosen,
        "query": listing.query,
        "facets": facets,
        "chips": chips(chosen, facets),
        "sorts": SORTS | {"": BY_RELEVANCE if listing.query.terms else SORTS[""]},
        "address": chosen.address(),
        "page": found,
        "rows": rows,
    }


@require_safe
def dataset_live(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study)
    one = dataset_of(found, dataset)
    if not request.htmx:
        return redirect(one)
    live = _live(one)
    response = render(request, "scenarios/_dataset_live.html", live | {"study": found, "dataset": one})
    if not live["running"]:
        # It is asked for while a job runs; once none does, the whole page shows what came of it.
        response["HX-Refresh"] = "true"
    return response


@require_POST
def hide_dataset(request: Request, study: str, dataset: str) -> HttpResponse:
    """Put it out of sight, or back."""
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    hidden = request.POST.get("hidden") == "yes"
    hide(one, hidden=hidden)
    messages.success(request, f"{one} is out of sight now." if hidden else f"{one} is in sight again.")
    return redirect(one)


@require_POST
def take_back_import(request: Request, study: str, dataset: str, import_number: int) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = get_object_or_404(Import.objects.complete(), dataset=dataset_of(found, dataset), pk=import_number)
    name = str(one)
    try:
        gone = taking_back.take_back(one)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
        return redirect(one.dataset)
    messages.success(request, f"{name} was taken back: {gone} scenarios are gone.")
    still = found.datasets.filter(slug=dataset).first()
    return redirect(still or reverse("scenarios:datasets", args=[found.slug]))
