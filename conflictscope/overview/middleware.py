"""Our errors, shown as a page (or as a fragment to htmx) with the sentence that says what to do; and CSV as Excel wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseRedirectBase
from django.shortcuts import render, resolve_url
from django_htmx.http import HttpResponseClientRefresh

from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.files.csv_cells import for_excel

ONLY_SENT = (
    "This address takes what a button sends, and shows nothing by itself. Nothing was changed: "
    "go to the page with the button, and press it again."
)


class ErrorPageMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if asks_for_login(response) and asked_by_htmx(request):
            # htmx would follow the redirect and put a login page into a fragment's place; the whole page shall ask.
            return HttpResponseClientRefresh()
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            return wrong_method(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: object, kwargs: object
    ) -> HttpResponse | None:
        """No text that a person writes holds a NUL, and PostgreSQL takes none: what was typed is kept in the browser's form."""
        if not any(
            "\0" in value for sent in (request.GET, request.POST) for _, values in sent.lists() for value in values
        ):
            return None
        error = InvalidInput(
            "What was sent holds a NUL character, which no text can have: remove it, and send it again."
        )
        if request.path.startswith("/api/"):
            problem = {"type": "about:blank", "code": error.code, "status": error.http_status, "title": error.sentence}
            return JsonResponse(problem, status=error.http_status, content_type="application/problem+json")
        return self.process_exception(request, error)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ConflictScopeError):
            return None
        template = "_error.html" if asked_by_htmx(request) else "error.html"
        return render(request, template, {"sentence": exception.sentence}, status=exception.http_status)


class ExcelMiddleware:
    """`?excel=1`: whatever CSV file an address answers begins with a byte order mark, so that Excel reads it as UTF-8."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.GET.get("excel", "") not in ("1", "true", "on") or response.status_code != 200:
            return response
        if not response.get("Content-Type", "").startswith("text/csv"):
            return response
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = for_excel(cast(Iterable[bytes], response.streaming_content))  # under WSGI
        else:
            response.content = b"".join(for_excel([response.content]))
        return response


def wrong_method(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """Words in place of an empty page: a login that has run out, or a reload, leads to addresses that forms are sent to."""
    template = "_error.html" if asked_by_htmx(request) else "error.html"
    page = render(request, template, {"title": "Nothing to show here", "sentence": ONLY_SENT}, status=405)
    page["Allow"] = refused["Allow"]
    return page


def asked_by_htmx(request: HttpRequest) -> bool:
    """Also where an error came before the htmx middleware could tell."""
    return request.headers.get("HX-Request") == "true"


def asks_for_login(response: HttpResponse) -> bool:
    return isinstance(response, HttpResponseRedirectBase) and response.url.startswith(resolve_url(settings.LOGIN_URL))
