"""Reading value sets: the list, a version, two compared, the history, and what one takes along."""

from __future__ import annotations

from collections.abc import Callable

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
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, SetAction, SetRole
from conflictscope.values import citing, publishing
from conflictscope.values.browsing import value_set_rows
from conflictscope.values.contents import content_of
from conflictscope.values.differences import differences
from conflictscope.values.forms import ImportValueSetForm
from conflictscope.values.history import events_of
from conflictscope.values.models import TargetRanking, ValueSet, ValueSetVersion
from conflictscope.values.orders import said_order
from conflictscope.values.views.common import actions_in, page_context, published_or_404, set_or_404

_EVENTS_A_PAGE = 30
# What a version is taken along as: the writer, and its type of content.
FILES: dict[str, tuple[Callable[..., str], str]] = {
    "values.json": (citing.as_json, "application/json"),
    "short.json": (citing.as_short_json, "application/json"),
    "values.yaml": (citing.as_yaml, "application/yaml"),
    "citation.bib": (citing.as_bibtex, "application/x-bibtex"),
    "CITATION.cff": (citing.as_cff, "application/yaml"),
}


def _may_import_value_sets(request: Request) -> bool:
    """Value sets belong to no study: whoever runs a pipeline anywhere may bring one."""
    return Study.objects.visible_to(request.user, may=Action.RUN_PIPELINE).exists()


@require_safe
def value_sets(request: Request) -> HttpResponse:
    context = {"rows": value_set_rows(request.user), "may_import": _may_import_value_sets(request)}
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
    if file not in FILES:
        raise Http404("No such file of a value set.")
    write, content_type = FILES[file]
    if write in (citing.as_bibtex, citing.as_cff):
        text = write(shown, address=request.build_absolute_uri(shown.get_absolute_url()))
    else:
        text = write(shown)
    response = HttpResponse(text, content_type=f"{content_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{shown.value_set.slug}-v{number}-{file}"'
    return response


@require_safe
def compare(request: Request, value_set: str) -> HttpResponse:
    this_value_set = set_or_404(request, value_set)
    versions = _versions_seen(request, this_value_set)
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
    if not _may_import_value_sets(request):
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


def _versions_seen(request: Request, value_set: ValueSet) -> list[ValueSetVersion]:
    versions = value_set.versions.select_related("parent__value_set", "created_by", "published_by").order_by("-number")
    if SetAction.SEE not in actions_in(request, value_set):
        versions = versions.exclude(status=ValueSetVersion.Status.DRAFT)
    shown = list(versions)
    for each in shown:
        each.value_set = value_set
    return shown


def _version_page(request: Request, value_set: ValueSet, shown: ValueSetVersion) -> HttpResponse:
    shown.value_set = value_set
    # Orders of a study are its own.
    orders = TargetRanking.objects.filter(version=shown, study=None).select_related("created_by").order_by("name")
    orders = orders.prefetch_related("positions__value")
    stewards = value_set.members.filter(set_memberships__role=SetRole.STEWARD, set_memberships__value_set=value_set)
    context = page_context(request, value_set, "version") | {
        "versions": _versions_seen(request, value_set),
        "version": shown,
        "values": list(shown.values.all()),
        "pairs": shown.pairs(),
        "forks": shown.forks.exclude(value_set=value_set).exclude(status="draft").select_related("value_set"),
        "stewards": list(stewards.order_by("username")),
        "authors": citing.authors_of(shown),
        "orders": [(order, [[value.name for value in tier] for tier in said_order(order)]) for order in orders],
        "files": list(FILES),
        "address": request.build_absolute_uri(shown.get_absolute_url()),
    }
    return render(request, "values/value_set.html", context)
