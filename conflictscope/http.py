"""The request as our views get it."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """A person who has logged in asks (LoginRequiredMiddleware sees to it), by a browser or by htmx. For annotations only."""

    user: User
    htmx: HtmxDetails
