"""A chart as a file: what the address of a picture, or of one of its downloads, answers.

To draw one takes a second or so of a processor. It is drawn once for what it is made of, and kept under that digest: see CACHES.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from conflictscope.charts import Chart
from conflictscope.charts.chart import Size
from conflictscope.errors import InvalidInput

Theme = Literal["light", "dark"]

_TYPES = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


def chart_response(request: HttpRequest, chart: Chart, *, name: str) -> HttpResponse:
    """The chart in the format, theme and size that the query asks for; `name` is that of the file, without its ending.

    Raises:
        InvalidInput: there is no such format, theme or size.
    """
    wanted = _one_of(request, "format", *_TYPES)
    theme = cast(Theme, _one_of(request, "theme", "light", "dark"))
    size = cast(Size, _one_of(request, "size", "wide", "full", "narrow"))
    tag = f'"{chart.digest[:32]}-{wanted}-{theme}-{size}"'
    if tag in request.headers.get("If-None-Match", ""):
        return _labelled(HttpResponseNotModified(), tag)
    made: dict[str, Callable[[], str | bytes]] = {
        "svg": lambda: chart.to_svg(theme, size),
        "png": lambda: chart.to_png(theme, size),
        "pdf": lambda: chart.to_pdf(size),
        "csv": chart.to_csv,
        "json": lambda: chart.to_json(theme, size),
    }
    kept = caches["charts"]
    file: str | bytes | None = kept.get(tag)
    if file is None:
        file = made[wanted]()
        kept.set(tag, file)
    response = HttpResponse(file, content_type=_TYPES[wanted])
    response["Content-Disposition"] = f'inline; filename="{name}.{wanted}"'
    return _labelled(response, tag)


def _labelled(response: HttpResponse, tag: str) -> HttpResponse:
    """A browser may keep it, and asks each time whether it is still the same: who may see it is asked each time, too."""
    response["Cache-Control"] = "private, no-cache"
    response["ETag"] = tag
    return response


def _one_of(request: HttpRequest, name: str, *allowed: str) -> str:
    chosen = request.GET.get(name, allowed[0])
    if chosen not in allowed:
        raise InvalidInput(f"A chart's {name} is one of {', '.join(allowed)}, not {chosen!r}.")
    return chosen
