"""Proposals of a value set: made, supported, objected to, decided."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.studies.permissions import SetAction
from conflictscope.values.contents import content_of
from conflictscope.values.finding import proposal_or_404
from conflictscope.values.forms import ProposalForm
from conflictscope.values.models import Proposal, ValueSet
from conflictscope.values.parsing import ValueText
from conflictscope.values.together import proposing
from conflictscope.values.views.common import page_context, set_or_404
from conflictscope.values.wording.differences import word_by_word

_MOST_DECIDED = 50


@require_http_methods(["GET", "HEAD", "POST"])
def proposals(request: Request, value_set: str) -> HttpResponse:
    sent = request.method == "POST"
    this_value_set = set_or_404(request, value_set, SetAction.PROPOSE if sent else SetAction.SEE)
    newest = this_value_set.versions.order_by("-number")[0]
    newest.value_set = this_value_set
    there = {value.key: value for value in content_of(newest).values}
    names = [(value.key, value.name) for value in there.values()]
    form = ProposalForm(request.POST, values=names) if sent else ProposalForm(values=names)
    if form.is_valid():
        fields = form.cleaned_data
        adds = fields["change"] == Proposal.Change.ADD
        wish = proposing.Wish(
            fields["change"], "" if adds else fields["key"], fields["name"], fields["definition"], fields["group"]
        )
        try:
            proposing.propose(this_value_set, wish, reason=fields["reason"], by=request.user)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, "Proposed: other members see it, and stewards decide.")
            return redirect("values:proposals", this_value_set.slug)
    every = list(
        Proposal.objects.filter(version__value_set=this_value_set).select_related(
            "author", "decided_by", "version__value_set"
        )
    )
    heard = proposing.heard(this_value_set, [each for each in every if each.state == Proposal.State.OPEN])
    context = page_context(request, this_value_set, "proposals") | {
        "form": form,
        "open": [(each, _shown(each.proposal, there)) for each in heard],
        "parting": sorted((e for e in heard if e.parting), key=lambda e: -(e.parting or 0))[:3],
        "decided": [each for each in every if each.state != Proposal.State.OPEN][:_MOST_DECIDED],
    }
    return render(request, "values/proposals.html", context, status=400 if form.errors else 200)


@require_POST
def speak(request: Request, value_set: str, proposal: int) -> HttpResponse:
    stance, words = request.POST.get("stance", ""), request.POST.get("words", "")
    return _decided(
        request,
        value_set,
        proposal,
        SetAction.PROPOSE,
        lambda it: proposing.speak(it, stance, words=words, by=request.user),
        "Your voice is kept; you may change it while the proposal is open.",
    )


@require_POST
def accept(request: Request, value_set: str, proposal: int) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _decided(
        request,
        value_set,
        proposal,
        SetAction.STEWARD,
        lambda it: proposing.accept(it, reason=reason, by=request.user),
        "Accepted: it is written into the draft.",
    )


@require_POST
def decline(request: Request, value_set: str, proposal: int) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _decided(
        request,
        value_set,
        proposal,
        SetAction.STEWARD,
        lambda it: proposing.decline(it, reason=reason, by=request.user),
        "Declined, with your reason.",
    )


@require_POST
def withdraw(request: Request, value_set: str, proposal: int) -> HttpResponse:
    return _decided(
        request,
        value_set,
        proposal,
        SetAction.PROPOSE,
        lambda it: proposing.withdraw(it, by=request.user),
        "Withdrawn.",
    )


def _decided(
    request: Request, slug: str, number: int, action: SetAction, do: Callable[[Proposal], object], done: str
) -> HttpResponse:
    value_set: ValueSet = set_or_404(request, slug, action)
    proposal = proposal_or_404(value_set, number)
    try:
        do(proposal)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(request, done)
    return redirect("values:proposals", value_set.slug)


def _shown(proposal: Proposal, there: dict[str, ValueText]) -> dict[str, object]:
    """The value as it is and as it would be."""
    now = there.get(proposal.key)
    return {
        "now": now,
        "definition": word_by_word(now.definition if now else "", proposal.definition) if proposal.definition else None,
        "name": proposal.name or (now.name if now else proposal.key),
    }
