"""The generator's prompts as a study has them: the shipped words, and the study's own in their place."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request, posted
from conflictscope.scenarios.forms import PromptForm
from conflictscope.scenarios.generation.prompts import PROMPTS, REPLACEABLE, newest_of, register
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action


@require_safe
def prompts(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    own = newest_of(this_study)
    rows = [{"name": name, "shipped": PROMPTS.file(name), "own": own.get(name)} for name in REPLACEABLE]
    return render(request, "scenarios/prompts.html", {"study": this_study, "section": "datasets", "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def prompt(request: Request, study: str, prompt: str) -> HttpResponse:
    this_study = study_for(request.user, study, may=Action.RUN_PIPELINE)
    if prompt not in REPLACEABLE:
        raise Http404("There is no such prompt.")
    shipped = PROMPTS.file(prompt)
    versions = list(this_study.prompts.filter(name=prompt).select_related("created_by").order_by("-version"))
    newest = versions[0].text if versions else shipped.text
    form = PromptForm(posted(request)[0], initial={"text": newest})
    if form.is_valid():
        fields = form.cleaned_data
        try:
            kept = register(this_study, prompt, fields["text"], note=fields["note"], created_by=request.user)
        except ConflictScopeError as exc:
            form.add_error("text", exc.sentence)
        else:
            messages.success(request, f"Version {kept.version} is what new datasets of this study are asked with.")
            return redirect("scenarios:prompt", this_study.slug, prompt)
    context = {
        "study": this_study,
        "section": "datasets",
        "name": prompt,
        "shipped": shipped,
        "versions": versions,
        "placeholders": sorted(shipped.placeholders),
        "form": form,
    }
    return render(request, "scenarios/prompt.html", context, status=400 if form.errors else 200)
