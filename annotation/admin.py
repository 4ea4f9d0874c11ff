"""Campaigns, who got what and what they said: looked at here, changed by the pages and commands only.

Only administrators come here, and they see machine verdicts too: an administrator does not label.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest

from annotation.models import Annotation, Assignment, Campaign, Decision, Flag, Guideline, Item, Participant, Revision
from annotation.quality.excluding import exclude, include
from conflictscope.admin import LookOnly, LookOnlyInline


class GuidelineInline(LookOnlyInline):
    model = Guideline
    fields = ("version", "markdown", "created_at")


class AnnotationInline(LookOnlyInline):
    model = Annotation
    fields = ("question", "answer", "comment", "updated_at")


class RevisionInline(LookOnlyInline):
    model = Revision
    fields = ("number", "answers", "replaced_at")


class FlagInline(LookOnlyInline):
    model = Flag
    fields = ("reason", "created_at")


@admin.register(Campaign)
class CampaignAdmin(LookOnly):
    list_display = ["name", "study", "dataset", "kind", "state", "overlap", "created_at"]
    list_select_related = ["study", "dataset"]
    list_filter = ["state", "kind", "study"]
    search_fields = ["name", "slug"]
    inlines = [GuidelineInline]


@admin.register(Participant)
class ParticipantAdmin(admin.ModelAdmin):
    """The one thing to change by hand: leaving somebody's answers out, with a reason; others are asked in their place."""

    list_display = ["pseudonym", "campaign", "simulated", "excluded", "excluded_reason", "consented_at"]
    list_select_related = ["campaign"]
    list_filter = ["excluded", "simulated", "campaign"]
    search_fields = ["pseudonym"]
    fields = ["campaign", "pseudonym", "simulated", "consented_at", "quota", "excluded", "excluded_reason"]
    readonly_fields = ["campaign", "pseudonym", "simulated", "consented_at"]

    def save_model(self, request: HttpRequest, obj: Participant, form: ModelForm[Participant], change: bool) -> None:
        reason = obj.excluded_reason
        obj.save(update_fields=["quota"])
        # Not within this transaction: one for all their items would hold other people up, or worse.
        if obj.excluded:
            transaction.on_commit(lambda: exclude(obj, reason=reason, by=request.user))  # type: ignore[arg-type]
        elif "excluded" in form.changed_data:
            transaction.on_commit(lambda: include(obj, by=request.user))  # type: ignore[arg-type]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Item)
class ItemAdmin(LookOnly):
    list_display = ["pk", "campaign", "scenario", "stratum", "open_slots", "inclusion_probability"]
    list_select_related = ["campaign", "scenario"]
    list_filter = ["campaign"]
    search_fields = ["scenario__uid"]
    raw_id_fields = ["scenario", "response"]


@admin.register(Assignment)
class AssignmentAdmin(LookOnly):
    list_display = ["pk", "item", "participant", "state", "surplus", "active_seconds", "leased_at", "submitted_at"]
    list_select_related = ["item", "participant"]
    list_filter = ["state", "surplus", "item__campaign"]
    raw_id_fields = ["item", "participant", "guideline"]
    inlines = [AnnotationInline, RevisionInline, FlagInline]


@admin.register(Decision)
class DecisionAdmin(LookOnly):
    list_display = ["pk", "item", "question", "answer", "method", "decided_by", "created_at"]
    list_select_related = ["item", "decided_by"]
    list_filter = ["method", "question", "item__campaign"]
    raw_id_fields = ["item", "verdict", "judgement"]
