"""Domains: the page that has an LLM tag them, and the buttons that set them by hand."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_http_methods, require_POST

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import start_or_estimate
from conflictscope.scenarios import domains as tagging
from conflictscope.scenarios.browsing.listing import Listing, ScenarioFilter
from conflictscope.scenarios.forms import TagDomainsForm
from conflictscope.scenarios.views.common import dataset_of
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
def tag_domains(request: Request, study: str, dataset: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    form = TagDomainsForm(posted(request)[0], dataset=one, initial={"domains": "\n".join(tagging.domains_of(one))})

    def start() -> Job:
        given = form.cleaned_data
        return tagging.start(
            one,
            given["endpoint"],
            domains=given["domains"].splitlines(),
            again=given["again"],
            started_by=request.user,
            budget=budget_of(given),
        )

    context = {"study": found, "section": "datasets", "dataset": one}
    return start_or_estimate(request, form, start, template="scenarios/tag_domains.html", context=context)


@require_POST
def set_domain(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    scenario = get_object_or_404(one.scenarios.only("uid", "dataset"), uid=uid.replace("\x00", ""))
    scenario.dataset = one
    try:
        tagging.tag_by_hand(one, [scenario.pk], request.POST.get("domain", ""), by=request.user)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    return redirect(scenario.get_absolute_url() + ScenarioFilter.of(request.GET).address())


@require_POST
def set_domains(request: Request, study: str, dataset: str) -> HttpResponse:
    """The same for every scenario of a list, if the list is still as long as it was when it was shown."""
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = dataset_of(found, dataset)
    listing = Listing(one, ScenarioFilter.of(request.GET))
    pks = listing.pks()
    if request.POST.get("number") != str(len(pks)):
        messages.error(
            request, "The list has changed since it was shown: nothing was tagged. Look at it and try again."
        )
    else:
        try:
            changed = tagging.tag_by_hand(one, pks, request.POST.get("domain", ""), by=request.user)
        except ConflictScopeError as exc:
            messages.error(request, exc.sentence)
        else:
            messages.success(request, f"The domain of {changed} scenario{pluralize(changed)} was set.")
    return redirect(one.get_absolute_url() + listing.chosen.address())
