"""The page of one scenario."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from conflictscope.http import Request
from conflictscope.scenarios.browsing.listing import Listing, ScenarioFilter
from conflictscope.scenarios.browsing.scenarios import address_of_row, scenario_view
from conflictscope.scenarios.domains import domains_of
from conflictscope.scenarios.models import Scenario
from conflictscope.studies.access import study_for


@require_safe
def scenario(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_scenario = get_object_or_404(
        Scenario.objects.complete()
        .filter(dataset__study=this_study)
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
        uid=uid.replace("\x00", ""),
    )
    listing = Listing(this_scenario.dataset, ScenarioFilter.of(request.GET))
    neighbours = listing.neighbours(this_scenario)
    context = {
        "study": this_study,
        "section": "datasets",
        "dataset": this_scenario.dataset,
        "scenario": this_scenario,
        "view": scenario_view(this_scenario),
        "domains": domains_of(this_scenario.dataset),
        "address": listing.chosen.address(),
        "narrowed": listing.chosen.narrowed,
        "neighbours": neighbours,
        "row_address": address_of_row(listing, this_scenario, position=neighbours.position),
    }
    return render(request, "scenarios/scenario.html", context)
