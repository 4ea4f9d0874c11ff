"""What every API route shares: pagination and errors as problem details (RFC 9457)."""

from __future__ import annotations

from typing import Any

from rest_framework import parsers, status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler

from conflictscope.errors import ConflictScopeError


class JSONParser(parsers.JSONParser):
    """Also JSON that is nested deeper than Python reads is refused in words."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as exc:
            raise ParseError("JSON parse error - nested too deep") from exc


class Pagination(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


def problem_details(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn our errors and DRF's into `application/problem+json`; None lets an unknown error become a 500."""
    if isinstance(exc, ConflictScopeError):
        body = {
            "type": "about:blank",
            "code": exc.code,
            "status": exc.http_status,
            "title": exc.sentence,
            **exc.details,
        }
        return Response(body, status=exc.http_status, content_type="application/problem+json")
    response = exception_handler(exc, context)
    if response is None:
        return None
    code = exc.default_code if isinstance(exc, APIException) else "not_found"
    body = {"type": "about:blank", "code": code, "status": response.status_code}
    if response.status_code == status.HTTP_400_BAD_REQUEST:
        body |= {"title": "The request is not of the form asked for.", "errors": response.data}
    else:
        body["title"] = str(response.data.get("detail", "")) if isinstance(response.data, dict) else str(exc)
    headers = {name: response[name] for name in ("WWW-Authenticate", "Retry-After") if response.has_header(name)}
    return Response(body, status=response.status_code, headers=headers, content_type="application/problem+json")
