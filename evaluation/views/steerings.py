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
    this_study = study_for(request.user, study)
    effects = effects_of(list(decided_runs(this_study)))
    context = {
        "study": this_study,
        "section": "runs",
        "rows": steering_rows(this_study),
        "effects": effects,
        "finding": finding(effects),
        "waiting": sum(effect.ranked and (effect.comparison is None or effect.stale) for effect in effects),
        "corrected": any(effect.corrected for effect in effects),
        "simulated": any(effect.run.simulated for effect in effects),
        "steerable": versions_of(this_study).exists(),
    }
    return render(request, "evaluation/steerings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create_steering(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = SteeringForm(request.POST or None, study=this_study)
    if form.is_valid():
        try:
            steering = form.save(created_by=request.user)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"{steering.name} is there to steer by.")
            return redirect(steering)
    context = {"study": this_study, "section": "runs", "form": form, "rankings": list(rankings_to_choose(this_study))}
    return render(request, "evaluation/create_steering.html", context, status=400 if form.errors else 200)


@require_POST
def preview_steering(request: Request, study: str) -> HttpResponse:
    """The system prompt as the target would get it; nothing is stored."""
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = SteeringForm(request.POST, study=this_study, named=False)
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
    this_study = study_for(request.user, study)
    this_steering = _steering_of(this_study, steering)
    runs = list(runs_of(this_study.datasets.all()).filter(steering=this_steering))
    effects = [each for each in effects_of(list(decided_runs(this_study))) if each.run.steering_id == this_steering.pk]
    context = {
        "study": this_study,
        "section": "runs",
        "steering": this_steering,
        "order": in_words(this_steering.target_ranking) if this_steering.target_ranking else "",
        "rows": run_rows(runs),
        "effects": effects,
        "finding": finding(effects),
        "corrected": any(each.corrected for each in effects),
    }
    return render(request, "evaluation/steering.html", context)


@require_POST
def remove_steering(request: Request, study: str, steering: int) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_steering = _steering_of(this_study, steering)
    delete_steering(this_steering)
    messages.success(request, f"{this_steering.name} was removed.")
    return redirect("evaluation:steerings", this_study.slug)


@require_POST
def work_out_steering(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    fresh = work_out_all(list(decided_runs(this_study)))
    messages.success(request, f"{fresh} effect{'s' if fresh != 1 else ''} worked out now; the others were up to date.")
    return redirect("evaluation:steerings", this_study.slug)


def _steering_of(study: object, pk: int) -> Steering:
    steerings = Steering.objects.select_related("study", "created_by", "target_ranking__version__value_set")
    return get_object_or_404(steerings, study=study, pk=pk)
