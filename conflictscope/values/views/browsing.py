"""Reading value sets: the list, a version, two compared, the history, and what one takes along."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.files.uploads import as_file
from conflictscope.http import Request, posted
from conflictscope.studies.permissions import SetAction, SetRole
from conflictscope.values import publishing
from conflictscope.values.access import may_import
from conflictscope.values.contents import content_of
from conflictscope.values.finding import published_or_404, versions_seen
from conflictscope.values.forms import ImportValueSetForm
from conflictscope.values.models import ValueSet, ValueSetVersion
from conflictscope.values.orders import orders_of, said_order
from conflictscope.values.showing import citing
from conflictscope.values.showing.browsing import value_set_rows
from conflictscope.values.showing.taking_along import taken_along
from conflictscope.values.together.history import events_of
from conflictscope.values.views.common import page_context, set_or_404
from conflictscope.values.wording.differences import differences

_EVENTS_A_PAGE = 30


@require_safe
def value_sets(request: Request) -> HttpResponse:
    context = {"rows": value_set_rows(request.user), "may_import": may_import(request.user)}
    return render(request, "values/value_sets.html", context)


@login_not_required
@require_safe
def value_set(request: Request, value_set: str) -> HttpResponse:
    """The newest published version; the draft where nothing is published yet."""
    if _turned_away(request, value_set):
        return redirect_to_login(request.get_full_path())
    this_value_set = set_or_404(request, value_set)
    # The address that versions had before each had one of its own.
    if (wanted := request.GET.get("version", "")).isdecimal() and len(wanted) < 9:
        return redirect(published_or_404(this_value_set, int(wanted)).get_absolute_url())
    newest = this_value_set.versions.exclude(status=ValueSetVersion.Status.DRAFT).order_by("-number").first()
    if newest is None:
        return redirect("values:draft", this_value_set.slug)
    return _version_page(request, this_value_set, newest)


@login_not_required
@require_safe
def version(request: Request, value_set: str, number: int) -> HttpResponse:
    if _turned_away(request, value_set):
        return redirect_to_login(request.get_full_path())
    this_value_set = set_or_404(request, value_set)
    return _version_page(request, this_value_set, published_or_404(this_value_set, number))


@login_not_required
@require_safe
def version_file(request: Request, value_set: str, number: int, file: str) -> HttpResponse:
    if _turned_away(request, value_set):
        return redirect_to_login(request.get_full_path())
    shown = published_or_404(set_or_404(request, value_set), number)
    return taken_along(request, shown, file)


@require_safe
def compare(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set)
    versions = versions_seen(request.user, this_value_set)
    if not versions:
        raise Http404("No version to compare.")
    by_number = {str(each.number): each for each in versions}
    after = by_number.get(request.GET.get("to", "")) or versions[0]
    before = by_number.get(request.GET.get("from", "")) or next(
        (each for each in versions if each.number < after.number), versions[-1]
    )
    context = page_context(request, this_value_set, "compare") | {
        "versions": versions,
        "before": before,
        "after": after,
        "changes": differences(content_of(before), content_of(after)),
    }
    return render(request, "values/compare.html", context)


@require_safe
def history(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set, SetAction.SEE)
    page = Paginator(events_of(this_value_set), _EVENTS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "values/history.html", page_context(request, this_value_set, "history") | {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def import_value_set(request: Request) -> HttpResponse:
    if not may_import(request.user):
        raise PermissionDenied("Value sets are imported by those who run a pipeline.")
    form = ImportValueSetForm(*posted(request))
    if form.is_valid():
        fields = form.cleaned_data
        try:
            with as_file(fields["file"]) as path:
                imported = publishing.import_value_set(
                    path, slug=fields["slug"], name=fields["name"], created_by=request.user
                )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            verb = "is published" if imported.created else "was here already, unchanged"
            messages.success(request, f"{imported.version} {verb}.")
            return redirect("values:value_set", imported.version.value_set.slug)
    return render(request, "values/import_value_set.html", {"form": form}, status=400 if form.errors else 200)


def _turned_away(request: Request, slug: str) -> bool:
    """Whether to send a visitor to the login: they are told of no set that is not public, be it there or not."""
    if request.user.is_authenticated:
        return False
    return not ValueSet.objects.visible_to(request.user).filter(slug=slug).exists()


def _version_page(request: Request, value_set: ValueSet, shown: ValueSetVersion) -> HttpResponse:
    shown.value_set = value_set
    stewards = value_set.members.filter(set_memberships__role=SetRole.STEWARD, set_memberships__value_set=value_set)
    context = page_context(request, value_set, "version") | {
        "versions": versions_seen(request.user, value_set),
        "version": shown,
        "values": list(shown.values.all()),
        "pairs": shown.pairs(),
        "forks": shown.forks.exclude(value_set=value_set).exclude(status="draft").select_related("value_set"),
        "stewards": list(stewards.order_by("username")),
        "authors": citing.authors_of(shown),
        "orders": [
            (order, [[value.name for value in tier] for tier in said_order(order)]) for order in orders_of(shown)
        ],
        "files": list(citing.FILES),
        "address": request.build_absolute_uri(shown.get_absolute_url()),
    }
    return render(request, "values/value_set.html", context)
