"""The home page, a study's overview, and the list of API routes."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from annotation.adjudication.asked import settles_only
from annotation.labelling.progress import queue_of
from conflictscope.errors import ConflictScopeError, NotAllowed
from conflictscope.http import Request
from conflictscope.jobs.progress import progress_of
from conflictscope.llm.models import Endpoint
from conflictscope.overview.api_routes import routes
from conflictscope.overview.guidance import next_step
from conflictscope.overview.headlines import ranked_runs
from conflictscope.overview.home import labels_in, studies_of
from conflictscope.overview.pipeline import counts_of, stages_of
from conflictscope.studies import endpoints, membership
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.forms import EndpointStudiesForm, StudyForm
from conflictscope.studies.models import Study


@require_safe
def home(request: Request) -> HttpResponse:
    context = {
        "mine": studies_of(request.user),
        "queue": queue_of(request.user),
        "labels_in": labels_in(request.user),
        "settles_in": settles_only(request.user),
    }
    return render(request, "overview/home.html", context)


@require_safe
def password_changed(request: Request) -> HttpResponse:
    messages.success(request, "Your password is changed. Wherever else you were logged in, you are no longer.")
    return redirect("overview:home")


@require_safe
def study(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    counts = counts_of([this_study])[this_study.pk]
    context = {
        "study": this_study,
        "section": "overview",
        "counts": counts,
        "stages": stages_of(counts),
        "suggestion": next_step(counts, may=actions_of(request.user, this_study)),
        "running": progress_of(list(this_study.jobs.live().select_related("study"))),
        "ranked": ranked_runs(this_study),
    }
    return render(request, "overview/_live.html" if request.htmx else "overview/study.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create_study(request: Request) -> HttpResponse:
    if not request.user.has_perm(membership.MAY_CREATE_STUDIES):
        raise NotAllowed(
            f"You may not create studies. An administrator can allow it; tell them your username, {request.user}."
        )
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
def endpoint_studies(request: Request, endpoint: int) -> HttpResponse:
    """Which studies may use an endpoint: whoever decides need be a member of none."""
    if not request.user.has_perm(endpoints.MAY_ALLOW_ENDPOINTS):
        raise Http404("Which study may use which endpoint is the administrators' to say.")
    this_endpoint = get_object_or_404(Endpoint, pk=endpoint)
    allowed = Study.objects.filter(allowed_endpoints__endpoint=this_endpoint)
    form = EndpointStudiesForm(request.POST if request.method == "POST" else None, initial={"studies": allowed})
    if form.is_valid():
        endpoints.allow_only_in(this_endpoint, form.cleaned_data["studies"], by=request.user)
        messages.success(request, f"Which studies may use {this_endpoint} is stored.")
        return redirect("llm:endpoint", this_endpoint.pk)
    context = {"endpoint": this_endpoint, "form": form}
    return render(request, "overview/endpoint_studies.html", context, status=400 if form.errors else 200)


@require_safe
def api(request: Request) -> HttpResponse:
    return render(request, "overview/api.html", {"routes": routes()})
