"""The pages of a study's jobs: how far they are, what went wrong, and the buttons that steer them."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.jobs import control, registry
from conflictscope.jobs.forms import budget_form_of, budget_of
from conflictscope.jobs.models import Job
from conflictscope.jobs.progress import calls_lately, errors, limits_of, lost_calls, progress_of, usage_of, waiting
from conflictscope.jobs.spending import spending_of
from conflictscope.jobs.workers import notice, notice_about
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

PAGE_SIZE = 30


@require_safe
def jobs(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    page = Paginator(this_study.jobs.select_related("started_by", "study"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"study": this_study, "section": "jobs", "page": page, "progress": progress_of(list(page))}
    return render(request, "jobs/jobs.html", {**context, "notice": notice()})


@require_safe
def workers(request: Request, study: str) -> HttpResponse:
    """Whether anybody is there to do jobs: what the page of jobs asks for again and again."""
    this_study = study_for(request.user, study)
    return render(request, "jobs/_workers.html", {"study": this_study, "notice": notice()})


@require_safe
def row(request: Request, study: str, job: int) -> HttpResponse:
    """A job among the others: what a running one's row asks for again and again."""
    this_study = study_for(request.user, study)
    this_job = get_object_or_404(this_study.jobs.select_related("started_by", "study"), pk=job)
    (progress,) = progress_of([this_job])
    return render(request, "jobs/_job_row.html", {"study": this_study, "one": progress})


@require_safe
def job(request: Request, study: str, job: int) -> HttpResponse:
    this_study = study_for(request.user, study)
    this_job = get_object_or_404(this_study.jobs.select_related("started_by", "study"), pk=job)
    (progress,) = progress_of([this_job])
    context = {
        "study": this_study,
        "section": "jobs",
        "job": this_job,
        "progress": progress,
        "items_a_minute": progress.a_minute(progress.lately),
        "calls_a_minute": progress.a_minute(calls_lately(this_job)) if progress.running else 0,
        "lost": lost_calls(this_job),
        "budget_form": budget_form_of(this_job),
        "limits": limits_of(this_job),
        "errors": errors(this_job),
        "waiting": waiting(this_job),
        "notice": notice_about([this_job]),
    }
    if not request.htmx:
        work_and_outcome = {"worked_on": registry.worked_on(this_job), "outcome": registry.outcome_of_job(this_job)}
        return render(request, "jobs/job.html", {**context, **work_and_outcome, "usage": usage_of(this_job)})
    response = render(request, "jobs/_job.html", context)
    if request.GET.get("state", this_job.state) != this_job.state:
        response["HX-Refresh"] = "true"  # the rest of the page is of another state
    return response


@require_safe
def usage(request: Request, study: str, job: int) -> HttpResponse:
    """The calls by step and endpoint: asked for less often than the progress, as it sums over all of them."""
    this_study = study_for(request.user, study)
    this_job = get_object_or_404(this_study.jobs.select_related("study"), pk=job)
    return render(request, "jobs/_usage.html", {"study": this_study, "job": this_job, "usage": usage_of(this_job)})


@require_safe
def spending(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    return render(
        request, "jobs/spending.html", {"study": this_study, "section": "jobs", "spending": spending_of(this_study)}
    )


def _steer(request: Request, study: str, job: int, steer: Callable[[Job], str]) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    this_job = get_object_or_404(this_study.jobs.select_related("study"), pk=job)
    messages.success(request, steer(this_job))
    return redirect(this_job)


@require_POST
def pause(request: Request, study: str, job: int) -> HttpResponse:
    def steer(one: Job) -> str:
        control.pause(one)
        return "Paused. What is in flight ends and is kept."

    return _steer(request, study, job, steer)


@require_POST
def resume(request: Request, study: str, job: int) -> HttpResponse:
    def steer(one: Job) -> str:
        control.resume(one)
        return "Resumed."

    return _steer(request, study, job, steer)


@require_POST
def budget(request: Request, study: str, job: int) -> HttpResponse:
    def steer(one: Job) -> str:
        form = budget_form_of(one, request.POST)
        if not form.is_valid():
            faults = [str(error) for errors in form.errors.values() for error in errors]
            raise InvalidInput(f"This is no budget. {' '.join(faults)}")
        control.set_budget(one, budget_of(form.cleaned_data))
        return "The budget is set, and the job goes on." if one.state == Job.State.RUNNING else "The budget is set."

    return _steer(request, study, job, steer)


@require_POST
def cancel(request: Request, study: str, job: int) -> HttpResponse:
    def steer(one: Job) -> str:
        control.cancel(one)
        return "Cancelled. What is done stays."

    return _steer(request, study, job, steer)


@require_POST
def retry(request: Request, study: str, job: int) -> HttpResponse:
    def steer(one: Job) -> str:
        opened = control.retry_failed(one)
        return f"{opened} failed {'item is' if opened == 1 else 'items are'} tried again."

    return _steer(request, study, job, steer)
