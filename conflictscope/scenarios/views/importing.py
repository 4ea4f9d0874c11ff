"""The page that imports scenarios."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.scenarios import importing
from conflictscope.scenarios.forms import ImportScenariosForm
from conflictscope.scenarios.uploads import as_file
from conflictscope.scenarios.views.common import posted
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_http_methods(["GET", "HEAD", "POST"])
def import_dataset(request: Request, study: str) -> HttpResponse:
    found = study_for(request.user, study, may=Action.RUN_PIPELINE)
    form = ImportScenariosForm(*posted(request))
    if form.is_valid():
        given = form.cleaned_data
        try:
            with as_file(given["file"]) as path:
                report = importing.import_scenarios(
                    found,
                    given["slug"],
                    format_name=given["format"],
                    paths=[path],
                    name=given["name"],
                    encoding=given["encoding"],
                    created_by=request.user,
                )
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
        else:
            messages.success(request, f"{report.added} scenarios added, {report.known} were there already.")
            return redirect("scenarios:dataset", found.slug, given["slug"])
    context = {"study": found, "section": "datasets", "form": form}
    return render(request, "scenarios/import_dataset.html", context, status=400 if form.errors else 200)
