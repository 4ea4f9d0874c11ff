"""What this room knows of a value set: the datasets that are made of it, where one can be made, what one comes to; a trial of it, and
which of its values say nearly the same."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import Started, start_or_estimate
from conflictscope.scenarios.filtering.dimensions import questions_of
from conflictscope.scenarios.filtering.job import calls_a_scenario
from conflictscope.scenarios.forms import SCENARIOS_A_PAIR, TryValueSetForm
from conflictscope.scenarios.models import Dataset, Dimension
from conflictscope.scenarios.tasks import send_for_vectors
from conflictscope.scenarios.value_sets import likeness, trying
from conflictscope.stats.sampling import items_for_kappa
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, SetAction
from conflictscope.values.access import may
from conflictscope.values.finding import version_for_member
from conflictscope.values.models import ValueSet, ValueSetVersion

# What people's part is reckoned with before anything is known: kappa, the share of the commoner answer, and people an item.
LIKELY_AGREEMENT, HALF_WIDTH, PEOPLE = (0.6, 0.8), 0.1, 3


@require_safe
def value_set_uses(request: Request, value_set: str, number: int) -> HttpResponse:
    """A fragment of a version's page, draft or not: for a draft only what a dataset of it would come to."""
    shown = get_object_or_404(ValueSet.objects.visible_to(request.user), slug=value_set)
    versions = shown.versions.all()
    if not ValueSet.objects.may_read_draft(request.user, shown):
        versions = versions.exclude(status=ValueSetVersion.Status.DRAFT)
    version = get_object_or_404(versions, number=number)
    pairs = len(version.pairs())
    labelled = min(pairs * SCENARIOS_A_PAIR, items_for_kappa(*LIKELY_AGREEMENT, HALF_WIDTH))
    runs = Study.objects.visible_to(request.user, may=Action.RUN_PIPELINE)
    datasets = Dataset.objects.visible_to(request.user).filter(value_set_version=version).select_related("study")
    context = {
        "version": version,
        "pairs": pairs,
        "a_pair": SCENARIOS_A_PAIR,
        "scenarios": pairs * SCENARIOS_A_PAIR,
        "judge_calls": pairs * SCENARIOS_A_PAIR * calls_a_scenario(),
        "labelled": labelled,
        "people": PEOPLE,
        "sheets": labelled * PEOPLE,
        "questions": sum(len(questions_of(dimension)) for dimension in Dimension),
        "half_width": HALF_WIDTH,
        "datasets": datasets.order_by("study__name", "name")[:50],
        "studies": runs.order_by("name")[:50] if version.status == ValueSetVersion.Status.PUBLISHED else [],
    }
    return render(request, "scenarios/_value_set_uses.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def try_value_set(request: Request, value_set: str, number: int) -> HttpResponse:
    """The page that starts a trial, with its price before; for members who may propose."""
    version = version_for_member(request.user, value_set, number, SetAction.PROPOSE)
    form = TryValueSetForm(posted(request)[0], user=request.user)

    def start() -> Job:
        study, generator = form.cleaned_data["generator"]
        budget = budget_of(form.cleaned_data)
        return trying.start(version, study, generator, started_by=request.user, budget=budget)

    def then(started: Started) -> HttpResponse:
        messages.success(request, "The trial runs: its scenarios stand beside the definitions as they come in.")
        return redirect(_page_of(version))

    pairs = len(version.pairs())
    context = {"version": version, "pairs": pairs, "scenarios": pairs * trying.A_PAIR, "back": _page_of(version)}
    return start_or_estimate(request, form, start, template="scenarios/try_value_set.html", context=context, then=then)


@require_safe
def value_set_trial(request: Request, value_set: str, number: int) -> HttpResponse:
    """A fragment for the set's members: the latest trial of the version, as it comes in."""
    version = version_for_member(request.user, value_set, number)
    trial = trying.latest_trial(version)
    live = trying.live_job(version)
    context = {
        "version": version,
        "trial": trial,
        "tried": trying.tried_pairs(trial) if trial else [],
        "live": live,
        "running": live is not None and live.state == Job.State.RUNNING,  # what is open to be read is not swapped away
        "sees_job": live is not None and Study.objects.visible_to(request.user).filter(pk=live.study_id).exists(),
        "may_try": may(request.user, SetAction.PROPOSE, version.value_set),
    }
    return render(request, "scenarios/_value_set_trial.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def value_set_likeness(request: Request, value_set: str, number: int) -> HttpResponse:
    """A fragment for the set's members: which values say nearly the same. Sent to, it has a worker embed what is not embedded yet."""
    version = version_for_member(request.user, value_set, number)
    if request.method == "POST":
        send_for_vectors(version)
    context = {
        "version": version,
        "found": likeness.likeness_of(version),
        "asked": request.method == "POST" or "asked" in request.GET,
    }
    return render(request, "scenarios/_value_set_likeness.html", context)


def _page_of(version: ValueSetVersion) -> str:
    if version.status == ValueSetVersion.Status.DRAFT:
        return reverse("values:draft", args=[version.value_set.slug])
    return version.get_absolute_url()
