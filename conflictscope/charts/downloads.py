"""A chart as a file: what the address of a picture, or of one of its downloads, answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from django.http import HttpRequest, HttpResponse

from conflictscope.charts import Chart
from conflictscope.errors import InvalidInput

Theme = Literal["light", "dark"]
Size = Literal["wide", "narrow"]

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
    size = cast(Size, _one_of(request, "size", "wide", "narrow"))
    made: dict[str, Callable[[], str | bytes]] = {
        "svg": lambda: chart.to_svg(theme, size),
        "png": lambda: chart.to_png(theme, size),
        "pdf": lambda: chart.to_pdf(size),
        "csv": chart.to_csv,
        "json": lambda: chart.to_json(theme, size),
    }
    response = HttpResponse(made[wanted](), content_type=_TYPES[wanted])
    response["Content-Disposition"] = f'inline; filename="{name}.{wanted}"'
    response["Cache-Control"] = "private, no-cache"
    return response


def _one_of(request: HttpRequest, name: str, *allowed: str) -> str:
    given = request.GET.get(name, allowed[0])
    if given not in allowed:
        raise InvalidInput(f"A chart's {name} is one of {', '.join(allowed)}, not {given!r}.")
    return given
