"""The agreement page: how far a judge can be trusted, with the way from every number to its items."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.agreement import measures as figures
from annotation.agreement.kept import Figures
from annotation.agreement.sealed import openings_of
from annotation.agreement.tables import Subject, tables_of
from annotation.kinds import KINDS
from annotation.models import Campaign
from annotation.monitoring.progress import begun, campaigns_of
from annotation.views.agreement_tables import cards_of, listed, matrix_of, notes_of, shared_warnings
from conflictscope.charts.downloads import chart_response
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.studies.access import study_for

SHOWN = 25
SHOWABLE = ("", "disagreements", "unread")


@require_safe
def agreement(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    campaigns = list(campaigns_of(this_study))
    labelled = begun(campaigns)
    campaign = _chosen(campaigns, labelled, request.GET.get("campaign", ""))
    context: dict[str, object] = {
        "study": this_study,
        "section": "agreement",
        "campaigns": campaigns,
        "campaign": campaign,
    }
    if campaign is not None and campaign.pk in labelled:
        kept = Figures(campaign)
        dimension = request.GET.get("dimension", kept.main)
        if dimension not in {subject.key for subject in kept.subjects}:
            raise Http404("The campaign has no such dimension.")
        measured, comparison = kept.measured(), kept.compared(dimension)
        # Its first row is the judge's, which says nothing where none was asked.
        matrix = matrix_of(comparison)[0 if measured.judge else 1 :]
        context |= {
            "kind": KINDS[campaign.kind],
            "measured": measured,
            "part": kept.part,
            "openings": list(openings_of(campaign)),
            "cards": cards_of(measured, campaign),
            "notes": notes_of(measured),
            "shared_warnings": shared_warnings(measured),
            "chart": figures.chart(measured, campaign),
            "chart_src": reverse("annotation:agreement_chart", args=[this_study.slug, campaign.slug]),
            "dimension": dimension,
            "dimensions": [(subject.key, subject.label) for subject in kept.subjects],
            "matrix": matrix,
            "warned": any(cell is not None and cell.warned for _, row in matrix for cell in row),
            "people": comparison.raters[1:],
            "left_out": comparison.left_out,
        }
    return render(request, "annotation/agreement.html", context)


@require_safe
def agreement_chart(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    measured = Figures(this_campaign).measured()
    if not measured.submissions:
        raise Http404("Nobody has labelled anything in this campaign yet, so there is nothing to draw.")
    return chart_response(request, figures.chart(measured, this_campaign), name=f"agreement-{this_campaign.slug}")


@require_safe
def agreement_items(request: Request, study: str, campaign: str, dimension: str) -> HttpResponse:
    """The items behind a number of the agreement page."""
    this_campaign = _campaign(request, study, campaign)
    tables = tables_of(this_campaign)
    if dimension not in tables.dimensions:
        raise Http404("The campaign has no such dimension.")
    subject = tables.subject(dimension)
    by_judge, by_people = (_outcome(request, name, subject) for name in ("judge", "people"))
    show = request.GET.get("show", "")
    if show not in SHOWABLE:
        raise InvalidInput(f"A list of items shows {' or '.join(filter(None, SHOWABLE))}, not {show!r}.")
    crossings = figures.crossings(
        tables,
        dimension,
        by_judge=by_judge,
        by_people=by_people,
        disagreements=show == "disagreements",
        unread=show == "unread",
    )
    page = Paginator(crossings, SHOWN).get_page(request.GET.get("page"))
    context = {
        "study": this_campaign.study,
        "section": "agreement",
        "campaign": this_campaign,
        "judge": tables.judge,
        "label": subject.label,
        "subject": subject,
        "said_by_judge": subject.said(by_judge),
        "said_by_people": subject.said(by_people),
        "by_judge": by_judge,
        "by_people": by_people,
        "show": show,
        "page": page,
        "rows": listed(list(page), subject),
        "simulated": tables.labels.simulated or bool(tables.judge and tables.judge.simulated),
    }
    return render(request, "annotation/agreement_items.html", context)


def _chosen(campaigns: list[Campaign], labelled: set[int], wanted: str) -> Campaign | None:
    """The campaign asked for; else the newest that anybody has labelled in, else the newest."""
    if wanted:
        chosen = next((campaign for campaign in campaigns if campaign.slug == wanted), None)
        if chosen is None:
            raise Http404("No such campaign in this study.")
        return chosen
    return next((campaign for campaign in campaigns if campaign.pk in labelled), campaigns[0] if campaigns else None)


def _campaign(request: Request, study: str, slug: str) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study)), slug=slug)


def _outcome(request: Request, name: str, subject: Subject) -> str:
    outcome = request.GET.get(name, "")
    if outcome and outcome not in subject.categories:
        raise InvalidInput(f"An outcome is one of {', '.join(subject.categories)}, not {outcome!r}.")
    return outcome
