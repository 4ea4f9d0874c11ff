"""The researcher's way to a campaign: what to label, how many and why, drawn how, by whom; and more of the same later."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.campaigns import creating
from annotation.guidelines import as_html
from annotation.labelling.progress import OwnProgress
from annotation.labelling.sheets import preview_of
from annotation.models import Campaign
from annotation.monitoring.progress import campaigns_of
from annotation.views.forms import CampaignForm, ExtendForm, PrecisionForm, WhatForm
from annotation.views.links import preview_links
from conflictscope.converters import MOST_DIGITS
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.http import Request
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.sampling import items_for_kappa, items_for_share
from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action
from evaluation.running.browsing import Filter

PREVIEWED_WITH = ("campaign__study", "scenario__value_1", "scenario__value_2", "response__scenario")
HALF_WIDTHS = (0.20, 0.15, 0.10, 0.05)
LONGEST_GUIDELINE = 100_000


@dataclass(frozen=True, slots=True)
class Precision:
    """How many items a kappa of some height needs, at the half-width wanted and at some others; `reason`: why it cannot be."""

    items: int | None = None
    rows: tuple[tuple[float, int], ...] = ()
    raw: int | None = None
    agreement: float = 0.0
    reason: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
def create_campaign(request: Request, study: str) -> HttpResponse:
    """Two steps on one address: kind and dataset first, then all that depends on them."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    context: dict[str, object] = {
        "study": this_study,
        "section": "campaigns",
        "has_datasets": this_study.datasets.shown().exists(),
    }
    asked = request.POST if request.method == "POST" else request.GET
    what = WhatForm(asked if "kind" in asked else None, study=this_study, initial={"dataset": asked.get("dataset")})
    if not what.is_valid():
        context["what"] = what
        return render(request, "annotation/create_campaign.html", context, status=400 if what.errors else 200)
    kind, dataset = what.cleaned_data["kind"], what.cleaned_data["dataset"]
    form = CampaignForm(
        request.POST or None, study=this_study, kind=kind, dataset=dataset, initial=_beginning(request, this_study)
    )
    if form.is_valid():
        try:
            settings = creating.CampaignSettings(kind=kind, **form.cleaned_data)
            campaign = creating.create_campaign(this_study, dataset, settings, created_by=request.user)
        except (InvalidInput, Conflict) as exc:
            form.add_error(None, exc.sentence)
        else:
            return redirect(campaign)
    precision = PrecisionForm()
    context |= {
        "form": form,
        "kind": Campaign.Kind(kind),
        "dataset": dataset,
        "population": creating.population_summary(kind, dataset),
        "among": _among_in_words(asked.get("among", "")),
        "precision_form": precision,
        "precision": _precision({name: field.initial for name, field in precision.fields.items()}),
    }
    return render(request, "annotation/create_campaign.html", context, status=400 if form.errors else 200)


def _beginning(request: Request, study: Study) -> dict[str, object]:
    """What a page of runs asks people about: its runs, or those of their answers that it shows, under a name that is free."""
    runs = [run for run in request.GET.getlist("runs") if run.isascii() and run.isdigit() and len(run) <= MOST_DIGITS]
    if not runs:
        return {}
    taken = set(study.campaigns.values_list("slug", flat=True))
    numbers = range(1, len(taken) + 2)
    names = (f"Which action {number}" if number > 1 else "Which action" for number in numbers)
    name = next(each for each in names if slugify(each) not in taken)
    return {"runs": runs, "among": request.GET.get("among", ""), "name": name}


def _among_in_words(among: str) -> str:
    """What a filter of responses lets through; empty where there is none."""
    return Filter.read(among).in_words if among else ""


@require_safe
def precision(request: Request, study: str) -> HttpResponse:
    """The fragment that says how many items a wanted interval needs."""
    study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = PrecisionForm(request.GET)
    items_needed = _precision(form.cleaned_data) if form.is_valid() else Precision(reason=_first_error(form))
    return render(request, "annotation/_precision.html", {"precision": items_needed})


@require_POST
def preview_guideline(request: Request, study: str) -> HttpResponse:
    """Markdown as annotators will read it; nothing is stored."""
    study_for(request.user, study, may=Action.RUN_PIPELINE)
    text = request.POST.get("guideline") or request.POST.get("markdown") or ""
    return render(request, "annotation/_guideline.html", {"guideline": as_html(text[:LONGEST_GUIDELINE])})


