"""For those who settle disagreements: where, which items, and one after the other with all that people said."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation.adjudication.asked import campaigns_to_settle, disputed, machines_on
from annotation.adjudication.blindness import with_and_without
from annotation.adjudication.queue import WaitingItem, queue_of
from annotation.adjudication.settling import adjudicators_of, assign, is_blind, look, reopen, settle_blind, stamp_of
from annotation.errors import ChangedMeanwhile
from annotation.kinds import questions_about
from annotation.labelling.sheets import preview_of
from annotation.models import Campaign, Decision, Item
from annotation.monitoring.scenario_labels import items_with_labels
from conflictscope.errors import InvalidInput
from conflictscope.http import Request
from conflictscope.studies.access import actions_of
from conflictscope.studies.permissions import Action

SHOWN = 25


class AssignForm(forms.Form):
    adjudicator = forms.ChoiceField(label="Who")
    number = forms.IntegerField(label="How many of those that matter most", min_value=1, max_value=1000, initial=10)

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [(user.get_username(), user.get_username()) for user in adjudicators_of(campaign.study)]
        self.fields["adjudicator"].choices = people  # type: ignore[attr-defined]


@never_cache
@require_safe
def adjudications(request: Request) -> HttpResponse:
    """The campaigns in which the person settles disagreements."""
    return render(request, "annotation/adjudication/campaigns.html", {"campaigns": campaigns_to_settle(request.user)})


@never_cache
@require_safe
def queue(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    sees = _sees(request, this_campaign)
    waiting = queue_of(this_campaign, splits=_splits(request), blind=not sees)
    mine = [row for row in waiting.waiting if row.adjudicator == request.user]
    only_mine = request.GET.get("whose", "mine" if mine else "all") == "mine"
    context = {
        **({"study": this_campaign.study, "section": "campaigns"} if sees else {}),
        "campaign": this_campaign,
        "sees": sees,
        "queue": waiting,
        "mine": mine,
        "only_mine": only_mine,
        "splits": _splits(request),
        "page": Paginator(mine if only_mine else waiting.waiting, SHOWN).get_page(request.GET.get("page")),
        "settled": Decision.objects.filter(item__campaign=this_campaign, method=Decision.Method.ADJUDICATED)
        .select_related("item__scenario", "item__response__scenario", "decided_by")
        .order_by("-pk")[:SHOWN],
        "form": AssignForm(campaign=this_campaign) if sees else None,
        "figures": with_and_without(this_campaign) if sees else None,
    }
    return render(request, "annotation/adjudication/queue.html", context)


@never_cache
@require_safe
def adjudicate(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    """One item with all that people said; what machines said is behind a button."""
    this_campaign = _campaign(request, study, campaign)
    return _item_page(request, this_campaign, _item(this_campaign, item))


def _item_page(
    request: Request, this_campaign: Campaign, shown: Item, *, reason: str = "", problem: str = "", status: int = 200
) -> HttpResponse:
    blind = is_blind(request.user, shown)
    waiting = _waiting(request, this_campaign)
    this = next((row for row in waiting if row.item.pk == shown.pk), None)
    later = [row.item.pk for row in waiting if row.item.pk != shown.pk]
    rows = disputed(shown, tuple(this.why) if this else ())
    context = {
        "campaign": this_campaign,
        "item": shown,
        "sheet": preview_of(shown),
        "rows": rows,
        "waits": [row for row in rows if row.waits] or rows,
        "this": this,
        "blind": blind,
        "sees": _sees(request, this_campaign),
        "machines": None if blind else machines_on(shown),
        "next": later[0] if later else None,
        "left": len(later),
        "settled": any(row.decision and row.decision.method == Decision.Method.ADJUDICATED for row in rows),
        "seen": stamp_of(shown),
        "reason": reason,
        "problem": problem,
    }
    return render(request, "annotation/adjudication/item.html", context, status=status)


@require_POST
def adjudicate_settle(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    """Settle it, and on to what matters most of what is left."""
    this_campaign = _campaign(request, study, campaign)
    shown = _item(this_campaign, item)
    asked = [question.key for question in questions_about(shown)]
    answers = {key: request.POST[key] for key in asked if request.POST.get(key)}
    reason = request.POST.get("reason", "")
    try:
        changes = settle_blind(shown, answers, by=request.user, reason=reason, seen=request.POST.get("seen"))
    except ChangedMeanwhile as exc:
        return _item_page(request, this_campaign, shown, reason=reason, problem=exc.sentence, status=exc.http_status)
    said = "; ".join(f"{change.question} {change.before} → {change.now}" for change in changes)
    messages.success(
        request, f"Settled, and written down. {said}" if said else "It stands as it stood, with your reason."
    )
    waiting = [row for row in _waiting(request, this_campaign) if row.item.pk != shown.pk]
    if not waiting:
        return redirect("annotation:adjudication", study, campaign)
    return redirect("annotation:adjudicate", study, campaign, waiting[0].item.pk)


@require_POST
def adjudicate_reopen(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    shown = _item(this_campaign, item)
    if reopen(shown):
        messages.success(request, "Open again: what was settled by hand is withdrawn, and the votes count.")
    return redirect("annotation:adjudicate", study, campaign, item)


@require_POST
def look_at_machines(request: Request, study: str, campaign: str, item: int) -> HttpResponse:
    """Logged: from now on what the person settles on this item is marked as not blind."""
    this_campaign = _campaign(request, study, campaign)
    look(request.user, _item(this_campaign, item))
    return redirect("annotation:adjudicate", study, campaign, item)


@require_POST
def assign_items(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    if not _sees(request, this_campaign):
        raise InvalidInput("Who settles what is for those who run the campaign to say.")
    form = AssignForm(request.POST, campaign=this_campaign)
    if not form.is_valid():
        raise InvalidInput("Choose somebody who settles disagreements here, and how many items: from 1 to 1000.")
    person = next(
        user for user in adjudicators_of(this_campaign.study) if user.get_username() == form.cleaned_data["adjudicator"]
    )
    free = [row.item.pk for row in queue_of(this_campaign, blind=False).waiting if row.adjudicator is None]
    given = assign(this_campaign, person, free[: form.cleaned_data["number"]])
    messages.success(request, f"{person} is asked to settle {given} item{'' if given == 1 else 's'}.")
    return redirect("annotation:adjudication", study, campaign)


def _campaign(request: Request, study: str, slug: str) -> Campaign:
    return get_object_or_404(campaigns_to_settle(request.user), study__slug=study, slug=slug)


def _item(campaign: Campaign, pk: int) -> Item:
    shown: Item = get_object_or_404(items_with_labels(), campaign=campaign, pk=pk, is_training=False)
    shown.campaign = campaign
    return shown


def _sees(request: Request, campaign: Campaign) -> bool:
    return Action.SEE in actions_of(request.user, campaign.study)


def _splits(request: Request) -> bool:
    return request.GET.get("splits", "1") != "0"


def _waiting(request: Request, campaign: Campaign) -> list[WaitingItem]:
    """What waits for this person: their own items if they were given any, else those that nobody was given."""
    rows = queue_of(campaign, blind=not _sees(request, campaign)).waiting
    mine = [row for row in rows if row.adjudicator == request.user]
    return mine or [row for row in rows if row.adjudicator is None]
