"""Imports: what came into a dataset at one time, so that it can be told, and taken back whole."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from conflictscope.scenarios.models.datasets import Dataset
from conflictscope.studies.models import StudyScopedQuerySet


class ImportQuerySet(StudyScopedQuerySet["Import"]):
    to_study = "dataset__study"

    def complete(self) -> Self:
        return self.filter(finished_at__isnull=False)


class Import(models.Model):
    """Files that were imported together. While it is not finished its worker says by `heartbeat` that it is alive.

    Its scenarios point at it (`Scenario.brought_by`); `completed` counts those that were there and to which it brought more.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="imports")
    files = models.JSONField(default=list, help_text="Of each its name, and once it is complete what it brought.")
    added = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            # Two at once would each see the other's scenarios come and go.
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(finished_at__isnull=True), name="one_import_at_a_time_into_a_dataset"
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(file.get("name", "") for file in self.files) or f"import {self.pk}"
