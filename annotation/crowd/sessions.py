"""The session of a guest: known by how it was begun, so that no page of the house is open to it that is not named here.

Whoever comes by a link has a user behind their place, as everybody who labels has. The user has no password and is in no study, but
pages that ask only for an account (home, published value sets, tokens of the API) would be open to them. So it is the other way
round: a guest may ask for their own place, and everything else does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, login
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse

from annotation.models import Participant

BACKEND = "annotation.crowd.sessions.GuestBackend"
OPEN_TO_GUESTS = frozenset(
    f"annotation:{name}"
    for name in (
        *("join", "label_over", "label_stop", "label", "guideline", "label_start", "label_peek", "label_latest"),
        *("label_heartbeat", "label_submitted", "label_edit", "label_answers", "label_submit", "label_skip"),
        *("label_undo_skip", "label_later", "label_flag"),
    )
)


class GuestBackend(BaseBackend):
    """Lets nobody in by themselves: only entering by a link begins such a session. It allows nothing, whatever the user may."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        return None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True, participations__guest=True).first()


def begin(request: HttpRequest, place: Participant) -> None:
    """From now on this browser is the guest's."""
    login(request, place.user, backend=BACKEND)


def is_guest(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.session.get(BACKEND_SESSION_KEY) == BACKEND


class GuestMiddleware:
    """A guest finds what is open to guests, and nothing else. `request.is_guest` is for templates."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: object, kwargs: object
    ) -> HttpResponse | None:
        if not is_guest(request):
            return None
        request.is_guest = True  # type: ignore[attr-defined]
        match = request.resolver_match
        if match is None or match.view_name not in OPEN_TO_GUESTS:
            raise Http404("Not open to guests.")
        return None
