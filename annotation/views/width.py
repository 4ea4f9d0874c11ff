"""The page of a campaign's wanted width: what it costs before, where it stands, and what happens at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from annotation.agreement import stopping
from annotation.agreement.stopping import NARROWEST, WIDEST_RANKING, Price
from annotation.agreement.tables import Subject
from annotation.consensus.labels import served
from annotation.kinds import KINDS
from annotation.models import Campaign, WidthRule
from annotation.monitoring.progress import campaigns_of
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.stats.stopping import LOOKED_AT
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from evaluation.models import Run
from evaluation.rankings.forecast import forecast

RUN = "run-"
THEN = {
    WidthRule.Then.STOP: "Pause the campaign, so that nothing more is handed out",
    WidthRule.Then.GO_ON: "Go on, and say that it has been reached",
}


@dataclass(frozen=True, slots=True)
class Told:
    """The price of a width, or why there is none to tell. `more`: beyond what has been labelled."""

    price: Price | None = None
    more: bool = False
    reason: str = ""


class WidthOfForm(forms.Form):
    of = forms.ChoiceField(label="Of what")
    half_width = forms.FloatField(
        label="To within ±",
        min_value=NARROWEST,
        max_value=WIDEST_RANKING,
        initial=0.1,
        help_text="Half the width of the 95 % interval: of κ, or of a strength in log-odds.",
    )
    then = forms.ChoiceField(
        label="When it is reached", choices=list(THEN.items()), initial=WidthRule.Then.STOP, widget=forms.RadioSelect
    )
    kappa = forms.FloatField(
        label="κ you expect", min_value=0, max_value=0.99, initial=0.6, help_text="For the price alone."
    )
    prevalence = forms.FloatField(
        label="Share of the commoner answer",
        min_value=0.5,
        max_value=0.99,
        initial=0.8,
        help_text="For the price alone.",
    )

    def __init__(self, *args: Any, subjects: list[Subject], runs: list[Run], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(subject.key, f"κ: {subject.label}") for subject in subjects]
        choices += [(f"{RUN}{run.pk}", f"Ranking: {run}, its widest interval") for run in runs]
        self.fields["of"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def width(request: Request, study: str, campaign: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_campaign = get_object_or_404(campaigns_of(this_study), slug=campaign)
    if not KINDS[this_campaign.kind].judged:
        context = {"study": this_study, "section": "campaigns", "campaign": this_campaign}
        return render(request, "annotation/width.html", context, status=409 if request.method == "POST" else 200)
    runs = list(this_campaign.runs.select_related("study", "dataset", "target", "steering").order_by("pk"))
    rule = stopping.rule_of(this_campaign)
    form = WidthOfForm(
        posted(request)[0], subjects=stopping.subjects_with_width(this_campaign), runs=runs, initial=_initial(rule)
    )
    told = None
    if form.is_valid():
        chosen = form.cleaned_data
        run = next((each for each in runs if chosen["of"] == f"{RUN}{each.pk}"), None)
        try:
            if "price" in request.POST:
                told = _price(this_campaign, run, chosen)
            else:
                stopping.want(
                    this_campaign,
                    half_width=chosen["half_width"],
                    subject="" if run else chosen["of"],
                    run=run,
                    then=chosen["then"],
                    by=request.user,
                )
                messages.success(
                    request, f"Wanted: ± {chosen['half_width']:g}. The campaign's page says how far it is."
                )
                return redirect(this_campaign)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
    context = {
        "study": this_study,
        "section": "campaigns",
        "campaign": this_campaign,
        "form": form,
        "rule": rule,
        "told": told,
    }
    return render(request, "annotation/width.html", context, status=400 if form.errors else 200)


def _initial(rule: WidthRule | None) -> dict[str, Any]:
    if rule is None:
        return {}
    of = f"{RUN}{rule.run_id}" if rule.run_id else rule.subject
    return {"of": of, "half_width": rule.half_width, "then": rule.then}


def _price(campaign: Campaign, run: Run | None, chosen: dict[str, Any]) -> Told:
    way = KINDS[campaign.kind].scenario_of
    asked = served(campaign).order_by()
    scenarios = asked.values(way).distinct().count()
    each = max(asked.count() / max(scenarios, 1), 1.0)
    if run is None:
        price = stopping.price(
            chosen["half_width"],
            kappa=chosen["kappa"],
            prevalence=chosen["prevalence"],
            overlap=campaign.overlap,
            per_scenario=each,
        )
        return Told(price)
    foreseen = forecast(run, width=2 * chosen["half_width"] / LOOKED_AT)
    if foreseen.reason:
        return Told(reason=f"The price cannot be told yet: {foreseen.reason}.")
    if not foreseen.reachable:
        return Told(reason="All scenarios that there are would not make it so narrow: choose a wider one.")
    return Told(Price(foreseen.total, round(foreseen.total * each * campaign.overlap)), more=True)
