"""What the label screen asks for beside the item in hand: that it stays there, what comes next, what was submitted last."""

from __future__ import annotations

import uuid

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation.labelling import access, editing
from annotation.labelling import answers as labelling
from annotation.labelling.progress import standing_notice
from annotation.labelling.sheets import sheet_of
from annotation.views.labelling import place_of, seconds_of
from annotation.views.links import snippet_of
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request


@require_POST
def heartbeat(request: Request, study: str, campaign: str, token: uuid.UUID) -> HttpResponse:
    """The person is at work on the item, if only reading: its lease runs anew. Says how it stands with the item."""
    try:
        place = place_of(request, study, campaign)
        assignment = access.assignment_of(request.user, token, place=place)
        labelling.at_work(assignment, seconds=seconds_of(request))
    except ConflictScopeError as exc:
        return JsonResponse({"code": exc.code, "sentence": exc.sentence}, status=exc.http_status)
    return JsonResponse(
        {
            "lease_seconds": sheet_of(assignment).lease_seconds,
            "state": assignment.state,
            "notice": standing_notice(assignment),
        }
    )


@never_cache
@require_safe
def latest(request: Request, study: str, campaign: str) -> HttpResponse:
    """The person's latest submissions, each with the way to change it."""
    place = place_of(request, study, campaign)
    entries = [(entry, snippet_of(entry.assignment.item)) for entry in editing.latest(place)]
    return render(request, "annotation/latest.html", {"campaign": place.campaign, "entries": entries})
