"""A study's members: who they are, who is invited, and how one comes in and goes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation.labelling import routing
from annotation.models import Participant
from conflictscope.accounts import inviting
from conflictscope.accounts.forms import InviteForm
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.studies import membership
from conflictscope.studies.access import study_for
from conflictscope.studies.forms import MemberForm
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.MANAGE)
    form = MemberForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            new_membership = membership.add_member(this_study, **form.cleaned_data)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(
                request, f"{new_membership.user}: {new_membership.get_role_display().lower()} from now on."
            )
            return redirect("overview:members", this_study.slug)
    return _page(request, this_study, form=form)


@require_POST
def invite(request: Request, study: str) -> HttpResponse:
    """A new invitation: sent, where an address is given, else shown as a link to be passed on."""
    this_study = study_for(request.user, study, may=Action.MANAGE)
    form = InviteForm(request.POST)
    if form.is_valid():
        try:
            made = inviting.invite(this_study, by=request.user, **form.cleaned_data)
            if made.email:
                inviting.send(made, request.build_absolute_uri(made.get_absolute_url()))
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            said = (
                f"The invitation is on its way to {made.email}."
                if made.email
                else "The link stands below: pass it on to whom you invite."
            )
            messages.success(request, said)
            return redirect("overview:members", this_study.slug)
    return _page(request, this_study, invite_form=form)


@require_POST
def revoke_invitation(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.MANAGE)
    number = request.POST.get("invitation", "")[:18]
    inviting.revoke(this_study, int(number) if number.isdecimal() else 0)
    messages.success(request, "The invitation is taken back. Who has accepted it stays.")
    return redirect("overview:members", this_study.slug)


@require_POST
def remove_member(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.MANAGE)
    username = request.POST.get("username", "")
    try:
        membership.remove_member(this_study, username=username)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        _hand_back(this_study, membership.user_named(username))
        messages.success(request, f"{username} is no member any more. What they did stays.")
        if username == request.user.get_username():
            return redirect("overview:home")
    return redirect("overview:members", this_study.slug)


@require_POST
def hand_over(request: Request, study: str) -> HttpResponse:
    """Another member becomes an owner in one's place."""
    this_study = study_for(request.user, study, may=Action.MANAGE)
    try:
        new_owner = membership.hand_over(this_study, to=request.POST.get("username", ""), by=request.user)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
        return redirect("overview:members", this_study.slug)
    messages.success(request, f"{new_owner.user} is owner of {this_study} from now on, and you are researcher.")
    return redirect("overview:study", this_study.slug)


@require_POST
def leave_study(request: Request, study: str) -> HttpResponse:
    """Whoever is a member may go, whatever their role."""
    this_study = study_for(request.user, study, may=None)
    if request.POST.get("sure") != "1":
        messages.error(request, f"Nothing has changed: to leave {this_study}, use its button here.")
        return redirect("accounts:account")
    try:
        membership.leave(this_study, request.user)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        _hand_back(this_study, request.user)
        messages.success(request, f"You have left {this_study}. What you did stays.")
    return redirect("accounts:account")


def _hand_back(study: Study, user: User) -> None:
    """What is in the hands of one who goes is somebody else's at once."""
    for place in Participant.objects.filter(user=user, campaign__study=study).select_related("campaign"):
        routing.hand_back(place)


def _page(
    request: Request, study: Study, *, form: MemberForm | None = None, invite_form: InviteForm | None = None
) -> HttpResponse:
    failed = bool((form and form.errors) or (invite_form and invite_form.errors))
    context: dict[str, Any] = {
        "study": study,
        "form": form or MemberForm(),
        "invite_form": invite_form or InviteForm(),
        "memberships": study.memberships.select_related("user").order_by("role", "user__username"),
        "invitations": [
            (each, "" if each.email else request.build_absolute_uri(each.get_absolute_url()))
            for each in study.invitations.open()
        ],
    }
    return render(request, "overview/members.html", context, status=400 if failed else 200)
