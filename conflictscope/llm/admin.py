"""Administrators add endpoints here and look at what was asked of them; calls are a record, so nobody edits them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conflictscope.errors import InvalidInput
from conflictscope.llm.endpoints import check_endpoint
from conflictscope.llm.models import Call, Endpoint

# What a call is made to: fixed once there are calls, or the log would name an LLM that never said it.
_IDENTITY = ("provider", "llm", "base_url")
_CHECKED = (*_IDENTITY, "key_name", "parameters")


class EndpointForm(forms.ModelForm):
    class Meta:
        model = Endpoint
        fields = [
            "name",
            "provider",
            "llm",
            "base_url",
            "key_name",
            "parameters",
            "price_in",
            "price_out",
            "max_concurrency",
            "requests_per_minute",
            "tokens_per_minute",
            "timeout_seconds",
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = {**self.cleaned_data, "parameters": self.cleaned_data.get("parameters") or {}}
        if not self.errors:
            checked = {field: cleaned.get(field, getattr(self.instance, field)) for field in _CHECKED}
            try:
                check_endpoint(Endpoint(**checked))
            except InvalidInput as exc:
                raise forms.ValidationError(exc.sentence) from exc
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin):
    form = EndpointForm
    list_display = ["name", "provider", "llm", "base_url", "key_name", "price_in", "price_out", "simulated"]
    list_filter = ["provider", "simulated"]
    search_fields = ["name", "llm"]

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> tuple[str, ...]:
        return ("simulated", *_IDENTITY) if obj is not None and obj.calls.exists() else ("simulated",)


@admin.register(Call)
class CallAdmin(admin.ModelAdmin):
    list_display = ["pk", "endpoint", "purpose", "prompt_name", "outcome", "cost", "attempts", "sent_at"]
    list_filter = ["outcome", "endpoint", "purpose", "simulated"]
    search_fields = ["request_id", "prompt_name"]
    list_select_related = ["endpoint"]
    show_full_result_count = False  # there are millions

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        return super().get_queryset(request).order_by("-pk")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Call | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Call | None = None) -> bool:
        return False
