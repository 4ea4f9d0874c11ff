"""The request as our views get it, and what a form is bound to."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """A person who has logged in asks (LoginRequiredMiddleware sees to it), by a browser or by htmx. For annotations only."""

    user: User
    htmx: HtmxDetails


def posted(request: Request) -> tuple[QueryDict | None, MultiValueDict[str, UploadedFile[bytes]] | None]:
    """What a form is bound to: also when nothing was filled in, and to nothing when it is only shown."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)
