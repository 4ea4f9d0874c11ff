"""The annotator's pages: the guideline, and the label screen.

The screen works without JavaScript as plain forms; `label.js` sends the same forms in the background and puts the fragment
that comes back in place.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation.campaigns.lifecycle import consent, join
from annotation.crowd.entering import text_to_read
from annotation.errors import (
    AlreadySubmitted,
    AnswersMissing,
    AnswerUnknown,
    AtOdds,
    ConsentMissing,
    Excluded,
    HeldBack,
    NotOpen,
    NotSkipped,
    SkipsUsedUp,
)
from annotation.guidelines import as_html
from annotation.labelling import access, checking, editing, qualifying, routing, serving
from annotation.labelling import answers as labelling
from annotation.labelling.progress import progress_of, standing_notice
from annotation.labelling.sheets import preview_of, sheet_of
from annotation.models import Assignment, Campaign, Participant
from annotation.views import practice
from annotation.views.links import links_of
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request


@never_cache
@require_safe
def label(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    if this_campaign.state == Campaign.State.CLOSED:
        context = {
            "campaign": this_campaign,
            "why": f"{this_campaign.name} is closed. Thank you for your work.",
            "guest": getattr(request, "is_guest", False),
        }
        return render(request, "annotation/label.html", context)
    place = join(this_campaign, request.user)
    if place.ended_at is not None:
        return redirect("annotation:label_over", study, campaign)
    if new_text := text_to_read(place):
        return redirect(new_text)
    if practice.must_agree(place):
        context = {"campaign": this_campaign, "guideline": _guideline_of(this_campaign)}
        return render(request, "annotation/start.html", context | {"news": practice.news_for(place)})
    return _workspace(request, place)


@never_cache
@require_safe
def guideline(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    return render(
        request, "annotation/guideline.html", {"campaign": this_campaign, "guideline": _guideline_of(this_campaign)}
    )


@require_POST
def start(request: Request, study: str, campaign: str) -> HttpResponse:
    place = place_of(request, study, campaign)
    consent(place)
    return redirect("annotation:label", study, campaign)


@never_cache
@require_safe
def peek(request: Request, study: str, campaign: str) -> HttpResponse:
    """The fragment of an item that may well come next, to be at hand at once; 204 where there is none. Nobody holds it."""
    place = place_of(request, study, campaign)
    try:
        shown = serving.peek(place)
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
    """Keep the answers as they now stand; says in JSON whether they are kept, and whether they would count."""
    try:
        assignment = _assignment(request, study, campaign, token)
        given = checking.read(assignment, request.POST)
        labelling.save(assignment, given.answers, comments=given.comments, also=given.also, worked=seconds_of(request))
    except ConflictScopeError as exc:
        return JsonResponse({"code": exc.code, "sentence": exc.sentence}, status=exc.http_status)
    lease_seconds = sheet_of(assignment).lease_seconds
    return JsonResponse({"lease_seconds": lease_seconds, "notice": standing_notice(assignment)})


@require_POST
def submit(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = place_of(request, study, campaign)
    assignment = access.assignment_of(request.user, token, place=place, told=True)
    given = checking.read(assignment, request.POST)
    if request.POST.get("do") == "save":
        labelling.save(assignment, given.answers, comments=given.comments, also=given.also)
        messages.success(request, "Your answers are kept. The item is waiting for you until you submit or skip it.")
        return _onwards(request, place)
    assignment.seen = practice.signs_of(request.POST)
    try:
        done = labelling.submit(
            assignment,
            given.answers,
            comments=given.comments,
            also=given.also,
            worked=seconds_of(request),
            sure=bool(request.POST.get("sure")),
            then_next=_in_background(request) and not _more_to_send(request) and (_wish(request) or True),
        )
    except (AnswersMissing, AtOdds) as exc:
        return _workspace(
            request,
            place,
            assignment=access.assignment_of(request.user, token, place=place, told=True),
            said=_Said(error=exc.sentence, ask_if_sure=isinstance(exc, AtOdds)),
            status=exc.http_status,
        )
    return _onwards(request, place, warning=standing_notice(assignment), handed=done.handed, left=assignment)


@never_cache
@require_safe
def submitted(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    """One of the person's latest submissions again, to be changed."""
    place = place_of(request, study, campaign)
    assignment = access.assignment_of(request.user, token, place=place, told=True)
    if assignment.state == Assignment.State.LEASED:
        return redirect("annotation:label", study, campaign)
    editing.check_editable(assignment)
    return _workspace(request, place, assignment=assignment)


