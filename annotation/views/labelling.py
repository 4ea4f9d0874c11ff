"""The annotator's pages: the guideline, and the label screen.

The screen works without JavaScript as plain forms; `label.js` sends the same forms in the background and puts the fragment
that comes back in place.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation.campaigns.lifecycle import consent, join
from annotation.errors import AlreadySubmitted, AnswersMissing, AnswerUnknown, Excluded, NotOpen, SubmittedOtherwise
from annotation.guidelines import as_html
from annotation.labelling import answers as labelling
from annotation.labelling import editing, routing
from annotation.labelling.sheets import preview_of, sheet_of
from annotation.models import Assignment, Campaign, Participant
from annotation.views.links import links_of
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@never_cache
@require_safe
def label(request: Request, study: str, campaign: str) -> HttpResponse:
    one = _campaign(request, study, campaign)
    if one.state == Campaign.State.CLOSED:
        context = {"campaign": one, "why": f"{one.name} is closed. Thank you for your work."}
        return render(request, "annotation/label.html", context)
    place = join(one, request.user)
    if place.consented_at is None and not place.excluded:
        return render(request, "annotation/start.html", {"campaign": one, "guideline": _guideline_of(one)})
    return _workspace(request, place)


@never_cache
@require_safe
def guideline(request: Request, study: str, campaign: str) -> HttpResponse:
    one = _campaign(request, study, campaign)
    return render(request, "annotation/guideline.html", {"campaign": one, "guideline": _guideline_of(one)})


@require_POST
def start(request: Request, study: str, campaign: str) -> HttpResponse:
    place = _place(request, study, campaign)
    consent(place)
    return redirect("annotation:label", study, campaign)


@never_cache
@require_safe
def peek(request: Request, study: str, campaign: str) -> HttpResponse:
    """The fragment of an item that may well come next, to be at hand at once; 204 where there is none. Nobody holds it."""
    place = _place(request, study, campaign)
    try:
        shown = routing.peek(place)
    except NotOpen:  # paused, with an item still in hand: nothing comes next
        shown = None
    if shown is None:
        return HttpResponse(status=204)
    item, token, order = shown
    context = {
        "campaign": place.campaign,
        "sheet": preview_of(item, order=order, token=str(token)),
        "links": links_of(place.campaign, token),
    }
    return render(request, "annotation/_workspace.html", context)


@require_POST
def answers(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    """Keep the answers as they now stand; says in JSON whether they are kept."""
    try:
        assignment = routing.find(_place(request, study, campaign), token)
        given = labelling.read(assignment, request.POST)
        labelling.save(assignment, given.answers, comments=given.comments)
        _add_time(request, assignment)
    except ConflictScopeError as exc:
        return JsonResponse({"code": exc.code, "sentence": exc.sentence}, status=exc.http_status)
    return JsonResponse({"lease_seconds": sheet_of(assignment).lease_seconds})


@require_POST
def submit(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = _place(request, study, campaign)
    assignment = routing.find(place, token)
    given = labelling.read(assignment, request.POST)
    if request.POST.get("do") == "save":
        labelling.save(assignment, given.answers, comments=given.comments)
        messages.success(request, "Your answers are kept. The item is waiting for you until you submit or skip it.")
        return _onwards(request, place)
    try:
        if labelling.submit(assignment, given.answers, comments=given.comments):
            _add_time(request, assignment)
        elif not labelling.stands(assignment, given):
            raise SubmittedOtherwise(
                "You submitted this item before, with other answers, and those stand. To change them, open it from Latest."
            )
    except AnswersMissing as exc:
        return _workspace(request, place, assignment=assignment, error=exc.sentence, status=exc.http_status)
    return _onwards(request, place)


@never_cache
@require_safe
def submitted(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    """One of the person's latest submissions again, to be changed."""
    place = _place(request, study, campaign)
    assignment = routing.find(place, token)
    if assignment.state == Assignment.State.LEASED:
        return redirect("annotation:label", study, campaign)
    editing.check_editable(assignment)
    return _workspace(request, place, assignment=assignment)


