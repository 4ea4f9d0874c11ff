"""A people's own order of values, and the targets beside it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.agreement.community import Community, community_of
from annotation.models import Campaign
from annotation.monitoring.progress import campaigns_of
from conflictscope.charts.downloads import chart_response
from conflictscope.errors import Conflict
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.tables import table_response


@require_safe
def community(request: Request, study: str, people: str) -> HttpResponse:
    campaign, found = _found(request, study, people)
    parts = [campaign.study.slug, campaign.slug]
    order, *others = [
        (table, reverse("annotation:community_table", args=[*parts, table.name])) for table in found.tables()
    ]
    context = {
        "study": campaign.study,
        "section": "agreement",
        "campaign": campaign,
        "found": found,
        "order": order,
        "others": others,
        "chart": found.chart(),
        "chart_src": reverse("annotation:community_chart", args=parts),
        "simulated": found.simulated,
    }
    return render(request, "annotation/community.html", context)


@require_safe
def community_chart(request: Request, study: str, people: str) -> HttpResponse:
    campaign, found = _found(request, study, people)
    chart = found.chart()
    if chart is None:
        raise Http404("No target has decided a scenario that people have answered.")
    return chart_response(request, chart, name=f"distances-{campaign.slug}")


@require_safe
def community_table(request: Request, study: str, people: str, distances: str) -> HttpResponse:
    _, found = _found(request, study, people)
    for table in found.tables():
        if table.name == distances:
            return table_response(request, table)
    raise Http404("There is no such table.")


def _found(request: Request, study: str, slug: str) -> tuple[Campaign, Community]:
    campaign = get_object_or_404(campaigns_of(study_for(request.user, study)), slug=slug)
    try:
        return campaign, community_of(campaign)
    except Conflict as exc:
        raise Http404(exc.sentence) from exc
