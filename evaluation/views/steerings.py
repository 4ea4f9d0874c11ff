"""Pages of steerings: those of a study and what they did, a new one with its preview, and one word for word."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action
from conflictscope.values.orders import in_words
from evaluation.models import Steering
from evaluation.running.browsing import run_rows, runs_of
from evaluation.steering.browsing import finding, rankings_to_choose, steering_rows, versions_of
from evaluation.steering.creating import delete_steering
from evaluation.steering.effects import decided_runs, effects_of, work_out_all
from evaluation.views.steering_forms import SteeringForm


@require_safe
def steerings(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    effects = effects_of(list(decided_runs(found)))
    context = {
        "study": found,
        "section": "runs",
        "rows": steering_rows(found),
        "effects": effects,
        "finding": finding(effects),
        "waiting": sum(one.ranked and (one.comparison is None or one.stale) for one in effects),
        "corrected": any(one.corrected for one in effects),
        "simulated": any(one.run.simulated for one in effects),
        "steerable": versions_of(found).exists(),
    }
    return render(request, "evaluation/steerings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create_steering(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = SteeringForm(request.POST or None, study=found)
    if form.is_valid():
        try:
            steering = form.save(created_by=request.user)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"{steering.name} is there to steer by.")
            return redirect(steering)
    context = {"study": found, "section": "runs", "form": form, "rankings": list(rankings_to_choose(found))}
    return render(request, "evaluation/create_steering.html", context, status=400 if form.errors else 200)


@require_POST
def preview_steering(request: Request, study: str) -> HttpResponse:
    """The system prompt as the target would get it; nothing is stored."""
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = SteeringForm(request.POST, study=found, named=False)
    prompt, problem = "", ""
    if form.is_valid():
        try:
            prompt = form.prompt()
        except ConflictScopeError as exc:
            problem = exc.sentence
    else:
        problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
    return render(request, "evaluation/_steering_preview.html", {"prompt": prompt, "problem": problem})


@require_safe
def steering(request: Request, study: str, steering: int) -> HttpResponse:
    found = study_for(request.user, study)
    one = _steering_of(found, steering)
    runs = list(runs_of(found.datasets.all()).filter(steering=one))
    effects = [each for each in effects_of(list(decided_runs(found))) if each.run.steering_id == one.pk]
    context = {
        "study": found,
        "section": "runs",
        "steering": one,
        "order": in_words(one.target_ranking) if one.target_ranking else "",
        "rows": run_rows(runs),
        "effects": effects,
        "finding": finding(effects),
        "corrected": any(each.corrected for each in effects),
    }
    return render(request, "evaluation/steering.html", context)


@require_POST
def remove_steering(request: Request, study: str, steering: int) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    one = _steering_of(found, steering)
    delete_steering(one)
    messages.success(request, f"{one.name} was removed.")
    return redirect("evaluation:steerings", found.slug)


@require_POST
def work_out_steering(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    fresh = work_out_all(list(decided_runs(found)))
    messages.success(request, f"{fresh} effect{'s' if fresh != 1 else ''} worked out now; the others were up to date.")
    return redirect("evaluation:steerings", found.slug)


def _steering_of(study: object, pk: int) -> Steering:
    steerings = Steering.objects.select_related("study", "created_by", "target_ranking__version__value_set")
    return get_object_or_404(steerings, study=study, pk=pk)
