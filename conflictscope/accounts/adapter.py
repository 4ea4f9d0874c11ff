"""How django-allauth behaves here: nobody signs up but by an invitation, unless the installation is open to all."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from conflictscope.accounts import inviting
from conflictscope.errors import ConflictScopeError

IN_SESSION = "invitation"


def remember(request: HttpRequest, invitation_key: str) -> None:
    """The browser has an invitation in hand: who signs up in it accepts it."""
    request.session[IN_SESSION] = invitation_key


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # it publishes no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Open to all only where the installation says so; else to whoever has an invitation that still holds."""
        if settings.SIGNUP_OPEN:
            return True
        try:
            inviting.invitation_behind(request.session.get(IN_SESSION, ""))
        except inviting.InvitationOver:
            return False
        return True

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        """Whoever has signed up with an invitation has its role from now on, however they signed up."""
        key = request.session.pop(IN_SESSION, "")
        if key and more.get("signup"):
            try:
                inviting.accept(inviting.invitation_behind(key), user)
            except ConflictScopeError as exc:
                messages.error(request, exc.sentence)
        response: HttpResponse = super().post_login(request, user, **more)
        return response

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Pages say themselves what has changed."""
