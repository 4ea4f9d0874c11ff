"""The home page, a study's overview, its members, and the list of API routes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.labelling import answers as labelling
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.jobs.progress import progress_of
from conflictscope.overview.api_routes import routes
from conflictscope.overview.guidance import next_step
from conflictscope.overview.headlines import ranked_runs
from conflictscope.overview.home import labels_in, studies_of
from conflictscope.overview.pipeline import counts_of, stages_of
from conflictscope.studies import membership
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.forms import MemberForm, StudyForm
from conflictscope.studies.permissions import Action


@require_safe
def home(request: Request) -> HttpResponse:
    context = {
        "mine": studies_of(request.user),
        "queue": labelling.queue(request.user),
        "labels_in": labels_in(request.user),
    }
    return render(request, "overview/home.html", context)


@require_safe
def study(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    counts = counts_of([found])[found.pk]
    context = {
        "study": found,
        "section": "overview",
        "counts": counts,
        "stages": stages_of(counts),
        "suggestion": next_step(counts, may=actions_of(request.user, found)),
        "running": progress_of(list(found.jobs.live().select_related("study"))),
        "ranked": ranked_runs(found),
    }
    return render(request, "overview/_live.html" if request.htmx else "overview/study.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create_study(request: Request) -> HttpResponse:
    form = StudyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = membership.create_study(created_by=request.user, **form.cleaned_data)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            return redirect(made)
    return render(request, "overview/create_study.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def members(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.MANAGE)
    form = MemberForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            one = membership.add_member(found, **form.cleaned_data)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"{one.user}: {one.get_role_display().lower()} from now on.")
            return redirect("overview:members", found.slug)
    context = {
        "study": found,
        "form": form,
        "memberships": found.memberships.select_related("user").order_by("role", "user__username"),
    }
    return render(request, "overview/members.html", context, status=400 if form.errors else 200)


@require_POST
def remove_member(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.MANAGE)
    username = request.POST.get("username", "")
    try:
        membership.remove_member(found, username=username)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(request, f"{username} is no member any more. What they did stays.")
        if username == request.user.get_username():
            return redirect("overview:home")
    return redirect("overview:members", found.slug)


@require_safe
def api(request: Request) -> HttpResponse:
    return render(request, "overview/api.html", {"routes": routes()})
