"""What people probably say: Dawid-Skene beside the majority, everybody's confusion, and soft labels to take away."""

from __future__ import annotations

import json
from functools import partial

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotation.agreement.kept import Figures
from annotation.consensus.labels import counted
from annotation.consensus.latent import latent_of, latent_questions, soft_labels
from annotation.kinds import QUESTION, answer_label
from annotation.models import Campaign
from annotation.monitoring.progress import campaigns_of
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

SHOWN = 25


@require_safe
def consensus(request: Request, study: str, campaign: str) -> HttpResponse:
    this_campaign = _campaign(request, study, campaign)
    kept = Figures(this_campaign)
    labels = kept.of("labels", lambda: counted(this_campaign))
    questions = latent_questions(labels)
    chosen = request.GET.get("question", questions[0])
    if chosen not in questions:
        raise Http404("No such question.")
    latent = kept.of(f"latent {chosen}", partial(latent_of, labels, chosen))
    rows = [
        {
            "item": each.item,
            "votes": [(answer_label(chosen, answer), number) for answer, number in each.votes.items()],
            "majority": answer_label(chosen, each.majority) if each.majority else "a tie",
            "probable": answer_label(chosen, each.probable) if each.probable else "a tie",
            "probability": max(each.posterior.values()),
        }
        for each in latent.differing
    ]
    context = {
        "study": this_campaign.study,
        "section": "campaigns",
        "campaign": this_campaign,
        "questions": [(key, QUESTION[key].text) for key in questions],
        "chosen": chosen,
        "latent": latent,
        "categories": [answer_label(chosen, category) for category in latent.categories],
        "confusions": [
            (person, [(answer_label(chosen, name), cells) for name, cells in person.rows])
            for person in sorted(latent.people, key=lambda each: each.right)
        ],
        "page": Paginator(rows, SHOWN).get_page(request.GET.get("page")),
    }
    return render(request, "annotation/consensus.html", context)


@require_safe
def soft_label_file(request: Request, study: str, campaign: str) -> StreamingHttpResponse:
    """One line of JSON for each item and question."""
    this_campaign = _campaign(request, study, campaign, may=Action.EXPORT)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in soft_labels(counted(this_campaign)))
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="{this_campaign.slug}.soft-labels.jsonl"'
    return response


def _campaign(request: Request, study: str, slug: str, *, may: Action = Action.SEE) -> Campaign:
    return get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=slug)
