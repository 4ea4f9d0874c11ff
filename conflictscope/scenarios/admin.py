"""Judges are looked after here; datasets and scenarios are only looked at: the pipeline makes them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from conflictscope.admin import LookOnly, LookOnlyInline
from conflictscope.scenarios.models import (
    Dataset,
    Judge,
    PairYield,
    Scenario,
    StudyPrompt,
    Trial,
    TrialScenario,
    Verdict,
)


class VerdictInline(LookOnlyInline):
    model = Verdict
    fields = ["dimension", "outcome", "source", "judge", "panel", "evidence", "created_at"]


@admin.register(Judge)
class JudgeAdmin(admin.ModelAdmin):
    """A judge that has given verdicts keeps its endpoint, prompts and parameters: they are what its name stands for."""

    list_display = ["name", "endpoint", "prompt_versions", "parameters", "created_at"]
    list_select_related = ["endpoint"]
    search_fields = ["name", "endpoint__name"]
    exclude = ["simulated_elsewhere"]  # only an import knows

    def get_readonly_fields(self, request: HttpRequest, obj: Judge | None = None) -> tuple[str, ...]:
        return ("endpoint", "prompt_versions", "parameters") if obj is not None and obj.verdicts.exists() else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A judge made by hand is asked: only an imported one has no endpoint."""
        return super().formfield_for_foreignkey(db_field, request, **kwargs | {"required": True})


class PairYieldInline(LookOnlyInline):
    model = PairYield
    fields = ["value_1", "value_2", "wanted", "usable", "duplicates", "asked", "ended", "reason"]


@admin.register(StudyPrompt)
class StudyPromptAdmin(LookOnly):
    list_display = ["name", "version", "study", "note", "created_by", "created_at"]
    list_select_related = ["study", "created_by"]
    list_filter = ["study", "name"]


class TrialScenarioInline(LookOnlyInline):
    model = TrialScenario
    fields = ["first", "second", "number", "description", "action_1", "action_2"]


@admin.register(Trial)
class TrialAdmin(LookOnly):
    list_display = ["version", "edition", "study", "generator", "started_by", "created_at"]
    list_select_related = ["version__value_set", "study", "generator", "started_by"]
    inlines = [TrialScenarioInline]


@admin.register(Dataset)
class DatasetAdmin(LookOnly):
    inlines = [PairYieldInline]
    list_display = ["name", "study", "value_set_version", "variant", "generator", "primary_judge", "created_at"]
    list_select_related = ["study", "value_set_version__value_set", "generator", "primary_judge"]
    list_filter = ["variant", "study"]
    search_fields = ["name", "slug"]


@admin.register(Scenario)
class ScenarioAdmin(LookOnly):
    list_display = ["uid", "dataset", "status", "template", "value_1", "value_2"]
    list_select_related = ["dataset", "value_1", "value_2"]
    list_filter = ["status", "template", "dataset"]
    search_fields = ["uid"]
    raw_id_fields = ["calls", "duplicate_of", "nearest"]
    show_full_result_count = False
    inlines = [VerdictInline]
