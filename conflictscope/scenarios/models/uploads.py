"""Files that came in by a page and wait to be looked at before they are imported."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse

from conflictscope.jobs.models import Job
from conflictscope.scenarios.models.datasets import Dataset
from conflictscope.studies.models import Study, StudyScopedQuerySet


class ImportUpload(models.Model):
    """One file on its way into a dataset: laid down, looked at, imported. The file itself is under VAR, by the token.

    `look` is what a look at it found, and how it was read then. `job` is the one that looks, or imports. `dataset` and `report`
    are filled in by the import, which removes the file.
    """

    class What(models.TextChoices):
        SCENARIOS = "scenarios"
        EVALUATIONS = "evaluations"  # what targets answered: read by the room of evaluations

    what = models.CharField(max_length=12, choices=What, default=What.SCENARIOS)
    token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="import_uploads")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    file_name = models.CharField(max_length=255)
    size = models.BigIntegerField(help_text="Bytes.")
    options = models.JSONField(
        default=dict, help_text="Slug and name of the dataset, format, encoding, value set, mapping."
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    look = models.JSONField(null=True, blank=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    rows_read = models.PositiveIntegerField(default=0, help_text="By the job, so far.")
    report = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StudyScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        page = "scenarios:import_upload" if self.what == self.What.SCENARIOS else "evaluation:import_upload"
        return reverse(page, args=[self.study.slug, self.token])
