"""What a researcher looks at while people label: agreement so far, ties, and one item with everything that is known of it."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.adjudication.settling import settle_blind
from annotation.agreement import stopping
from annotation.agreement.kept import Figures
from annotation.agreement.sealed import openings_of
from annotation.agreement.versions import by_version
from annotation.consensus.deciding import ties_of
from annotation.kinds import QUESTION, answer_label, questions_about
from annotation.labelling.sheets import preview_of
from annotation.models import Campaign, Item
from annotation.monitoring.progress import campaigns_of
from annotation.monitoring.scenario_labels import items_with_labels, sheet_of_item
from conflictscope.http import Request
from conflictscope.scenarios.models import Verdict
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.permissions import Action
from evaluation.models import Judgement

SaidT = TypeVar("SaidT", Verdict, Judgement)

# A tie needs two people; more of them may still resolve it, and the page says so.
TIED_FROM = 2
SHOWN = 25


@require_safe
def agreement_so_far(request: Request, study: str, campaign: str) -> HttpResponse:
    """The fragment with kappa so far: it reads every label, so the page does not wait for it."""
    this_campaign = _campaign(request, study, campaign)
    kept = Figures(this_campaign)
    context = {
        "versions": by_version(this_campaign),
        "study": this_campaign.study,
        "campaign": this_campaign,
        "so_far": kept.so_far(),
        "part": kept.part,
    }
    if rule := stopping.rule_of(this_campaign):
        labels = {subject.key: subject.label for subject in kept.subjects}
        context |= {
            "rule": rule,
            "standing": stopping.standing_of(rule),
            "subject_label": labels.get(rule.subject, rule.subject),
        }
    return render(request, "annotation/_so_far.html", context)


@require_safe
def ties(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    rows = [
        {
            "tie": tie,
            "question": QUESTION[tie.question],
            "votes": [(answer_label(tie.question, answer), count) for answer, count in tie.votes.items()],
        }
        for tie in ties_of(this_campaign, minimum=TIED_FROM)
    ]
    context = {
        "study": this_campaign.study,
        "section": "campaigns",
        "campaign": this_campaign,
        "ties": Paginator(rows, SHOWN).get_page(request.GET.get("page")),
    }
    return render(request, "annotation/ties.html", context)


@require_safe
def item(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    """The evidence on one screen: the text, what each person said, what the judge said, and what has been decided."""
    this_campaign = _campaign(request, study, campaign)
    shown = get_object_or_404(items_with_labels(), campaign=this_campaign, pk=item)
    labels = sheet_of_item(shown)
    context: dict[str, Any] = {
        "study": this_campaign.study,
        "section": "campaigns",
        "campaign": this_campaign,
        "item": shown,
        "scenario": shown.subject,
        "sheet": preview_of(shown),
        "labels_alone": [labels],
        "questions": [
            (question, row.decision) for question, row in zip(questions_about(shown), labels.rows, strict=True)
        ],
        "verdicts": [] if shown.response else _open_to_see(shown, _verdicts(shown)),
        "judgements": _open_to_see(shown, _judgements(shown.response_id)),
        "sealed": shown.part == Item.Part.TEST,
    }
    return render(request, "annotation/item.html", context)


@require_POST
def settle_item(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign, may=Action.ADJUDICATE)
    shown = get_object_or_404(items_with_labels(), campaign=this_campaign, pk=item, is_training=False)
    asked = [question.key for question in questions_about(shown)]
    answers = {key: request.POST[key] for key in asked if request.POST.get(key)}
    settle_blind(shown, answers, by=request.user, reason=request.POST.get("reason", ""))
    settled = "1 answer is settled" if len(answers) == 1 else f"{len(answers)} answers are settled"
    messages.success(request, f"{settled}, whatever the votes. What they come to is written down.")
    sees = Action.SEE in actions_of(request.user, this_campaign.study)
    return redirect("annotation:item" if sees else "annotation:adjudicate", study, campaign, item)


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)


def _verdicts(shown: Item) -> list[Verdict]:
    return list(shown.subject.verdicts.select_related("judge").order_by("dimension", "pk"))


def _open_to_see(shown: Item, said: list[SaidT]) -> list[SaidT]:
    """Of a sealed item what people said, and what those judges said whose test has been opened."""
    if shown.part != Item.Part.TEST:
        return said
    opened = set(openings_of(shown.campaign).values_list("judge", flat=True))
    return [each for each in said if each.judge_id is None or each.judge_id in opened]


def _judgements(response: int | None) -> list[Judgement]:
    if response is None:
        return []
    return list(Judgement.objects.filter(response=response).select_related("judge").order_by("pk"))
