"""The page on which a judge is asked again: about its anchors, in both orders, with the price before."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from annotation.agreement import asked_again
from annotation.kinds import KINDS
from annotation.views.passports import held_against
from conflictscope.http import Request, posted
from conflictscope.jobs.forms import budget_of, calls_field, dollars_field, tokens_field
from conflictscope.jobs.models import Job
from conflictscope.jobs.views.starting import start_or_estimate
from conflictscope.studies.permissions import Action
from evaluation.readings import job as reading


class AskAgainForm(forms.Form):
    size = forms.IntegerField(
        label="Anchors",
        min_value=1,
        max_value=reading.MOST,
        initial=reading.USUAL_SIZE,
        help_text="Items that it is asked about on every occasion, drawn by chance. Once drawn they stay.",
    )
    samples = forms.IntegerField(
        label="Answers to each question",
        min_value=1,
        max_value=reading.MOST_SAMPLES,
        initial=reading.USUAL_SAMPLES,
        help_text="Two or more tell whether it says the same twice. One further answer is asked for with the actions the other way "
        "round.",
    )
    budget = dollars_field()
    budget_calls = calls_field()
    budget_tokens = tokens_field()


@require_http_methods(["GET", "HEAD", "POST"])
def ask_again(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    this_campaign, this_judge = held_against(request, study, campaign, judge, may=Action.RUN_PIPELINE)
    responses = KINDS[this_campaign.kind].of_responses
    anchors = len(reading.anchors_of(this_judge, this_campaign.dataset, responses=responses))
    form = AskAgainForm(posted(request)[0])
    if anchors:
        del form.fields["size"]

    def start() -> Job:
        fields = form.cleaned_data
        return asked_again.ask_again(
            this_campaign,
            this_judge,
            size=fields.get("size", reading.USUAL_SIZE),
            samples=fields["samples"],
            started_by=request.user,
            budget=budget_of(fields),
        )

    context = {
        "study": this_campaign.study,
        "section": "agreement",
        "campaign": this_campaign,
        "judge": this_judge,
        "anchors": anchors,
        "occasions": asked_again.occasions_of(this_campaign, this_judge),
    }
    return start_or_estimate(request, form, start, template="annotation/ask_again.html", context=context)
