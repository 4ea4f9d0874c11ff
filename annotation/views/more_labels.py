"""How many more labels a ranking needs, and the button that adds them to a campaign."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.campaigns.adding import add_of_pairs
from annotation.models import Campaign
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action
from evaluation.models import Run
from evaluation.rankings.fitting import value_names
from evaluation.rankings.forecast import NARROWEST, WIDEST, forecast


class WidthForm(forms.Form):
    width = forms.FloatField(
        min_value=NARROWEST,
        max_value=WIDEST,
        initial=1.0,
        label="Width of the widest interval",
        help_text="In log-odds: 1.0 is ± 0.5.",
    )


@require_safe
def more_labels(request: Request, study: str, run: int) -> HttpResponse:
    """The forecast for a width, and the campaigns that could ask for it."""
    this_study = study_for(request.user, study)
    this_run = _run(this_study, run)
    form = WidthForm(request.GET if "width" in request.GET else None)
    context: dict[str, object] = {"study": this_study, "section": "rankings", "run": this_run, "form": form}
    if form.is_valid():
        plan = forecast(this_run, width=form.cleaned_data["width"])
        names = value_names(this_run.dataset)
        context |= {
            "plan": plan,
            "pairs": [(names.get(first, first), names.get(second, second), more) for first, second, more in plan.pairs],
            "campaigns": list(_campaigns(this_run))
            if Action.RUN_PIPELINE in actions_of(request.user, this_study)
            else [],
        }
    return render(request, "annotation/more_labels.html", context, status=400 if form.errors else 200)


@require_POST
def add_labels(request: Request, study: str, run: int) -> HttpResponse:
    """Add what the forecast asks for to the campaign that is named."""
    this_run = _run(study_for(request.user, study, may=Action.RUN_PIPELINE), run)
    form = WidthForm(request.POST)
    campaign = _campaigns(this_run).filter(slug=request.POST.get("campaign", "")).first()
    if not form.is_valid() or campaign is None:
        raise InvalidInput("Choose a width, and a campaign about this run that is not closed.")
    plan = forecast(this_run, width=form.cleaned_data["width"])
    added = add_of_pairs(campaign, {(first, second): more for first, second, more in plan.pairs})
    messages.success(request, f"{added} items were added to {campaign.name}.")
    return redirect(campaign)


def _run(study: Study, pk: int) -> Run:
    runs = Run.objects.select_related("study", "dataset__value_set_version", "dataset__study", "target", "judge")
    return get_object_or_404(runs, study=study, pk=pk)


def _campaigns(run: Run) -> QuerySet[Campaign]:
    """Those that are about the run and not closed."""
    return Campaign.objects.filter(runs=run).exclude(state=Campaign.State.CLOSED).select_related("study").order_by("pk")
