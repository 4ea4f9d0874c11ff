"""The pages of value sets."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.files.uploads import as_file
from conflictscope.http import Request, posted
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, SetRole
from conflictscope.values import publishing
from conflictscope.values.browsing import value_set_rows
from conflictscope.values.forms import ImportValueSetForm
from conflictscope.values.models import ValueSet


def _may_import_value_sets(request: Request) -> bool:
    """Value sets belong to no study: whoever runs a pipeline anywhere may bring one."""
    return Study.objects.visible_to(request.user, may=Action.RUN_PIPELINE).exists()


@require_safe
def value_sets(request: Request) -> HttpResponse:
    context = {"rows": value_set_rows(request.user), "may_import": _may_import_value_sets(request)}
    return render(request, "values/value_sets.html", context)


@require_safe
def value_set(request: Request, value_set: str) -> HttpResponse:
    found = get_object_or_404(ValueSet, slug=value_set)
    versions = list(found.versions.select_related("parent", "created_by").order_by("-number"))
    wanted = request.GET.get("version", "")
    shown = next((version for version in versions if str(version.number) == wanted), None)
    if wanted and shown is None:
        raise Http404("No such version of this value set.")
    shown = shown or (versions[0] if versions else None)
    if shown is not None:
        shown.value_set = found
    context = {
        "value_set": found,
        "versions": versions,
        "version": shown,
        "values": list(shown.values.all()) if shown else [],
        "pairs": shown.pairs() if shown else [],
        "stewards": list(found.members.filter(set_memberships__role=SetRole.STEWARD).order_by("username")),
    }
    return render(request, "values/value_set.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def import_value_set(request: Request) -> HttpResponse:
    if not _may_import_value_sets(request):
        raise PermissionDenied("Value sets are imported by those who run a pipeline.")
    form = ImportValueSetForm(*posted(request))
    if form.is_valid():
        given = form.cleaned_data
        try:
            with as_file(given["file"]) as path:
                imported = publishing.import_value_set(
                    path, slug=given["slug"], name=given["name"], created_by=request.user
                )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            verb = "is published" if imported.created else "was here already, unchanged"
            messages.success(request, f"{imported.version} {verb}.")
            return redirect("values:value_set", imported.version.value_set.slug)
    return render(request, "values/import_value_set.html", {"form": form}, status=400 if form.errors else 200)
