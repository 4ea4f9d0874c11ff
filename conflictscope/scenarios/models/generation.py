"""What generation leaves behind besides scenarios: what each value pair yielded, and the prompts of a study's own."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from conflictscope.scenarios.models.datasets import Dataset
from conflictscope.studies.models import Study
from conflictscope.values.models import Value


class PairYield(models.Model):
    """What was asked for a value pair of a generated dataset, what came of it, and why no more is asked for."""

    class Ended(models.TextChoices):
        """`OPEN` while more may be asked for."""

        OPEN = "open", "Going on"
        REACHED = "reached", "Number reached"
        FLOOR = "floor", "Yield below the floor"
        FAILED = "failed", "Calls failed"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="pair_yields")
    value_1 = models.ForeignKey(Value, on_delete=models.PROTECT, related_name="+")
    value_2 = models.ForeignKey(Value, on_delete=models.PROTECT, related_name="+")
    wanted = models.PositiveIntegerField()
    asked = models.PositiveIntegerField(help_text="Outlines asked for, in all batches.")
    usable = models.PositiveIntegerField(help_text="Scenarios that are no duplicates.")
    duplicates = models.PositiveIntegerField()
    recent_asked = models.PositiveIntegerField(help_text="Of `asked`, those that the latest yield was counted over.")
    recent_usable = models.PositiveIntegerField()
    ended = models.CharField(max_length=10, choices=Ended)
    reason = models.TextField(blank=True, help_text="Why no more is asked for, in a sentence.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["dataset", "value_1__position", "value_2__position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "value_1", "value_2"], name="one_yield_per_dataset_and_pair"),
            models.CheckConstraint(
                condition=Q(ended__in=["open", "reached", "floor", "failed"]), name="pair_yield_ended_known"
            ),
            models.CheckConstraint(
                condition=Q(recent_usable__lte=models.F("recent_asked"), recent_asked__lte=models.F("asked")),
                name="recent_yield_is_part_of_the_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pair}: {self.usable} of {self.wanted}"

    @property
    def pair(self) -> str:
        return f"{self.value_1.name} – {self.value_2.name}"

    @property
    def short(self) -> bool:
        return self.usable < self.wanted


class StudyPrompt(models.Model):
    """A study's own wording of a shipped prompt. It never changes: another wording is another version."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="prompts")
    name = models.CharField(max_length=60, help_text="Of the shipped prompt that it stands in for.")
    version = models.PositiveSmallIntegerField()
    text = models.TextField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text.")
    note = models.CharField(max_length=200, blank=True, help_text="What is different in it.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study", "name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["study", "name", "version"], name="study_prompt_version_unique"),
            models.CheckConstraint(condition=Q(version__gte=1), name="study_prompt_versions_start_at_1"),
            models.CheckConstraint(condition=~Q(text=""), name="study_prompt_has_a_text"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version} of {self.study.slug}"