@require_POST
def extend_campaign(request: Request, study: str, campaign: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_campaign = get_object_or_404(campaigns_of(this_study), slug=campaign)
    form = ExtendForm(request.POST)
    if not form.is_valid():
        raise InvalidInput(f"This extends nothing: {_first_error(form)}")
    before = this_campaign.overlap
    chosen = form.cleaned_data
    added = creating.extend_campaign(this_campaign, size=chosen["size"], overlap=chosen["overlap"], seen=form.seen)
    changes = [f"{added} items more"] if added else []
    if this_campaign.overlap != before:
        changes.append(f"{this_campaign.overlap} people for each item instead of {before}")
    name = this_campaign.name
    messages.success(request, f"{name}: {' and '.join(changes)}." if changes else f"{name} has that many already.")
    return redirect(this_campaign)


@require_safe
def preview(request: Request, study: str, campaign: str) -> HttpResponse:
    """What an annotator meets first: the guideline, and the way on."""
    this_campaign = _campaign(request, study, campaign)
    newest = this_campaign.guidelines.last()
    context = {"campaign": this_campaign, "guideline": as_html(newest.markdown) if newest else "", "previewing": True}
    return render(request, "annotation/start.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def preview_item(request: Request, study: str, campaign: str, place: int) -> HttpResponse:
    """The label screen of an item by its place in the order in which items are served. Nobody gets it, nothing is stored.

    It answers the screen's own requests as labelling would, so that keys, saving and submitting can be tried.
    """
    this_campaign = _campaign(request, study, campaign)
    doing = request.GET.get("do", "") if request.method == "POST" else ""
    if doing == "answers":
        return JsonResponse({"lease_seconds": 60 * this_campaign.lease_minutes})
    if doing == "flag":
        if request.headers.get("X-Requested-With") == "label":
            return JsonResponse({"flag": request.POST.get("reason", "")[:500]})
        return redirect("annotation:preview_item", study, campaign, place)
    if doing:
        place += 1
        if request.headers.get("X-Requested-With") != "label":
            return redirect("annotation:preview_item", study, campaign, place)
    items = this_campaign.items.filter(is_training=False).order_by("priority", "shuffle_key", "pk")
    item = items.select_related(*PREVIEWED_WITH)[place - 1 : place].first() if place else None
    total = items.count()
    newest = this_campaign.guidelines.last()
    # Every other item has its actions the other way round, as chance would have it.
    order = OptionOrder.ACTION_1_FIRST if place % 2 else OptionOrder.ACTION_2_FIRST
    context = {
        "campaign": this_campaign,
        "previewing": True,
        "sheet": preview_of(item, order=order, token=f"preview-{item.pk}") if item else None,
        "links": preview_links(this_campaign, place),
        "progress": OwnProgress(done=min(place - 1, total), skipped=0, goal=total),
        "why": "These were all the items of the campaign.",
        "guideline": as_html(newest.markdown) if newest else "",
    }
    in_background = request.headers.get("X-Requested-With") == "label"
    return render(request, f"annotation/{'_workspace' if in_background else 'label'}.html", context)


def _campaign(request: Request, study: str, slug: str) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study)), slug=slug)


def _precision(asked: dict[str, float]) -> Precision:
    kappa, prevalence, half_width = asked["kappa"], asked["prevalence"], asked["half_width"]
    try:
        items = items_for_kappa(kappa, prevalence, half_width)
    except ValueError:
        return Precision(reason="So much agreement cannot be had at such a share. Choose a share nearer to one half.")
    # What two raters of that kappa agree on, before chance is taken off.
    chance = prevalence**2 + (1 - prevalence) ** 2
    agreement = chance + kappa * (1 - chance)
    return Precision(
        items=items,
        rows=tuple((width, items_for_kappa(kappa, prevalence, width)) for width in HALF_WIDTHS),
        raw=items_for_share(agreement, half_width),
        agreement=agreement,
    )


def _first_error(form: PrecisionForm | ExtendForm) -> str:
    name, errors = next(iter(form.errors.items()))
    return f"{form.fields[name].label}: {errors[0]}"
