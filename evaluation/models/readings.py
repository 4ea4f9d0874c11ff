"""What judges say when they are asked again: fresh answers about a frozen list of anchors. No ranking and no passport verdict reads them
as decisions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Dataset, Judge, Scenario
from evaluation.models.runs import Response


class Anchor(models.Model):
    """A scenario or a response that a judge is asked about on every occasion: drawn once, and never changed."""

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="anchors")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="anchors")
    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, null=True, blank=True, related_name="anchors")
    response = models.ForeignKey(Response, on_delete=models.CASCADE, null=True, blank=True, related_name="anchors")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scenario__isnull=False, response__isnull=True)
                | Q(scenario__isnull=True, response__isnull=False),
                name="anchor_is_a_scenario_or_a_response",
            ),
            models.UniqueConstraint(
                fields=["judge", "scenario"], condition=Q(scenario__isnull=False), name="scenario_anchors_a_judge_once"
            ),
            models.UniqueConstraint(
                fields=["judge", "response"], condition=Q(response__isnull=False), name="response_anchors_a_judge_once"
            ),
        ]

    def __str__(self) -> str:
        return f"anchor {self.pk} of {self.judge}"


class Occasion(models.Model):
    """A judge is asked about all its anchors of a dataset, `samples` times in the usual order of the actions and once in the other."""

    class About(models.TextChoices):
        SCENARIOS = "scenarios", "scenarios"
        RESPONSES = "responses", "responses"

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="occasions")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="occasions")
    about = models.CharField(max_length=10, choices=About)
    samples = models.PositiveSmallIntegerField(help_text="Answers to each question in the usual order.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(about__in=["scenarios", "responses"]), name="occasion_about_known"),
            models.CheckConstraint(condition=Q(samples__gte=1), name="occasion_has_a_sample"),
        ]

    def __str__(self) -> str:
        return f"{self.judge} asked again, {self.started_at:%Y-%m-%d}"


class Reading(models.Model):
    """What a judge said of an anchor on an occasion.

    `dimension` is empty where the anchor is a response; `outcome` is then a choice, else pass, fail or unparsable.
    """

    occasion = models.ForeignKey(Occasion, on_delete=models.CASCADE, related_name="readings")
    anchor = models.ForeignKey(Anchor, on_delete=models.CASCADE, related_name="readings")
    dimension = models.CharField(max_length=20, blank=True)
    turned = models.BooleanField(help_text="Asked with the actions in the other order than the judge usually sees.")
    order = models.CharField(
        max_length=16, blank=True, help_text="Which action was shown first; empty: both were, or one alone was shown."
    )
    sample = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=10)
    strength = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="1, wholly action 1, to 7, wholly action 2."
    )
    resolved = models.BooleanField(null=True, blank=True, help_text="Empty: it was not asked, or could not be read.")
    evidence = models.JSONField(default=dict)
    calls = models.ManyToManyField(Call, blank=True, related_name="readings")
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["occasion", "anchor", "dimension", "turned", "sample"], name="one_reading_of_a_sample"
            ),
            models.CheckConstraint(
                condition=Q(
                    outcome__in=["pass", "fail", "unparsable", "value_1", "value_2", "both", "neither", "none"]
                ),
                name="reading_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension or 'choice'} of anchor {self.anchor_id}: {self.outcome}"
