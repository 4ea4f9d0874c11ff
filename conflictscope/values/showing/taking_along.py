"""A published version as a file to take along, whichever door it is asked for at."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from conflictscope.values.models import ValueSetVersion
from conflictscope.values.showing import citing


def taken_along(request: HttpRequest, version: ValueSetVersion, file: str) -> HttpResponse:
    """
    Raises:
        Http404: there is no such file of a value set.
    """
    if file not in citing.FILES:
        raise Http404("No such file of a value set.")
    write, told_address, content_type = citing.FILES[file]
    address = {"address": request.build_absolute_uri(version.get_absolute_url())} if told_address else {}
    response = HttpResponse(write(version, **address), content_type=f"{content_type}; charset=utf-8")
    name = f"{version.value_set.slug}-v{version.number}-{file}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
