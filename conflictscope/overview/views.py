"""The home page and a study's overview."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from conflictscope.studies.access import study_for
from conflictscope.studies.models import Study


def home(request: HttpRequest) -> HttpResponse:
    studies = Study.objects.filter(memberships__user=request.user)
    return render(request, "overview/home.html", {"studies": studies})


def api(request: HttpRequest) -> HttpResponse:
    return render(request, "overview/api.html")


def create_study(request: HttpRequest) -> HttpResponse:
    return render(request, "overview/create_study.html")


def study(request: HttpRequest, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    return render(request, "overview/study.html", {"study": found, "section": "overview"})


def members(request: HttpRequest, study: str) -> HttpResponse:
    found = study_for(request.user, study)
    return render(request, "overview/members.html", {"study": found})
