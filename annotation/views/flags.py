"""Talks about flagged items, on the side of those who run the campaign."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from annotation.labelling.discussing import reply, thread_of
from annotation.models import Campaign, Flag
from annotation.monitoring.attention import flags_of
from annotation.monitoring.progress import campaigns_of
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

SHOWN = 25


@require_safe
def flags(request: Request, study: str, campaign: str) -> HttpResponse:
    """All flags with what was said of them, open ones first."""
    this_campaign = _campaign(request, study, campaign)
    rows = flags_of(this_campaign).select_related("assignment__participant__user").prefetch_related("replies")
    page = Paginator(rows.order_by(F("resolved_at").asc(nulls_first=True), "-pk"), SHOWN).get_page(
        request.GET.get("page")
    )
    context = {
        "study": this_campaign.study,
        "section": "campaigns",
        "campaign": this_campaign,
        "page": page,
        "threads": [thread_of(flag, flag.assignment.participant.user) for flag in page],
        "open": rows.filter(resolved_at__isnull=True).count(),
    }
    return render(request, "annotation/flags.html", context)


@require_POST
def reply_to_flag(request: Request, study: str, campaign: str, flag: int) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    raised = _flag(this_campaign, flag)
    reply(raised, request.POST.get("text", ""), by=request.user)
    messages.success(request, f"{raised.assignment.participant.pseudonym} finds your reply on their page My work.")
    return redirect("annotation:flags", study, campaign)


@require_POST
def resolve_flag(request: Request, study: str, campaign: str, flag: int) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    raised = _flag(this_campaign, flag)
    Flag.objects.filter(pk=raised.pk, resolved_at__isnull=True).update(
        resolved_at=timezone.now(), resolved_by=request.user
    )
    messages.success(request, "The flag is resolved. A further word of who raised it opens it again.")
    return redirect("annotation:flags", study, campaign)


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)


def _flag(campaign: Campaign, pk: int) -> Flag:
    return get_object_or_404(flags_of(campaign), pk=pk)
