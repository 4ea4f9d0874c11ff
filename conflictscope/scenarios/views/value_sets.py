"""What this room knows of a value set: the datasets that are made of it, where one can be made, and what one comes to."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from conflictscope.http import Request
from conflictscope.scenarios.filtering.job import calls_a_scenario
from conflictscope.scenarios.forms import SCENARIOS_A_PAIR
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action
from conflictscope.values.models import ValueSet, ValueSetVersion


@require_safe
def value_set_uses(request: Request, value_set: str, number: int) -> HttpResponse:
    """A fragment of a version's page, draft or not: for a draft only what a dataset of it would come to."""
    shown = get_object_or_404(ValueSet.objects.visible_to(request.user), slug=value_set)
    versions = shown.versions.all()
    if not ValueSet.objects.may_read_draft(request.user, shown):
        versions = versions.exclude(status=ValueSetVersion.Status.DRAFT)
    version = get_object_or_404(versions, number=number)
    pairs = len(version.pairs())
    runs = Study.objects.visible_to(request.user, may=Action.RUN_PIPELINE)
    datasets = Dataset.objects.visible_to(request.user).filter(value_set_version=version).select_related("study")
    context = {
        "version": version,
        "pairs": pairs,
        "a_pair": SCENARIOS_A_PAIR,
        "scenarios": pairs * SCENARIOS_A_PAIR,
        "judge_calls": pairs * SCENARIOS_A_PAIR * calls_a_scenario(),
        "datasets": datasets.order_by("study__name", "name")[:50],
        "studies": runs.order_by("name")[:50] if version.status == ValueSetVersion.Status.PUBLISHED else [],
    }
    return render(request, "scenarios/_value_set_uses.html", context)
