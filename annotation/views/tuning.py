"""The page on which a judge's prompt is tuned, on the dev part of a campaign alone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from annotation.agreement import tuning
from annotation.agreement.passport import judges_in
from annotation.views.passports import held_against
from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of, calls_field, dollars_field, tokens_field
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import start_or_estimate
from conflictscope.studies.permissions import Action

SHOWN = 10
COMPARED = 6


class TuneForm(forms.Form):
    text = forms.CharField(
        label="The prompt", widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "true"}), strip=False
    )
    called = forms.SlugField(
        label="Name of the new version",
        max_length=50,
        help_text="Small letters, digits and hyphens, such as strict-judge-2.",
    )
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()


@require_http_methods(["GET", "HEAD", "POST"])
def tune(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    this_campaign, this_judge = held_against(request, study, campaign, judge, may=Action.RUN_PIPELINE)
    if why_not := tuning.why_not_tunable(this_campaign):
        context = {
            "study": this_campaign.study,
            "section": "agreement",
            "campaign": this_campaign,
            "judge": this_judge,
            "why_not": why_not,
        }
        return render(request, "annotation/tune.html", context, status=409 if request.method == "POST" else 200)
    every = tuning.subjects(this_campaign)
    subject = next((each for each in every if each.key == request.GET.get("dimension", every[0].key)), None)
    if subject is None:
        raise Http404("The campaign has no such dimension.")
    tables = tuning.dev_tables(this_campaign, this_judge)
    crossings = tuning.disagreements(tables, this_judge, subject)
    page = Paginator(crossings, SHOWN).get_page(request.GET.get("page"))
    form = TuneForm(
        posted(request)[0], initial={"text": tuning.prompt_text(this_judge, subject.key) if this_judge.endpoint else ""}
    )

    def start() -> Job:
        fields = form.cleaned_data
        with transaction.atomic():  # no version is made for a job that cannot start
            return tuning.try_version(
                this_campaign,
                this_judge,
                subject.key,
                fields["text"],
                called=fields["called"],
                started_by=request.user,
                budget=budget_of(fields),
            )

    others = [each for each in judges_in(this_campaign) if each.pk != this_judge.pk][:COMPARED]
    shown: dict[str, Any] = {
        "study": this_campaign.study,
        "section": "agreement",
        "campaign": this_campaign,
        "judge": this_judge,
        "dimension": subject.key,
        "dimensions": [(each.key, each.label) for each in every],
        "subject": subject,
        "labelled": len(tables.labels.items),
        "page": page,
        "rows": tuning.with_reasons(list(page), this_judge, subject.key),
        "versions": tuning.versions(tables, this_judge, others, subject),
    }
    return start_or_estimate(request, form, start, template="annotation/tune.html", context=shown)
