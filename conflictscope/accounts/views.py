"""Pages of one's own account, and of an invitation in hand."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from conflictscope.accounts import inviting, waiting
from conflictscope.accounts.adapter import remember
from conflictscope.http import Request


@never_cache
@login_not_required
@require_safe
def invitation(request: HttpRequest, key: str) -> HttpResponse:
    """Who invites whom to what; accepted by whoever is logged in, else by a new account or after logging in."""
    this_invitation = inviting.invitation_behind(key)
    if not request.user.is_authenticated:
        remember(request, key)
    return render(request, "accounts/invitation.html", {"invitation": this_invitation})


@require_POST
def accept(request: Request, key: str) -> HttpResponse:
    this_invitation = inviting.invitation_behind(key)
    membership = inviting.accept(this_invitation, request.user)
    messages.success(
        request, f"You are {membership.get_role_display().lower()} of {this_invitation.study} from now on."
    )
    return redirect("overview:home")


@never_cache
@require_safe
def account(request: Request) -> HttpResponse:
    context = {
        "memberships": request.user.memberships.select_related("study").order_by("study__name"),
        "addresses": EmailAddress.objects.filter(user=request.user).order_by("-primary", "email"),
        "wants_mail": waiting.wants_mail(request.user),
        "two_factors": settings.MFA,
    }
    return render(request, "accounts/account.html", context)


@require_POST
def wish(request: Request) -> HttpResponse:
    """Whether to be mailed when work waits."""
    wanted = request.POST.get("when_work_waits") == "1"
    waiting.set_wish(request.user, when_work_waits=wanted)
    said = (
        "You will be mailed when work waits, at most once a day."
        if wanted
        else "You will not be mailed when work waits."
    )
    messages.success(request, said)
    return redirect("accounts:account")
