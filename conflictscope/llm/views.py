"""The pages of endpoints, for those who have Django's own permissions on them: to everybody else they do not exist."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.llm import browsing, trial
from conflictscope.llm.endpoints import EndpointChanged, add_endpoint, change_endpoint, is_key_name
from conflictscope.llm.forms import EndpointPageForm, TrialForm
from conflictscope.llm.models import Call, Endpoint

logger = logging.getLogger(__name__)

PAGE_SIZE = 30
VIEW, ADD, CHANGE = "llm.view_endpoint", "llm.add_endpoint", "llm.change_endpoint"

_P = ParamSpec("_P")
_View = Callable[Concatenate[Request, _P], HttpResponse]


def needs(permission: str) -> Callable[[_View[_P]], _View[_P]]:
    """404 for everybody without the permission, as for everything that is not a person's to see. To be of the staff is none."""

    def guard(view: _View[_P]) -> _View[_P]:
        @wraps(view)
        def guarded(request: Request, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise Http404("Endpoints are for those who may see or change them.")
            return view(request, *args, **kwargs)

        return cast("_View[_P]", guarded)  # `wraps` hides which types it keeps

    return guard


@require_safe
@needs(VIEW)
def endpoints(request: Request) -> HttpResponse:
    page = Paginator(Endpoint.objects.all(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "llm/endpoints.html", {"page": page, "rows": browsing.endpoint_rows(list(page))})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(ADD)
def create_endpoint(request: Request) -> HttpResponse:
    form = EndpointPageForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _stored(form, add_endpoint):
        logger.info("Endpoint %s added by user %s", form.instance.pk, request.user.pk)
        messages.success(request, f"Endpoint {form.instance} is added. Send it one call to see that it answers.")
        return redirect("llm:endpoint", form.instance.pk)
    return render(request, "llm/edit_endpoint.html", _form_context(form), status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(CHANGE)
def edit_endpoint(request: Request, endpoint: int) -> HttpResponse:
    this_endpoint = get_object_or_404(Endpoint, pk=endpoint)
    name = this_endpoint.name  # a form writes what was typed into its instance, also what cannot be
    form = EndpointPageForm(request.POST if request.method == "POST" else None, instance=this_endpoint)
    if form.is_valid() and _stored(form, change_endpoint):
        logger.info("Endpoint %s changed by user %s", this_endpoint.pk, request.user.pk)
        messages.success(request, f"Endpoint {this_endpoint} is changed.")
        return redirect("llm:endpoint", this_endpoint.pk)
    context = {**_form_context(form), "endpoint": this_endpoint, "name": name}
    return render(request, "llm/edit_endpoint.html", context, status=400 if form.errors else 200)


def _stored(form: EndpointPageForm, store: Callable[[Endpoint], object]) -> bool:
    """Whether what the form holds was stored; if not, the form says why."""
    try:
        store(form.save(commit=False))
    except ConflictScopeError as exc:
        form.add_error(None, exc.sentence)
        if isinstance(exc, EndpointChanged):
            form.show_edition(exc.edition)
        return False
    return True


def _form_context(form: EndpointPageForm) -> dict[str, object]:
    """Names of variables that are set are offered; what they hold is nobody's to see."""
    return {"form": form, "key_names": sorted({*settings.LLM_KEY_NAMES, *filter(is_key_name, os.environ)})}


@require_safe
@needs(VIEW)
def endpoint(request: Request, endpoint: int) -> HttpResponse:
    this_endpoint = get_object_or_404(Endpoint, pk=endpoint)
    shown = request.GET.get("call", "")
    if shown and not (shown.isdecimal() and len(shown) < 19):
        raise Http404("No such call.")
    call = get_object_or_404(this_endpoint.calls, pk=int(shown)) if shown else None
    # After a trial its question stands in the form again, to be changed a little.
    again = {"prompt": trial.prompt_of(call)} if call is not None and call.purpose == trial.PURPOSE else None
    return _endpoint_page(request, this_endpoint, TrialForm(initial=again), call=call)


@require_POST
@needs(CHANGE)
def try_endpoint(request: Request, endpoint: int) -> HttpResponse:
    this_endpoint = get_object_or_404(Endpoint, pk=endpoint)
    form = TrialForm(request.POST)
    if form.is_valid():
        try:
            call = trial.try_endpoint(this_endpoint, form.cleaned_data["prompt"])
        except ConflictScopeError as exc:  # nothing was sent, and nothing recorded
            form.add_error(None, exc.sentence)
        else:
            return redirect(f"{reverse('llm:endpoint', args=[this_endpoint.pk])}?call={call.pk}#call")
    return _endpoint_page(request, this_endpoint, form, status=400)


def _endpoint_page(
    request: Request, endpoint: Endpoint, form: TrialForm, *, call: Call | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "endpoint": endpoint,
        "view": browsing.endpoint_view(endpoint),
        "form": form,
        "call": call,
    }
    return render(request, "llm/endpoint.html", context, status=status)
