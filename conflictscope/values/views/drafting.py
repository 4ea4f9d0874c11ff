"""Writing a value set: beginning one, its draft, pasting, publishing, forking, retiring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.forms import BaseFormSet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.studies.permissions import SetAction
from conflictscope.values import drafting, publishing
from conflictscope.values.contents import content_of
from conflictscope.values.finding import draft_or_404, published_or_404
from conflictscope.values.forms import DraftForm, NameForm, PasteForm, ValueFormSet, rows_of, values_from
from conflictscope.values.models import ValueSet, ValueSetVersion
from conflictscope.values.parsing import ValueSetText, parse_values
from conflictscope.values.views.common import page_context, set_or_404
from conflictscope.values.wording.advice import advice_on
from conflictscope.values.wording.differences import differences


@require_http_methods(["GET", "HEAD", "POST"])
def new_value_set(request: Request) -> HttpResponse:
    form = NameForm(*posted(request))
    if form.is_valid():
        try:
            begun = drafting.start_set(form.cleaned_data["name"], slug=form.cleaned_data["slug"], by=request.user)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            return redirect("values:draft", begun.value_set.slug)
    return render(request, "values/new_value_set.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def fork(request: Request, value_set: str, number: int) -> HttpResponse:
    parent = published_or_404(set_or_404(request, value_set), number)
    form = NameForm(*posted(request), initial={"name": f"{parent.value_set.name}, ours"})
    if form.is_valid():
        try:
            begun = drafting.fork(
                parent, name=form.cleaned_data["name"], slug=form.cleaned_data["slug"], by=request.user
            )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"A draft that says what {parent} says: change what is to be yours.")
            return redirect("values:draft", begun.value_set.slug)
    context = {"form": form, "parent": parent}
    return render(request, "values/new_value_set.html", context, status=400 if form.errors else 200)


@require_POST
def start_version(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    drafting.start_version(this_value_set, by=request.user)
    return redirect("values:draft", this_value_set.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: Request, value_set: str) -> HttpResponse:
    """The draft as its stewards write it; to other members, as it reads."""
    if request.method != "POST":
        this_value_set = set_or_404(request, value_set, SetAction.SEE)
        if (
            this_value_set.versions.exists()
            and not this_value_set.versions.filter(status=ValueSetVersion.Status.DRAFT).exists()
        ):
            messages.info(request, "No draft is being written now: this is what was published last.")
            return redirect("values:value_set", this_value_set.slug)
        return _draft_page(request, this_value_set, draft_or_404(this_value_set))
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    shown = draft_or_404(this_value_set)
    form, rows = DraftForm(request.POST), ValueFormSet(request.POST, prefix="values")
    if not (form.is_valid() and rows.is_valid()):
        return _draft_page(request, this_value_set, shown, form, rows, status=400)
    fields = form.cleaned_data
    try:
        content = ValueSetText(
            slug=this_value_set.slug,
            name=fields["name"],
            values=values_from(rows),
            pairing=fields["pairing"],
            description=fields["description"],
            licence=fields["licence"],
        )
        drafting.write(shown, content, edition=fields["edition"], by=request.user, reason=fields["reason"])
    except drafting.DraftChanged as exc:
        form.add_error(None, exc.sentence)
        form.show_edition(exc.edition)
        theirs = differences(content, content_of(shown))
        return _draft_page(request, this_value_set, shown, form, rows, status=409, theirs=theirs)
    except ConflictScopeError as exc:
        form.add_error(None, exc.sentence)
        return _draft_page(request, this_value_set, shown, form, rows, status=400)
    messages.success(request, "Stored. Nobody but members sees it until it is published.")
    return redirect("values:draft", this_value_set.slug)


@require_POST
def paste(request: Request, value_set: str) -> HttpResponse:
    """Show what was pasted as it is understood; keep it when it is sent again as such."""
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    shown = draft_or_404(this_value_set)
    form = PasteForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Paste at least one value.")
        return redirect("values:draft", this_value_set.slug)
    fields = form.cleaned_data
    before = content_of(shown)
    try:
        pasted = parse_values(fields["text"], source="What you pasted")
        values = pasted if fields["replace"] else (*before.values, *pasted)
        content = replace(before, values=values)
        if fields["keep"]:
            drafting.write(shown, content, edition=fields["edition"], by=request.user, reason="Pasted.")
            messages.success(request, f"{len(pasted)} pasted value{'s' * (len(pasted) != 1)} stored.")
            return redirect("values:draft", this_value_set.slug)
    except ConflictScopeError as exc:
        form.add_error("text", exc.sentence)
        context = page_context(request, this_value_set, "draft") | {"form": form, "edition": shown.edition}
        return render(request, "values/paste.html", context, status=400)
    context = page_context(request, this_value_set, "draft") | {
        "form": form,
        "pasted": pasted,
        "edition": shown.edition,
        "changes": differences(before, content),
    }
    return render(request, "values/paste.html", context)


@require_POST
def publish(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    edition = request.POST.get("edition", "")
    try:
        version = publishing.publish_draft(
            draft_or_404(this_value_set),
            edition=int(edition) if edition.isdecimal() and len(edition) < 10 else 0,
            by=request.user,
        )
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
        return redirect("values:draft", this_value_set.slug)
    messages.success(request, f"{version} is published. It never changes from now on; a change is a new version.")
    return redirect("values:version", this_value_set.slug, version.number)


@require_POST
def discard(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    shown = draft_or_404(this_value_set)
    try:
        drafting.discard(shown)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
        return redirect("values:draft", this_value_set.slug)
    messages.success(request, f"The draft of version {shown.number} is gone.")
    if ValueSet.objects.filter(slug=this_value_set.slug).exists():
        return redirect("values:value_set", this_value_set.slug)
    return redirect("values:value_sets")


@require_POST
def retire(request: Request, value_set: str, number: int) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.STEWARD)
    version = get_object_or_404(this_value_set.versions.exclude(status=ValueSetVersion.Status.DRAFT), number=number)
    try:
        publishing.retire(version)
    except ConflictScopeError as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(
            request, f"Version {number} is retired: no new dataset is made of it, and what there is stays."
        )
    return redirect("values:version", this_value_set.slug, number)


def _draft_page(
    request: Request,
    value_set: ValueSet,
    shown: ValueSetVersion,
    form: DraftForm | None = None,
    rows: BaseFormSet[Any] | None = None,
    *,
    status: int = 200,
    theirs: object = None,
) -> HttpResponse:
    content = content_of(shown)
    context = page_context(request, value_set, "draft")
    context |= {
        "version": shown,
        "values": content.values,
        "form": form or DraftForm(initial=_initial(shown)),
        "rows": rows or ValueFormSet(initial=rows_of(content), prefix="values"),
        "paste": PasteForm(),
        "pairs": shown.pairs(),
        "advice": advice_on(content),
        "theirs": theirs,
        "changes": differences(content_of(shown.parent), content) if shown.parent else None,
    }
    return render(request, "values/draft.html", context, status=status)


def _initial(shown: ValueSetVersion) -> dict[str, object]:
    return {
        "name": shown.value_set.name,
        "description": shown.description,
        "licence": shown.licence,
        "pairing": shown.pairing,
        "edition": shown.edition,
    }
