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
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    form = TagDomainsForm(
        posted(request)[0], dataset=this_dataset, initial={"domains": "\n".join(tagging.domains_of(this_dataset))}
    )

    def start() -> Job:
        fields = form.cleaned_data
        return tagging.start(
            this_dataset,
            fields["endpoint"],
            domains=fields["domains"].splitlines(),
            again=fields["again"],
            started_by=request.user,
            budget=budget_of(fields),
        )

    context = {"study": this_study, "section": "datasets", "dataset": this_dataset}
    return start_or_estimate(request, form, start, template="scenarios/tag_domains.html", context=context)


@require_POST
def set_domain(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    scenario = get_object_or_404(this_dataset.scenarios.only("uid", "dataset"), uid=uid.replace("\x00", ""))
    scenario.dataset = this_dataset
    try:
        tagging.tag_by_hand(this_dataset, [scenario.pk], request.POST.get("domain", ""), by=request.user)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    return redirect(scenario.get_absolute_url() + ScenarioFilter.of(request.GET).address())


@require_POST
def set_domains(request: Request, study: str, dataset: str) -> HttpResponse:
    """The same for every scenario of a list, if the list is still as long as it was when it was shown."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_dataset = dataset_of(this_study, dataset)
    listing = Listing(this_dataset, ScenarioFilter.of(request.GET))
    pks = listing.pks()
    if request.POST.get("number") != str(len(pks)):
        messages.error(
            request, "The list has changed since it was shown: nothing was tagged. Look at it and try again."
        )
    else:
        try:
            changed = tagging.tag_by_hand(this_dataset, pks, request.POST.get("domain", ""), by=request.user)
        except ConflictScopeError as exc:
            messages.error(request, exc.sentence)
        else:
            messages.success(request, f"The domain of {changed} scenario{pluralize(changed)} was set.")
    return redirect(this_dataset.get_absolute_url() + listing.chosen.address())
