"""What a person sees instead of a page, and a program under /api/ instead of a resource."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from conflictscope.overview.middleware import asked_by_htmx

API = "/api/v1/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request,
        400,
        title="That request cannot be read",
        sentence="Something in the address or the form is not of a form this page knows. Go back, reload the page and try again.",
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request,
        403,
        title="Not open to you",
        sentence="Your role does not allow this. The owner of the study can change your role.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request,
        404,
        title="Nothing here",
        sentence="There is nothing at this address, or it belongs to a study that is not open to you. "
        "Check the address, or ask the study's owner to add you.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Stands on nothing that may be broken: no database, no session, no context processor."""
    title = "Something broke on our side"
    sentence = (
        "Nothing you did caused this, and what you had saved is safe. Try again in a moment; "
        "if it happens again, tell the administrator what you did."
    )
    if request.path.startswith(API):
        return _problem(500, title, sentence)
    template = "_error.html" if asked_by_htmx(request) else "500.html"
    return HttpResponse(render_to_string(template, {"title": title, "sentence": sentence}), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(
        request,
        403,
        title="This form is out of date",
        sentence="The page was open too long, you logged in elsewhere since, or cookies are blocked. "
        "Go back, reload the page and send the form again.",
    )


def _answer(request: HttpRequest, status: int, *, title: str, sentence: str) -> HttpResponse:
    if request.path.startswith(API):
        return _problem(status, title, sentence)
    template = "_error.html" if asked_by_htmx(request) else "error.html"
    return render(request, template, {"title": title, "sentence": sentence}, status=status)


def _problem(status: int, title: str, detail: str) -> JsonResponse:
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")
