"""The researcher's pages of campaigns: the list, a new one, and one with everything about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.agreement.sealed import openings_of
from annotation.agreement.stopping import rule_of
from annotation.campaigns import lifecycle as running
from annotation.campaigns.creating import scenarios_drawn
from annotation.campaigns.splitting import split
from annotation.consensus import job as deciding
from annotation.errors import ChangedMeanwhile
from annotation.guidelines import as_html
from annotation.kinds import KINDS
from annotation.models import Campaign, Guideline
from annotation.monitoring.attention import comments_of, flags_of, stuck_in
from annotation.monitoring.pace import pace_of
from annotation.monitoring.progress import campaign_rows, campaigns_of, people_of, sample_of, unsure_in, written_down
from annotation.monitoring.scenario_labels import sheets_of
from annotation.views.forms import DecideForm, ExtendForm, GuidelineForm, SplitForm
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.scenarios.models import Scenario
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.permissions import Action
from evaluation.running.browsing import Filter

SHOWN = 25


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)


@require_safe
def campaigns(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    context = {
        "study": this_study,
        "section": "campaigns",
        "rows": campaign_rows(list(campaigns_of(this_study))),
        "has_datasets": this_study.datasets.shown().exists(),
    }
    return render(request, "annotation/campaigns.html", context)


@require_safe
def campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    return _page(request, _campaign(request, study, campaign))


def _page(request: Request, one: Campaign, *, guideline_form: GuidelineForm | None = None) -> HttpResponse:
    """Everything about the campaign. `guideline_form`: one that was refused, with its text and why."""
    (row,) = campaign_rows([one])
    context: dict[str, Any] = {"study": one.study, "section": "campaigns", "campaign": one, "row": row}
    context["pace"] = pace_of(one, left=row.wanted - row.submissions)
    if request.htmx:
        return render(request, "annotation/_campaign_progress.html", context)
    guideline = one.guidelines.last()
    kind, written = KINDS[one.kind], written_down(one)
    context |= {
        "sample": sample_of(one),
        "people": people_of(one),
        "flags": list(flags_of(one)[:SHOWN]),
        "comments": list(comments_of(one)[:SHOWN]),
        "stuck": stuck_in(one),
        "written": written,
        "unsure": unsure_in(one) if one.unsure else None,
        "written_so_far": kind.so_far.format(**{name: f"{number:,}" for name, number in asdict(written).items()}),
        "kind": kind,
        "runs": list(one.runs.select_related("study", "target", "steering").order_by("pk")),
        "among": Filter.read(one.sampling_plan.get("among", "")).in_words,
        "invited": one.invited.count(),
        "guideline": guideline,
        "guideline_html": as_html(guideline.markdown) if guideline else "",
        "guideline_form": guideline_form or _guideline_form(guideline),
        "extend_form": ExtendForm(
            initial=dict.fromkeys(("size", "seen_size"), scenarios_drawn(one))
            | dict.fromkeys(("overlap", "seen_overlap"), one.overlap)
        ),
        "split_form": SplitForm(),
        "width_rule": rule_of(one),
        "openings": list(openings_of(one)),
        "decide_form": DecideForm(initial={"minimum": one.overlap}),
    }
    return render(request, "annotation/campaign.html", context, status=409 if guideline_form else 200)


def _guideline_form(guideline: Guideline | None) -> GuidelineForm:
    text, version = (guideline.markdown, guideline.version) if guideline else ("", None)
    return GuidelineForm(initial={"markdown": text, "seen": version})


@require_POST
def open_campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    if running.start(this_campaign):
        messages.success(request, f"{this_campaign.name} is open: the study's annotators find it in their queue.")
    return redirect(this_campaign)


@require_POST
def pause_campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    if running.pause(this_campaign):
        messages.success(
            request, f"{this_campaign.name} is paused: nothing more is handed out until you open it again."
        )
    return redirect(this_campaign)


@require_POST
def split_campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    form = SplitForm(request.POST)
    if not form.is_valid():
        raise InvalidInput(
            "Say how many per cent of the scenarios are set aside for tuning: a whole number from 5 to 95."
        )
    split(this_campaign, form.cleaned_data["percent"] / 100)
    messages.success(
        request,
        f"{this_campaign.name} is split: {this_campaign.dev_share:.0%} of its scenarios for tuning, the others are sealed.",
    )
    return redirect(this_campaign)


@require_POST
def close_campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    if running.close(this_campaign):
        messages.success(request, f"{this_campaign.name} is closed.")
    return redirect(this_campaign)


@require_POST
def add_guideline(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    text, seen = request.POST.get("markdown", ""), request.POST.get("seen", "")[:6]
    try:
        changes = request.POST.get("changes", "")[:2000]
        stands = running.add_guideline(
            this_campaign, text, changes=changes, seen=int(seen) if seen.isdecimal() else None
        )
    except ChangedMeanwhile as exc:
        newest = this_campaign.guidelines.last()
        form = GuidelineForm(
            {"markdown": text, "changes": request.POST.get("changes", ""), "seen": newest.version if newest else None}
        )
        form.add_error("markdown", exc.sentence)
        return _page(request, this_campaign, guideline_form=form)
    messages.success(
        request, f"Items handed out from now on are labelled by version {stands.version} of the guideline."
    )
    return redirect(f"{this_campaign.get_absolute_url()}#guideline")


@require_POST
def decide_campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.ADJUDICATE)
    form = DecideForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Say how many labels an item needs before it is decided: a whole number from 1 to 100.")
    job = deciding.start(this_campaign, minimum=form.cleaned_data["minimum"], started_by=request.user)
    messages.success(
        request, "What people agree on is being written down. This page tells when it is done, and what it came to."
    )
    if Action.SEE not in actions_of(request.user, this_campaign.study):
        return redirect("annotation:adjudication", study, campaign)
    return redirect(job)


@require_safe
def scenario_labels(request: Request, study: str, dataset: str, uid: str) -> HttpResponse:
    """The fragment of a scenario's page: who answered what."""
    this_study = study_for(request.user, study)
    scenario = get_object_or_404(Scenario.objects.complete(), dataset__study=this_study, dataset__slug=dataset, uid=uid)
    context = {"study": this_study, "scenario": scenario, "sheets": sheets_of(scenario)}
    return render(request, "annotation/_scenario_labels.html", context)
