"""Administrators add endpoints here and look at what was asked of them; calls are a record, so nobody edits them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conflictscope.admin import LookOnly
from conflictscope.llm.endpoints import IDENTITY, add_endpoint, change_endpoint, keeps_identity
from conflictscope.llm.forms import EndpointForm
from conflictscope.llm.models import Call, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin):
    form = EndpointForm
    list_display = ["name", "provider", "llm", "base_url", "key_name", "price_in", "price_out", "simulated"]
    list_filter = ["provider", "simulated"]
    search_fields = ["name", "llm"]

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """Through the same door as our own pages: what somebody else has changed meanwhile is not overwritten."""
        if change:
            change_endpoint(obj)
        else:
            add_endpoint(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> tuple[str, ...]:
        return ("simulated", *IDENTITY) if obj is not None and keeps_identity(obj) else ("simulated",)


@admin.register(Call)
class CallAdmin(LookOnly):
    list_display = ["pk", "endpoint", "purpose", "prompt_name", "outcome", "cost", "attempts", "sent_at"]
    list_filter = ["outcome", "endpoint", "purpose", "simulated"]
    search_fields = ["request_id", "prompt_name"]
    list_select_related = ["endpoint"]
    show_full_result_count = False  # there are millions

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        return super().get_queryset(request).order_by("-pk")
