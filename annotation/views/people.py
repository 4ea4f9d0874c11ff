"""The people of a campaign, for those who run it: everybody's signals in one table, and a page for each."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.models import Campaign, Participant
from annotation.monitoring.progress import campaigns_of
from annotation.quality.excluding import exclude, include
from annotation.quality.history import history_of
from annotation.quality.people import signals_in
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

SHOWN = 100


@require_safe
def people(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    rows = signals_in(this_campaign)
    context = {
        "study": this_campaign.study,
        "section": "campaigns",
        "campaign": this_campaign,
        "page": Paginator(rows, SHOWN).get_page(request.GET.get("page")),
        "suspicious": [row for row in rows if row.suspicious and not row.participant.excluded],
        "excluded": sum(row.participant.excluded for row in rows),
        "few": len(rows) < 4,
    }
    return render(request, "annotation/quality/people.html", context)


@require_safe
def person(request: Request, study: str, campaign: str, pseudonym: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    one = _participant(this_campaign, pseudonym)
    found = next((row for row in signals_in(this_campaign) if row.participant.pk == one.pk), None)
    context = {
        "study": this_campaign.study,
        "section": "campaigns",
        "campaign": this_campaign,
        "person": one,
        "work": found,
        "history": history_of(one, found.signals if found else None),
    }
    return render(request, "annotation/quality/person.html", context)


@require_POST
def exclude_person(request: Request, study: str, campaign: str, pseudonym: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    one = _participant(this_campaign, pseudonym)
    freed = exclude(one, reason=request.POST.get("reason", ""), by=request.user)
    messages.success(
        request,
        f"{one.pseudonym} is left out: their work is kept, and in no estimate. {freed} place{'' if freed == 1 else 's'} on "
        "items are free for others.",
    )
    return redirect("annotation:person", study, campaign, pseudonym)


@require_POST
def include_person(request: Request, study: str, campaign: str, pseudonym: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    one = _participant(this_campaign, pseudonym)
    counted = include(one, reason=request.POST.get("reason", ""), by=request.user)
    messages.success(
        request,
        f"{one.pseudonym} is taken back: {counted} {'submission counts' if counted == 1 else 'submissions count'} again.",
    )
    return redirect("annotation:person", study, campaign, pseudonym)


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)


def _participant(campaign: Campaign, pseudonym: str) -> Participant:
    return get_object_or_404(campaign.participants.select_related("campaign__study"), pseudonym=pseudonym)
