"""A person's own work over all campaigns: what waits for them, what is in their hands, and what they have submitted."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation.labelling import access, discussing, editing, routing
from annotation.labelling.progress import queue_of, session_of
from annotation.labelling.qualifying import own_known
from annotation.labelling.sheets import sheet_of
from annotation.quality.rules import told_when_closed
from annotation.views.labelling import place_of
from annotation.views.links import snippet_of
from conflictscope.http import Request

SHOWN = 20


@never_cache
@require_safe
def my_work(request: Request) -> HttpResponse:
    entries = queue_of(request.user)
    page = Paginator(access.submissions_of(request.user), SHOWN).get_page(request.GET.get("page"))
    editable = editing.editable_of({assignment.participant for assignment in page})
    context = {
        "entries": entries,
        "in_hand": access.in_hand(request.user),
        "page": page,
        "session": session_of(request.user),
        "told_when_closed": told_when_closed(request.user),
        "told": [(entry.campaign, told) for entry in entries if (told := own_known(request.user, entry.campaign))],
        "threads": discussing.threads_of(request.user),
        "history": [
            (assignment, snippet_of(assignment.item), sheet_of(assignment).questions, assignment.pk in editable)
            for assignment in page.object_list
        ],
    }
    return render(request, "annotation/my_work.html", context)


@require_POST
def reply_to_researchers(request: Request, flag: int) -> HttpResponse:
    """A further word on a flag of the person's own."""
    discussing.reply(discussing.own_flag(request.user, flag), request.POST.get("text", ""), by=request.user)
    messages.success(request, "Sent to those who run the study.")
    return redirect("annotation:my_work")


@require_POST
def hand_back(request: Request, study: str, campaign: str) -> HttpResponse:
    """The person pauses: somebody else may have the item in their hands. What they answered is kept."""
    if routing.hand_back(place_of(request, study, campaign)):
        messages.success(
            request, "The item is handed back. What you answered is kept, and it comes back to you if it is still free."
        )
    return redirect("annotation:my_work")
