"""A campaign's agreement to take away: pictures, tables, how it was come by, and snapshots that stay."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from annotation.agreement import report_charts, snapshots
from annotation.agreement.kept import Figures
from annotation.agreement.passport import Passport, judges_in
from annotation.agreement.report import divisions_of, group_table, judges_table, methods, passports_of
from annotation.agreement.sealed import openings_of
from annotation.agreement.tables import Subject
from annotation.models import AgreementSnapshot, Campaign
from annotation.monitoring.progress import begun, campaigns_of
from conflictscope.charts import Chart
from conflictscope.charts.downloads import chart_response
from conflictscope.http import Request
from conflictscope.scenarios.models import Judge
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from conflictscope.tables import ResultTable, table_response

CHARTS = ("judges", "raters", "times")


@require_safe
def report(request: Request, study: str, campaign: str) -> HttpResponse:
    """Everything about one dimension or question, by the judge that is chosen; all judges beside each other."""
    this_campaign = _campaign(request, study, campaign)
    context: dict[str, object] = {
        "study": this_campaign.study,
        "section": "agreement",
        "campaign": this_campaign,
        "labelled": this_campaign.pk in begun([this_campaign]),
    }
    if context["labelled"]:
        passports = passports_of(this_campaign)
        subject, judge = _chosen(request, this_campaign, passports)
        query = request.GET.urlencode()
        context |= {
            "passports": passports,
            "subject": subject,
            "subjects": Figures(this_campaign).subjects,
            "judge": judge,
            "judges": [passport.judge for passport in passports],
            "charts": [
                (chart, f"{reverse('annotation:report_chart', args=[study, campaign, name])}?{query}")
                for name in CHARTS
                if (chart := _chart(name, this_campaign, passports, subject)) is not None
            ],
            "tables": [
                (table, f"{reverse('annotation:report_table', args=[study, campaign, table.name])}?{query}")
                for table in _tables(this_campaign, passports, subject, judge)
            ],
            "methods": methods(this_campaign, passports),
            "openings": list(openings_of(this_campaign)),
            "snapshots": list(this_campaign.snapshots.select_related("created_by")),
            "simulated": any(passport.simulated for passport in passports),
        }
    return render(request, "annotation/report.html", context)


@require_safe
def report_chart(request: Request, study: str, campaign: str, picture: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    passports = passports_of(this_campaign)
    subject, _ = _chosen(request, this_campaign, passports)
    chart = _chart(picture, this_campaign, passports, subject) if picture in CHARTS else None
    if chart is None:
        raise Http404("There is no such picture, or nothing to draw in it yet.")
    return chart_response(request, chart, name=f"{picture}-{this_campaign.slug}")


@require_safe
def report_table(request: Request, study: str, campaign: str, extract: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    passports = passports_of(this_campaign)
    subject, judge = _chosen(request, this_campaign, passports)
    for table in _tables(this_campaign, passports, subject, judge):
        if table.name == extract:
            return table_response(request, table)
    raise Http404("There is no such table.")


@require_POST
def keep_snapshot(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    snapshot = snapshots.keep(this_campaign, by=request.user)
    messages.success(request, "Kept as it stands. This address stays what it is.")
    return redirect(snapshot)


@require_safe
def snapshot(request: Request, study: str, campaign: str, kept: int) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    found = get_object_or_404(
        AgreementSnapshot.objects.select_related("campaign__study"), campaign=this_campaign, pk=kept
    )
    context = {
        "study": this_campaign.study,
        "section": "agreement",
        "campaign": this_campaign,
        "snapshot": found,
        "tables": [
            (table, reverse("annotation:snapshot_table", args=[study, campaign, found.pk, table.name]))
            for table in snapshots.tables_in(found)
        ],
        "checked": snapshots.check(found) if "check" in request.GET else None,
    }
    return render(request, "annotation/snapshot.html", context)


@require_safe
def snapshot_table(request: Request, study: str, campaign: str, kept: int, extract: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    found = get_object_or_404(AgreementSnapshot, campaign=this_campaign, pk=kept)
    for table in snapshots.tables_in(found):
        if table.name == extract:
            return table_response(request, table)
    raise Http404("The snapshot has no such table.")


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)


def _chosen(request: Request, campaign: Campaign, passports: list[Passport]) -> tuple[Subject, Judge | None]:
    """The dimension or question, and the judge, that the address names; else the main one and the first.

    Raises:
        Http404: it names another.
    """
    figures = Figures(campaign)
    key = request.GET.get("dimension", figures.main)
    subject = next((each for each in figures.subjects if each.key == key), None)
    judges = [passport.judge for passport in passports]
    wanted = request.GET.get("judge", "")
    judge = next((each for each in judges if each.name == wanted or not wanted), None)
    if subject is None or (wanted and judge is None):
        raise Http404("The campaign has no such dimension, or no such judge.")
    return subject, judge


def _chart(name: str, campaign: Campaign, passports: list[Passport], subject: Subject) -> Chart | None:
    if name == "judges":
        there = [passport for passport in passports if passport.items]
        return report_charts.judges_chart(there, campaign) if there else None
    if name == "raters":
        figures = Figures(campaign)
        return report_charts.raters_chart(
            figures.compared(subject.key),
            subject,
            campaign,
            judged=bool(judges_in(campaign)),
            simulated=any(passport.simulated for passport in passports),
        )
    return report_charts.times_chart(campaign)


def _tables(campaign: Campaign, passports: list[Passport], subject: Subject, judge: Judge | None) -> list[ResultTable]:
    if judge is None:
        return []
    groups = [group_table(campaign, judge, subject, division) for division in divisions_of(campaign)]
    return [judges_table(passports, campaign), *groups]
