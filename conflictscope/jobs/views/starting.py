"""What the pages that start a job have in common: a form that starts it, or says before what it would cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.jobs.estimating import estimate
from conflictscope.jobs.models import Job

Started = Job | Sequence[Job]


def to_its_page(started: Started) -> HttpResponse:
    job = started if isinstance(started, Job) else started[0]
    return redirect(job)


def start_or_estimate(
    request: Request,
    form: forms.Form,
    start: Callable[[], Started],
    *,
    template: str,
    context: Mapping[str, Any],
    then: Callable[[Started], HttpResponse] = to_its_page,
) -> HttpResponse:
    """The answer to a form's page: shown, sent to start, or sent by its Estimate button, which starts nothing.

    Args:
        start: what a valid form starts; an error of ours that it raises is shown above the form.
        template: the page; it includes `jobs/_start.html` where its buttons are.
        then: where to go once it is started.
    """
    estimated = None
    if form.is_valid():
        try:
            if "estimate" not in request.POST:
                return then(start())
            estimated = estimate(start)
        except ConflictScopeError as exc:
            form.add_error(None, exc.sentence)
    shown = {**context, "form": form, "estimate": estimated}
    if request.htmx:
        return render(request, "jobs/_estimate.html", shown)
    return render(request, template, shown, status=400 if form.errors else 200)