@require_POST
def edit(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = _place(request, study, campaign)
    assignment = routing.find(place, token)
    try:
        given = labelling.read(assignment, request.POST)
        editing.edit(assignment, given.answers, comments=given.comments)
    except (AnswersMissing, AnswerUnknown) as exc:
        return _workspace(request, place, assignment=assignment, error=exc.sentence, status=exc.http_status)
    return _onwards(request, place, notice="Your changed answers are stored.")


@require_POST
def skip(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = _place(request, study, campaign)
    try:
        routing.skip(routing.find(place, token), reason=request.POST.get("reason", ""))
    except AlreadySubmitted as exc:
        return _workspace(request, place, error=exc.sentence)
    return _onwards(request, place)


@require_POST
def flag(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = _place(request, study, campaign)
    assignment = routing.find(place, token)
    in_background = _in_background(request)
    try:
        raised = labelling.flag(assignment, request.POST.get("reason", ""))
    except ConflictScopeError as exc:
        if in_background:
            return JsonResponse({"code": exc.code, "sentence": exc.sentence}, status=exc.http_status)
        return _workspace(request, place, assignment=assignment, error=exc.sentence, status=exc.http_status)
    if in_background:
        return JsonResponse({"flag": raised.reason})
    messages.success(request, "Flagged. Please answer the questions all the same, or skip the item.")
    return redirect("annotation:label", study, campaign)


def _campaign(request: Request, study: str, slug: str) -> Campaign:
    found = study_for(request.user, study, may=Action.LABEL)
    campaigns = Campaign.objects.labelled_by(request.user).select_related("study")
    campaign: Campaign = get_object_or_404(campaigns, study=found, slug=slug)
    return campaign


def _place(request: Request, study: str, campaign: str) -> Participant:
    return join(_campaign(request, study, campaign), request.user)


def _guideline_of(campaign: Campaign) -> str:
    newest = campaign.guidelines.last()
    return as_html(newest.markdown) if newest else ""


def _in_background(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "label"


def _add_time(request: Request, assignment: Assignment) -> None:
    """The page says how long the person has been at work since it last did; without JavaScript nobody knows."""
    seconds = request.POST.get("active_seconds", "")[:9]
    if seconds.isdecimal():
        labelling.add_time(assignment, int(seconds))


def _onwards(request: Request, place: Participant, *, notice: str = "") -> HttpResponse:
    """To the next item: at once in the background, by a redirect otherwise. A page with more to send wants none yet."""
    if _in_background(request):
        if request.headers.get("X-Label-Next") == "-":
            return HttpResponse(status=204)
        return _workspace(request, place, notice=notice)
    if notice:
        messages.success(request, notice)
    return redirect("annotation:label", place.campaign.study.slug, place.campaign.slug)


def _wish(request: HttpRequest) -> uuid.UUID | None:
    """The item that the page shows already, looked at ahead; it would like to have that one."""
    with suppress(ValueError):
        return uuid.UUID(request.headers.get("X-Label-Next", ""))
    return None


def _workspace(
    request: Request,
    place: Participant,
    *,
    assignment: Assignment | None = None,
    error: str = "",
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    """The item in the person's hands, the next one, or the reason why there is none."""
    why, headline, waiting = "", "", False
    if assignment is None:
        try:
            assignment = routing.claim(place, wish=_wish(request))
        except (NotOpen, Excluded) as exc:
            paused = place.campaign.state == Campaign.State.PAUSED
            why, headline, waiting = exc.sentence, "Paused" if paused else "No more work for you here", paused
        else:
            if assignment is None:
                nothing = routing.why_nothing(place)
                why, waiting = _NOTHING[nothing], nothing is routing.Nothing.WAITING
                headline = "Nothing free right now" if waiting else ""
    editing = assignment is not None and assignment.state == Assignment.State.SUBMITTED
    context: dict[str, Any] = {
        "campaign": place.campaign,
        "progress": labelling.progress(place),
        "sheet": sheet_of(assignment) if assignment else None,
        "editing": editing,
        "links": links_of(place.campaign, assignment.token, editing=editing) if assignment else None,
        "error": error,
        "notice": notice,
        "why": why,
        "headline": headline,
        "waiting": waiting,
    }
    if _in_background(request):
        return render(request, "annotation/_workspace.html", context, status=status)
    context["guideline"] = _guideline_of(place.campaign)
    return render(request, "annotation/label.html", context, status=status)


_NOTHING = {
    routing.Nothing.DONE: "You have been through everything there is for you in this campaign. Thank you.",
    routing.Nothing.QUOTA: "You have labelled as many items as one person may in this campaign. Thank you.",
    routing.Nothing.WAITING: (
        "Nothing is free for you at this moment: the last items are in other people's hands. "
        "If one is given back, it can come to you."
    ),
}
