"""Who belongs to a value set, what it asks its members, and the orders of its values that they write."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.studies.permissions import SetAction
from conflictscope.values import access, orders
from conflictscope.values.finding import published_or_404
from conflictscope.values.forms import OrderForm, SetMemberForm, SettingsForm
from conflictscope.values.models import SetMembership, ValueSet
from conflictscope.values.views.common import page_context, set_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def members(request: Request, value_set: str) -> HttpResponse:
    sent = request.method == "POST"
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD if sent else SetAction.SEE)
    changes_settings = sent and "settings" in request.POST
    initial = {
        "public": this_value_set.public,
        "question": this_value_set.question,
        "answers": "\n".join(this_value_set.question_answers),
    }
    form = SetMemberForm(request.POST) if sent and not changes_settings else SetMemberForm()
    settings = SettingsForm(request.POST) if changes_settings else SettingsForm(initial=initial)
    asked = settings if changes_settings else form
    if sent and asked.is_valid():
        try:
            messages.success(request, _changed(this_value_set, settings if changes_settings else None, form))
        except ConflictScopeError as exc:
            asked.add_error(None, exc.sentence)
        else:
            return redirect("values:members", this_value_set.slug)
    memberships = access.members_of(this_value_set)
    context = page_context(request, this_value_set, "members") | {
        "memberships": memberships,
        "mine": next((each for each in memberships if each.user_id == request.user.pk), None),
        "form": form,
        "settings": settings,
    }
    return render(request, "values/members.html", context, status=400 if form.errors or settings.errors else 200)


def _changed(value_set: ValueSet, settings: SettingsForm | None, form: SetMemberForm) -> str:
    """Carry out the one form or the other, and say so.

    Raises:
        ConflictScopeError: see `change_settings` and `set_role`.
    """
    if settings is not None:
        access.change_settings(value_set, **settings.cleaned_data)
        return "Stored."
    user: User = form.cleaned_data["username"]
    access.set_role(value_set, user, form.cleaned_data["role"])
    return f"{user} is {form.cleaned_data['role']} of {value_set}."


@require_POST
def remove_member(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    membership = SetMembership.objects.filter(
        value_set=this_value_set, user__username=request.POST.get("username", "")
    ).first()
    if membership is None:
        messages.error(request, "They are no member.")
        return redirect("values:members", this_value_set.slug)
    try:
        access.remove_member(this_value_set, membership.user)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(request, f"{membership.user} is no member any more. What they wrote stays in the history.")
    return redirect("values:members", this_value_set.slug)


@require_POST
def answer(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.PROPOSE)
    try:
        access.answer_question(this_value_set, request.user, request.POST.get("answer", ""))
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(request, "Kept. Nobody sees it beside your name.")
    return redirect("values:members", this_value_set.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def new_order(request: Request, value_set: str, number: int) -> HttpResponse:
    """An order of a version's values; `?from=` begins with another order of this set, where values kept their keys."""
    this_value_set = set_or_404(request, value_set, SetAction.PROPOSE)
    version = published_or_404(this_value_set, number)
    others = list(orders.orders_to_begin_with(request.user, this_value_set))
    begun = next((each for each in others if str(each.pk) == request.GET.get("from", "")), None)
    ranks = orders.carried_over(begun, version) if begun else {}
    data = request.POST if request.method == "POST" else None
    names = list(version.values.values_list("key", "name"))
    form = OrderForm(data, values=names, ranks=ranks, initial={"name": begun.name if begun else ""})
    if form.is_valid():
        try:
            orders.order_of_members(
                version, form.ranks(), name=form.cleaned_data["name"], by=request.user, begun_with=begun
            )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, "The order is kept: a study can steer language models by it.")
            return redirect("values:version", this_value_set.slug, version.number)
    context = page_context(request, this_value_set, "version") | {
        "version": version,
        "form": form,
        "begun": begun,
        "others": [each for each in others if each != begun],
    }
    return render(request, "values/new_order.html", context, status=400 if form.errors else 200)
