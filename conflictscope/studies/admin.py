from django.contrib import admin
from django.http import HttpRequest

from conflictscope.studies.models import Membership, Study, StudyEndpoint


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


class StudyEndpointInline(admin.TabularInline):
    model = StudyEndpoint
    extra = 0
    fields = ["endpoint"]
    autocomplete_fields = ["endpoint"]


@admin.register(Study)
class StudyAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "created_by", "created_at"]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["created_by"]
    inlines = [MembershipInline, StudyEndpointInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A study is founded by page or command, which give it its owner."""
        return False
