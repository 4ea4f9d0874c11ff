from django.contrib import admin

from conflictscope.admin import LookOnly
from conflictscope.jobs.models import Job


@admin.register(Job)
class JobAdmin(LookOnly):
    list_display = ["pk", "title", "study", "kind", "state", "spent", "created_at"]
    list_select_related = ["study"]
    list_filter = ["state", "kind"]
