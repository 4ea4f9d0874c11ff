"""Targets are made here; steering prompts, runs and what came of them are only looked at."""

from __future__ import annotations

from django.contrib import admin

from conflictscope.admin import LookOnly, LookOnlyInline
from evaluation.models import Judgement, Ranking, Response, Run, Steering, Target


@admin.register(Target)
class TargetAdmin(admin.ModelAdmin):
    list_display = ["label", "endpoint", "parameters", "created_at"]
    list_select_related = ["endpoint"]
    search_fields = ["label", "endpoint__name"]


@admin.register(Steering)
class SteeringAdmin(LookOnly):
    list_display = ["name", "study", "target_ranking", "created_at"]
    list_select_related = ["study", "target_ranking"]
    search_fields = ["name"]


@admin.register(Run)
class RunAdmin(LookOnly):
    list_display = ["pk", "study", "dataset", "target", "mode", "scope", "seed", "created_at"]
    list_select_related = ["study", "dataset", "target"]
    list_filter = ["mode", "scope", "study"]


class JudgementInline(LookOnlyInline):
    model = Judgement
    fields = ("source", "judge", "panel", "choice", "order", "strength", "resolved", "reason")


@admin.register(Response)
class ResponseAdmin(LookOnly):
    list_display = ["pk", "run", "scenario", "order", "sample", "outcome", "refused"]
    list_select_related = ["run__target", "run__dataset", "scenario"]
    list_filter = ["outcome", "refused"]
    raw_id_fields = ["run", "scenario", "calls"]
    inlines = [JudgementInline]


@admin.register(Ranking)
class RankingAdmin(LookOnly):
    list_display = ["pk", "study", "dataset", "run", "method", "created_at"]
    list_select_related = ["study", "dataset", "run__target", "run__dataset"]
    list_filter = ["method", "study"]
