"""What a researcher looks at while people label: agreement so far, ties, and one item with everything that is known of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.agreement.kept import Figures
from annotation.consensus.deciding import settle, ties_of
from annotation.kinds import QUESTION, answer_label, questions_about
from annotation.labelling.sheets import preview_of
from annotation.models import Campaign
from annotation.monitoring.progress import campaigns_of
from annotation.monitoring.scenario_labels import items_with_labels, sheet_of_item
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from evaluation.models import Judgement

# A tie needs two people; more of them may still resolve it, and the page says so.
TIED_FROM = 2
SHOWN = 25


@require_safe
def agreement_so_far(request: Request, study: str, campaign: str) -> HttpResponse:
    """The fragment with kappa so far: it reads every label, so the page does not wait for it."""
    one = _campaign(request, study, campaign)
    return render(
        request, "annotation/_so_far.html", {"study": one.study, "campaign": one, "so_far": Figures(one).so_far()}
    )


@require_safe
def ties(request: Request, study: str, campaign: str) -> HttpResponse:
    one = _campaign(request, study, campaign)
    found = [
        {
            "tie": tie,
            "question": QUESTION[tie.question],
            "votes": [(answer_label(tie.question, answer), count) for answer, count in tie.votes.items()],
        }
        for tie in ties_of(one, minimum=TIED_FROM)
    ]
    context = {
        "study": one.study,
        "section": "campaigns",
        "campaign": one,
        "ties": Paginator(found, SHOWN).get_page(request.GET.get("page")),
    }
    return render(request, "annotation/ties.html", context)


@require_safe
def item(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    """The evidence on one screen: the text, what each person said, what the judge said, and what has been decided."""
    one = _campaign(request, study, campaign)
    shown = get_object_or_404(items_with_labels(), campaign=one, pk=item)
    labels = sheet_of_item(shown)
    context: dict[str, Any] = {
        "study": one.study,
        "section": "campaigns",
        "campaign": one,
        "item": shown,
        "scenario": shown.subject,
        "sheet": preview_of(shown),
        "labels_alone": [labels],
        "questions": [
            (question, row.decision) for question, row in zip(questions_about(shown), labels.rows, strict=True)
        ],
        "verdicts": []
        if shown.response
        else list(shown.subject.verdicts.select_related("judge").order_by("dimension", "pk")),
        "judgements": _judgements(shown.response_id),
    }
    return render(request, "annotation/item.html", context)


@require_POST
def settle_item(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    one = _campaign(request, study, campaign, may=Action.ADJUDICATE)
    shown = get_object_or_404(items_with_labels(), campaign=one, pk=item)
    asked = [question.key for question in questions_about(shown)]
    answers = {key: request.POST[key] for key in asked if request.POST.get(key)}
    settle(shown, answers, by=request.user, reason=request.POST.get("reason", ""))
    said = "1 answer is settled" if len(answers) == 1 else f"{len(answers)} answers are settled"
    messages.success(request, f"{said}, whatever the votes. What they come to is written down.")
    return redirect("annotation:item", study, campaign, item)


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)


def _judgements(response: int | None) -> list[Judgement]:
    if response is None:
        return []
    return list(Judgement.objects.filter(response=response).select_related("judge").order_by("pk"))
