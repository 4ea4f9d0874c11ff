"""Training, gold and checks of a campaign, and what it tells people: for those who run it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.kinds import KINDS, questions_of
from annotation.models import Campaign
from annotation.monitoring.progress import campaigns_of
from annotation.quality.known import (
    keep_as_checks,
    known_answers,
    known_in,
    settled_in,
    sources_of,
    take_checks,
    take_known,
)
from annotation.quality.rules import QualityRules, set_rules
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

TRAINING, GOLD = 5, 10


class RulesForm(forms.Form):
    """Shares are asked for in per cent."""

    gold_percent = forms.IntegerField(
        label="Known items mixed in, per cent",
        min_value=0,
        max_value=50,
        help_text="Of what a person is served. Nothing marks them, and who answers learns nothing of it.",
    )
    training_each = forms.IntegerField(
        label="Items to practise on", min_value=0, max_value=100, help_text="Before work begins. 0: none."
    )
    pass_percent = forms.IntegerField(
        label="Known answers to pass, per cent", min_value=1, max_value=100, help_text="Of all questions of one try."
    )
    training_tries = forms.IntegerField(label="Tries", min_value=1, max_value=10, help_text="Each has fresh items.")
    told = forms.ChoiceField(label="What people are told of their own work", choices=Campaign.Told.choices)
    unsure = forms.BooleanField(
        label="Questions may be answered with “unsure”",
        required=False,
        help_text="It is no answer, and its rate is shown.",
    )
    consent_anew = forms.BooleanField(
        label="A new version of the guideline must be agreed to",
        required=False,
        help_text="Before anybody is given more work. Otherwise what is new is shown, and work goes on.",
    )

    @classmethod
    def of(cls, campaign: Campaign, data: Any = None) -> RulesForm:
        return cls(
            data,
            initial={
                "gold_percent": round(100 * campaign.gold_share),
                "training_each": campaign.training_each,
                "pass_percent": round(100 * campaign.pass_at),
                "training_tries": campaign.training_tries,
                "told": campaign.told,
                "unsure": campaign.unsure,
                "consent_anew": campaign.consent_anew,
            },
        )

    @property
    def rules(self) -> QualityRules:
        chosen = dict(self.cleaned_data)
        gold, passed = chosen.pop("gold_percent"), chosen.pop("pass_percent")
        return QualityRules(gold_share=gold / 100, pass_at=passed / 100, **chosen)


@require_safe
def rules(request: Request, study: str, campaign: str) -> HttpResponse:
    return _page(request, _campaign(request, study, campaign))


@require_POST
def save_rules(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    form = RulesForm.of(this_campaign, request.POST)
    if form.is_valid():
        try:
            set_rules(this_campaign, form.rules)
        except InvalidInput as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"{this_campaign.name} goes by these rules from now on.")
            return redirect("annotation:rules", study, campaign)
    return _page(request, this_campaign, form=form, status=400)


@require_POST
def add_known(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    source = next((each for each in sources_of(this_campaign) if each.slug == request.POST.get("source")), None)
    if source is None:
        raise InvalidInput("Choose a campaign of this study that asks the same questions, and has been decided.")
    training, gold = (_number(request.POST.get(name, "")) for name in ("training", "gold"))
    practise, mixed_in = take_known(this_campaign, source, training=training, gold=gold)
    messages.success(
        request, f"{practise} items to practise on and {mixed_in} to mix in are taken from what {source.name} settled."
    )
    return redirect("annotation:rules", study, campaign)


@require_POST
def add_checks(request: Request, study: str, campaign: str) -> HttpResponse:
    """The scenarios of a dataset as attention checks; an imported one becomes a dataset of checks by it."""
    this_campaign = _campaign(request, study, campaign)
    dataset = _check_datasets(this_campaign).filter(slug=request.POST.get("dataset", "")).first()
    if dataset is None:
        raise InvalidInput(
            "Choose a dataset that holds attention checks, or an imported one on which nothing rests yet."
        )
    asked = [question.key for question in questions_of(this_campaign)]
    answers = {key: request.POST[key] for key in asked if request.POST.get(key)}
    with transaction.atomic():  # refused, the dataset stays what it was
        if dataset.variant != Dataset.Variant.CHECK:
            keep_as_checks(dataset)
        added = take_checks(this_campaign, dataset, answers)
    messages.success(request, f"{added} attention checks are mixed in. {dataset.name} is in no list or count any more.")
    return redirect("annotation:rules", study, campaign)


def _page(request: Request, one: Campaign, *, form: RulesForm | None = None, status: int = 200) -> HttpResponse:
    sources = [(source, len(settled_in(source, without=one))) for source in sources_of(one)]
    context = {
        "study": one.study,
        "section": "campaigns",
        "campaign": one,
        "form": form or RulesForm.of(one),
        "known": known_in(one),
        "sources": sources,
        "offered": {"training": TRAINING, "gold": GOLD},
        "check_datasets": [] if KINDS[one.kind].of_responses else list(_check_datasets(one)),
        "questions": [question for question in questions_of(one) if known_answers(question)],
    }
    return render(request, "annotation/quality/rules.html", context, status=status)


def _check_datasets(campaign: Campaign) -> Any:
    """Datasets that hold checks, or can: imported ones on which nothing rests."""
    free = Dataset.objects.filter(
        study=campaign.study, variant=Dataset.Variant.IMPORTED, campaigns__isnull=True, runs__isnull=True
    )
    checks = Dataset.objects.filter(study=campaign.study, variant=Dataset.Variant.CHECK)
    return (free | checks).distinct().order_by("name")


def _number(text: str) -> int:
    return int(text[:5]) if text.isascii() and text.isdecimal() else 0


def _campaign(request: Request, study: str, slug: str) -> Campaign:
    campaigns = campaigns_of(study_for(request.user, study, may=Action.RUN_PIPELINE))
    return get_object_or_404(campaigns, slug=slug)
