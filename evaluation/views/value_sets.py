"""What this room knows of a value set: the steering prompts that its orders make, and the rankings and studies that stand on a version."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.permissions import SetAction
from conflictscope.values.access import may
from conflictscope.values.finding import published_or_404, set_for
from conflictscope.values.models import TargetRanking
from conflictscope.values.orders import in_tiers
from evaluation.models import Steering
from evaluation.steering.creating import prompt_of, written_by

_MOST = 50


@require_safe
def value_set_orders(request: Request, value_set: str, number: int) -> HttpResponse:
    """A fragment of a version's page: each order with its steering prompt, and what was ranked and steered, where one may look."""
    version = published_or_404(set_for(request.user, value_set), number)
    orders = TargetRanking.objects.visible_to(request.user).filter(version=version)
    orders = orders.select_related("study").prefetch_related("positions__value").order_by("study__name", "name")
    ranked = Dataset.objects.visible_to(request.user).filter(value_set_version=version)
    ranked = ranked.annotate(fitted=Count("rankings")).filter(fitted__gt=0).select_related("study")
    steerings = Steering.objects.visible_to(request.user).filter(target_ranking__version=version)
    context = {
        "version": version,
        "prompts": [(order, *_prompt(order)) for order in orders[:_MOST]],
        "ranked": ranked.order_by("study__name", "name")[:_MOST],
        "steerings": steerings.select_related("study", "target_ranking").order_by("study__name", "name")[:_MOST],
        "may_write": may(request.user, SetAction.PROPOSE, version.value_set),
    }
    return render(request, "evaluation/_value_set_orders.html", context)


@require_POST
def preview_order(request: Request, value_set: str, number: int) -> HttpResponse:
    """The system prompt that an order would make while it is being written; nothing is stored."""
    version = published_or_404(set_for(request.user, value_set, SetAction.PROPOSE), number)
    ranks, prompt, problem = {}, "", ""
    for value in version.values.all():
        rank = request.POST.get(f"rank_{value.key}", "")
        if not (rank.isdecimal() and len(rank) < 6):
            problem = f"{value.name} has no rank yet."
            break
        ranks[value] = int(rank)
    if not problem:
        try:
            prompt = prompt_of(in_tiers(ranks), name=request.POST.get("name", "")[:200]).text
        except ConflictScopeError as exc:
            problem = exc.sentence
    return render(request, "evaluation/_steering_preview.html", {"prompt": prompt, "problem": problem})


def _prompt(order: TargetRanking) -> tuple[str, str]:
    """The prompt, or why there is none."""
    try:
        return written_by(order).text, ""
    except ConflictScopeError as exc:
        return "", exc.sentence
