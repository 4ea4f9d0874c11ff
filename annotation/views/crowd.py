"""The pages of people who come by a campaign's link: what they agree to, how to stop, and what they take back."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.crowd import entering, leaving
from annotation.crowd.entering import Arrival, BegunElsewhere, HasWithdrawn, NoPlace
from annotation.crowd.models import Departure, Guest
from annotation.crowd.recruiting import recruitment_behind
from annotation.crowd.sessions import begin, is_guest
from annotation.errors import CampaignClosed, NotOpen, TooManyCome
from annotation.guidelines import as_html
from annotation.labelling import routing
from annotation.models import Campaign, Participant
from annotation.views.crowd_forms import JoinForm
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.http import Request

_TAKEN = (
    "In this browser somebody takes part in this campaign already, under another id. If that is not you, open the link in a browser of "
    "your own."
)
_HEADLINES = {
    Departure.FINISHED: "You have finished. Thank you!",
    Departure.SCREENED_OUT: "There is nothing for you to label here",
    Departure.FAILED: "You cannot go on here",
    Departure.TIMED_OUT: "Your time is over",
}


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, key: str) -> HttpResponse:
    """The link itself: what one will read, what one agrees to, and then the work. Looking at it changes nothing."""
    recruitment = recruitment_behind(key)
    own = _own_place(request, recruitment.campaign)
    try:
        who = entering.arrival(
            recruitment, {name: value for name, value in request.GET.items() if isinstance(value, str)}
        )
    except InvalidInput:
        if own is None:
            raise
        who = Arrival(recruitment)  # their session says who they are
    if request.user.is_authenticated and not is_guest(request):
        return _page(request, who, {"member": True})
    place = entering.place_of(who)
    if own is not None and (not who.person or (place is not None and place.pk == own.pk)):
        guest = _guest_at(own)
        if guest.ending or guest.consent_id == entering.newest_consent(who.campaign).pk:
            return redirect("annotation:label", own.campaign.study.slug, own.campaign.slug)
        return _agree_anew(request, who, guest)
    if own is not None:
        return _page(request, who, {"closed": _TAKEN})
    if request.method == "POST":
        _count_who_comes(request)
    if place is not None:
        if request.method == "POST":
            begin(request, entering.take_over(place))
            return redirect("annotation:label", place.campaign.study.slug, place.campaign.slug)
        return _page(request, who, {"elsewhere": True})
    return _enter(request, who)


def _count_who_comes(request: HttpRequest) -> None:
    """Places are made for whoever asks, and ids can be tried: no faster than people come. Of their address a keyed digest is kept.

    Raises:
        TooManyCome: more than `settings.ACCOUNT_RATE_LIMITS` names.
    """
    address = get_adapter(request).get_client_ip(request)
    digest = salted_hmac("annotation.crowd.address", address, algorithm="sha256").hexdigest()
    if not ratelimit.consume(request, action="join", key=digest):
        raise TooManyCome("More people come from your network than usual. Wait a minute, and send this again.")


def _enter(request: HttpRequest, who: Arrival) -> HttpResponse:
    try:
        entering.check_may_enter(who)
        consent = entering.newest_consent(who.campaign)
    except (CampaignClosed, NotOpen, HasWithdrawn) as exc:
        return _page(request, who, {"closed": exc.sentence})
    if entering.full(who.recruitment):
        return _no_place(request, who)
    form = JoinForm(request.POST if request.method == "POST" else None, campaign=who.campaign, consent=consent)
    if form.is_valid():
        try:
            place = entering.enter(who, consent, groups=form.groups)
        except BegunElsewhere:
            return redirect(request.get_full_path())
        except (NoPlace, CampaignClosed, NotOpen):
            return _no_place(request, who)
        except Conflict as exc:
            form.add_error(None, exc.sentence)
        else:
            begin(request, place)
            return redirect("annotation:label", place.campaign.study.slug, place.campaign.slug)
    return _page(request, who, {"form": form, "consent": consent}, status=400 if form.errors else 200)


def _agree_anew(request: HttpRequest, who: Arrival, guest: Guest) -> HttpResponse:
    consent = entering.newest_consent(who.campaign)
    form = JoinForm(request.POST if request.method == "POST" else None, consent=consent)
    if form.is_valid():
        entering.agree_anew(guest, consent)
        return redirect("annotation:label", who.campaign.study.slug, who.campaign.slug)
    context = {"form": form, "consent": consent, "anew": True}
    return _page(request, who, context, status=400 if form.errors else 200)


def _no_place(request: HttpRequest, who: Arrival) -> HttpResponse:
    way_out = who.campaign.ways_out.filter(ending=Departure.SCREENED_OUT).first() if who.person else None
    sentence = "Everybody who was needed has come already. Thank you for your interest."
    return _page(request, who, {"closed": sentence, "way_out": way_out})


def _page(request: HttpRequest, who: Arrival, more: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = {"campaign": who.campaign, **more}
    if consent := more.get("consent"):
        context["text"] = as_html(consent.markdown)
    return render(request, "annotation/crowd/join.html", context, status=status)


@never_cache
@require_safe
def over(request: Request, study: str, campaign: str) -> HttpResponse:
    """Where the guest stands: to go on, to stop, or what they take back."""
    guest = _guest_of(request, study, campaign)
    standing = leaving.standing_of(guest)
    place = guest.participant
    context = {
        "campaign": place.campaign,
        "guest": guest,
        "standing": standing,
        "headline": _HEADLINES.get(Departure(guest.ending)) if guest.ending else "",
        "way_out": leaving.way_out_of(guest),
        "labels_go": guest.consent.labels_go,
        "deadline": leaving.deadline_of(guest),
    }
    return render(request, "annotation/crowd/over.html", context)


@require_POST
def stop(request: Request, study: str, campaign: str) -> HttpResponse:
    """Pause, finish or withdraw; each gives back what is in hand at once."""
    guest = _guest_of(request, study, campaign)
    what = request.POST.get("do", "")
    if what == "withdraw":
        if not request.POST.get("sure"):
            messages.error(request, "Nothing has changed. To withdraw, tick the box that says that you mean it.")
            return redirect("annotation:label_over", study, campaign)
        leaving.withdraw(guest)
        logout(request)
        return render(request, "annotation/crowd/withdrawn.html", {"labels_go": guest.consent.labels_go})
    if what == "finish" and leaving.finish(guest):
        return redirect("annotation:label_over", study, campaign)
    routing.hand_back(guest.participant)
    messages.success(
        request, "The item is handed back, and what you have submitted is kept. Open the link again to go on."
    )
    return redirect("annotation:label_over", study, campaign)


def _own_place(request: HttpRequest, campaign: Campaign) -> Participant | None:
    """The place in this campaign of the guest whose browser it is."""
    if not is_guest(request):
        return None
    mine = Participant.objects.filter(user=request.user.pk, campaign=campaign, guest=True)
    return mine.select_related("campaign__study").first()


def _guest_at(place: Participant) -> Guest:
    guest: Guest = Guest.objects.select_related("consent").get(pk=place.pk)
    guest.participant = place
    return guest


def _guest_of(request: Request, study: str, campaign: str) -> Guest:
    mine = Guest.objects.filter(
        participant__user=request.user, participant__campaign__slug=campaign, participant__campaign__study__slug=study
    )
    guest = mine.select_related("consent", "participant__user", "participant__campaign__study").first()
    if guest is None:
        raise Http404("No such place, or it is not yours.")
    return guest
