"""Who looks after a value set, and target rankings; what a set says is only looked at."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from conflictscope.admin import LookOnly, LookOnlyInline
from conflictscope.values.models import (
    SetMembership,
    TargetRanking,
    TargetRankingPosition,
    Value,
    ValueSet,
    ValueSetVersion,
)


class ValueInline(LookOnlyInline):
    model = Value
    fields = ["position", "key", "name", "definition", "group", "tier"]


class SetMembershipInline(admin.TabularInline):
    model = SetMembership
    extra = 0
    fields = ["user", "role"]
    autocomplete_fields = ["user"]


@admin.register(ValueSet)
class ValueSetAdmin(admin.ModelAdmin):
    """Name and members may change; what a set says stands in its versions."""

    list_display = ["name", "slug", "public", "created_at"]
    search_fields = ["name", "slug"]
    fields = ["name", "slug", "public"]
    readonly_fields = ["slug"]
    inlines = [SetMembershipInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ValueSetVersion)
class ValueSetVersionAdmin(LookOnly):
    list_display = ["__str__", "status", "pairing", "licence", "created_at"]
    list_select_related = ["value_set"]
    list_filter = ["status"]
    inlines = [ValueInline]


class TargetRankingPositionInline(admin.TabularInline):
    model = TargetRankingPosition
    extra = 0


@admin.register(TargetRanking)
class TargetRankingAdmin(admin.ModelAdmin):
    list_display = ["name", "version", "origin", "created_at"]
    list_select_related = ["version__value_set"]
    inlines = [TargetRankingPositionInline]