@require_POST
def edit(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = place_of(request, study, campaign)
    assignment = access.assignment_of(request.user, token, place=place, told=True)
    try:
        given = checking.read(assignment, request.POST)
        sure = bool(request.POST.get("sure"))
        editing.edit(assignment, given.answers, comments=given.comments, also=given.also, sure=sure)
    except (AnswersMissing, AnswerUnknown, AtOdds) as exc:
        return _workspace(
            request,
            place,
            assignment=assignment,
            said=_Said(error=exc.sentence, ask_if_sure=isinstance(exc, AtOdds)),
            status=exc.http_status,
        )
    return _onwards(request, place, notice="Your changed answers are stored.")


@require_POST
def skip(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = place_of(request, study, campaign)
    assignment = access.assignment_of(request.user, token, place=place)
    try:
        distressing = bool(request.POST.get("distressing"))
        routing.skip(assignment, reason=request.POST.get("reason", ""), distressing=distressing)
    except (AlreadySubmitted, SkipsUsedUp) as exc:
        return _workspace(request, place, said=_Said(error=exc.sentence))
    return _onwards(request, place, left=assignment)


@require_POST
def later(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    """Set the item in hand aside: what was answered is kept, and it comes back when there is nothing new."""
    place = place_of(request, study, campaign)
    if access.assignment_of(request.user, token, place=place).state == Assignment.State.LEASED:
        routing.hand_back(place)
    return _onwards(request, place, notice="Set aside. It comes back at the end, unless others have taken its places.")


@require_POST
def undo_skip(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    """The skipped item again, in place of the one in hand."""
    place = place_of(request, study, campaign)
    try:
        routing.undo_skip(access.assignment_of(request.user, token, place=place))
    except (NotSkipped, NotOpen, Excluded) as exc:
        return _workspace(request, place, said=_Said(error=exc.sentence))
    return _onwards(request, place, notice="The item that you skipped is in your hands again.")


@require_POST
def flag(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    place = place_of(request, study, campaign)
    assignment = access.assignment_of(request.user, token, place=place, told=True)
    in_background = _in_background(request)
    try:
        raised = labelling.flag(assignment, request.POST.get("reason", ""))
    except ConflictScopeError as exc:
        if in_background:
            return JsonResponse({"code": exc.code, "sentence": exc.sentence}, status=exc.http_status)
        return _workspace(request, place, assignment=assignment, said=_Said(error=exc.sentence), status=exc.http_status)
    if in_background:
        return JsonResponse({"flag": raised.reason})
    messages.success(request, "Flagged. Please answer the questions all the same, or skip the item.")
    return redirect("annotation:label", study, campaign)


def _campaign(request: Request, study: str, slug: str) -> Campaign:
    campaigns = Campaign.objects.labelled_by(request.user).select_related("study")
    campaign: Campaign = get_object_or_404(campaigns, study__slug=study, slug=slug)
    return campaign


def place_of(request: Request, study: str, campaign: str) -> Participant:
    """The person's place in the campaign that the address names."""
    return access.place_named(study, campaign, request.user)


def _assignment(request: Request, study: str, campaign: str, token: uuid.UUID) -> Assignment:
    return access.assignment_of(request.user, token, place=place_of(request, study, campaign))


def _guideline_of(campaign: Campaign) -> str:
    newest = campaign.guidelines.last()
    return as_html(newest.markdown) if newest else ""


def _in_background(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "label"


def seconds_of(request: Request) -> int:
    """The page says how long the person has been at work since it last did; without JavaScript nobody knows."""
    seconds = request.POST.get("active_seconds", "")[:9]
    return int(seconds) if seconds.isdecimal() else 0


def _onwards(
    request: Request,
    place: Participant,
    *,
    notice: str = "",
    warning: str = "",
    handed: labelling.Handed | None = None,
    left: Assignment | None = None,
) -> HttpResponse:
    """To the next item: at once in the background, by a redirect otherwise. A page with more to send wants none yet."""
    if _in_background(request):
        if _more_to_send(request):
            return HttpResponse(status=204)
        return _workspace(request, place, said=_Said(notice=notice, warning=warning), handed=handed, left=left)
    if notice:
        messages.success(request, notice)
    for correction in qualifying.corrections(left) if left is not None else ():
        if not correction.right:
            messages.warning(request, f"{correction.number}. {correction.text} {correction.known}. {correction.why}")
    if warning:
        messages.warning(request, warning)
    return redirect("annotation:label", place.campaign.study.slug, place.campaign.slug)


def _more_to_send(request: HttpRequest) -> bool:
    return request.headers.get("X-Label-Next") == "-"


def _wish(request: HttpRequest) -> uuid.UUID | None:
    """The item that the page shows already, looked at ahead; it would like to have that one."""
    with suppress(ValueError):
        return uuid.UUID(request.headers.get("X-Label-Next", ""))
    return None


@dataclass(frozen=True, slots=True)
class _Said:
    """What the page says above the item. `ask_if_sure`: the error is one that the person may mean."""

    error: str = ""
    notice: str = ""
    warning: str = ""
    ask_if_sure: bool = False


_NOTHING_SAID = _Said()


def _workspace(
    request: Request,
    place: Participant,
    *,
    assignment: Assignment | None = None,
    handed: labelling.Handed | None = None,
    left: Assignment | None = None,
    said: _Said = _NOTHING_SAID,
    status: int = 200,
) -> HttpResponse:
    """The item in the person's hands, the next one, or the reason why there is none. `left`: the one they have just dealt with."""
    if assignment is None:
        handed = handed or labelling.next_for(place, wish=_wish(request))
        assignment = handed.assignment
    editing = assignment is not None and assignment.state == Assignment.State.SUBMITTED
    context: dict[str, Any] = {
        "campaign": place.campaign,
        "progress": progress_of(place),
        "guest": place.guest,
        "sheet": sheet_of(assignment) if assignment else None,
        "editing": editing,
        "links": links_of(place.campaign, assignment.token, editing=editing) if assignment else None,
        "left": left,
        "error": said.error,
        "notice": said.notice,
        "warning": said.warning or (standing_notice(assignment) if assignment else ""),
        "ask_if_sure": said.ask_if_sure,
    }
    context |= practice.beside(place, assignment, left)
    if handed is not None:
        context |= {
            "why": handed.sentence,
            "headline": _HEADLINES.get(handed.nothing, "No more work for you here" if handed.nothing else ""),
            "waiting": handed.nothing in (serving.Nothing.WAITING.value, NotOpen.code, HeldBack.code)
            and place.campaign.state != Campaign.State.CLOSED,
        }
        if handed.nothing:
            context["progress"] = replace(context["progress"], nothing=True)
    if _in_background(request):
        return render(request, "annotation/_workspace.html", context, status=status)
    context["guideline"] = _guideline_of(place.campaign)
    return render(request, "annotation/label.html", context, status=status)


_HEADLINES = {
    serving.Nothing.DONE.value: "That is all",
    serving.Nothing.QUOTA.value: "That is all",
    serving.Nothing.WAITING.value: "Nothing free right now",
    NotOpen.code: "Paused",
    HeldBack.code: "Later",
    ConsentMissing.code: "The guideline has changed",
}
