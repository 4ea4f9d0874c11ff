"""Snapshots of what was made of a run's decisions."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.studies.models import Study, StudyScopedQuerySet
from evaluation.models.runs import Run


class Ranking(models.Model):
    """A snapshot of a fitted ranking: fitting the same inputs with the same parameters finds it again."""

    class Decider(models.TextChoices):
        PARSED = "parsed", "The answers themselves"
        JUDGE = "judge", "The judge alone"
        PEOPLE = "people", "People alone"
        CORRECTED = "corrected", "The judge, corrected by people"
        MIXED = "mixed", "People where they had decided, else the judge"  # of old: such a column holds for nothing

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="rankings")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="rankings")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="rankings")
    inputs_digest = models.CharField(max_length=64, help_text="SHA-256 of the decisions it was fitted to.")
    decider = models.CharField(max_length=10, choices=Decider, help_text="Whose decisions it was fitted to.")
    judge = models.ForeignKey(
        Judge,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rankings",
        help_text="Whose, where it is another judge than the run's own.",
    )
    method = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict)
    parameters_digest = models.CharField(max_length=64)
    results = models.JSONField(help_text="What the fit returned, as the statistics room shapes it.")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(
        default=timezone.now, help_text="When a fit last came to it: by then its inputs were what had been decided."
    )

    objects = StudyScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "method", "inputs_digest", "parameters_digest"], name="ranking_fitted_once"
            ),
            models.CheckConstraint(
                condition=Q(decider__in=["parsed", "judge", "people", "corrected", "mixed"]),
                name="ranking_decider_known",
            ),
        ]

    def __str__(self) -> str:
        return f"ranking {self.pk} of run {self.run_id}"

    def get_absolute_url(self) -> str:
        return reverse("evaluation:ranking_snapshot", args=[self.study.slug, self.pk])


class Comparison(models.Model):
    """A snapshot of how two runs on the same scenarios differ: second minus first."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="comparisons")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="comparisons")
    first = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="compared_as_first")
    second = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="compared_as_second")
    inputs_digest = models.CharField(max_length=64, help_text="SHA-256 of the decisions of both.")
    parameters = models.JSONField(default=dict)
    parameters_digest = models.CharField(max_length=64)
    results = models.JSONField(help_text="What the comparison returned, as the statistics room shapes it.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StudyScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second", "inputs_digest", "parameters_digest"], name="comparison_worked_out_once"
            ),
            models.CheckConstraint(condition=~Q(first=F("second")), name="comparison_of_two_runs"),
        ]

    def __str__(self) -> str:
        return f"run {self.second_id} against run {self.first_id}"

    def get_absolute_url(self) -> str:
        return reverse("evaluation:comparison_snapshot", args=[self.study.slug, self.pk])
