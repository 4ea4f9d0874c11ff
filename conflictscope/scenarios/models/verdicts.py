"""Judges and verdicts: what a machine or a panel of people says of a scenario, dimension by dimension."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from conflictscope.llm.models import Call, Endpoint


class Dimension(models.TextChoices):
    """The six filter questions. The positive answer is always *pass*."""

    REALISM = "realism", "Realism"
    SPECIFICITY = "specificity", "Specificity"
    FEASIBILITY = "feasibility", "Feasibility"
    IMPOSSIBILITY = "impossibility", "Impossibility"
    VALUE_GUIDANCE = "value_guidance", "Value guidance"
    GENUINE_DILEMMA = "genuine_dilemma", "Genuine dilemma"


class Judge(models.Model):
    """A configured LLM judge: an endpoint, the versions of the prompts it is asked with, and the parameters.

    An imported judge has no endpoint: its verdicts came with a file, and nobody can ask it.
    """

    name = models.SlugField(unique=True)
    endpoint = models.ForeignKey(
        Endpoint,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="judges",
        help_text="Empty: an imported judge.",
    )
    simulated_elsewhere = models.BooleanField(
        default=False, help_text="An imported judge that was a simulator where its verdicts were made."
    )
    prompt_versions = models.JSONField(
        default=dict,
        blank=True,
        help_text="Prompt name to version number; a prompt not named is asked in its newest version.",
    )
    parameters = models.JSONField(default=dict, blank=True, help_text="Sampling parameters, over the endpoint's own.")
    wordings = models.JSONField(
        default=dict, blank=True, help_text="Prompt name to a text of its own, asked in the place of the shipped file."
    )
    revises = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="revisions",
        help_text="The judge whose prompts this one was made from.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(endpoint__isnull=True) | Q(simulated_elsewhere=False),
                name="only_imported_judges_are_elsewhere",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def simulated(self) -> bool:
        """Whether a simulator answers, or answered, for it."""
        return self.endpoint.simulated if self.endpoint else self.simulated_elsewhere


class Verdict(models.Model):
    """The answer to one dimension of one scenario, by one judge or by one panel of people."""

    class Outcome(models.TextChoices):
        PASS = "pass"  # noqa: S105 - an answer, no password
        FAIL = "fail"
        UNPARSABLE = "unparsable"

    class Source(models.TextChoices):
        JUDGE = "judge"
        HUMAN = "human"

    scenario = models.ForeignKey("Scenario", on_delete=models.CASCADE, related_name="verdicts")
    dimension = models.CharField(max_length=20, choices=Dimension)
    outcome = models.CharField(max_length=10, choices=Outcome)
    source = models.CharField(max_length=10, choices=Source)
    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, null=True, blank=True, related_name="verdicts")
    panel = models.CharField(max_length=100, blank=True, help_text="The name of the campaign whose people decided.")
    evidence = models.JSONField(default=dict, help_text="The answers behind the outcome and the reasons given.")
    calls = models.ManyToManyField(Call, blank=True, related_name="verdicts")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scenario", "dimension", "judge"],
                condition=Q(judge__isnull=False),
                name="one_verdict_per_scenario_dimension_and_judge",
            ),
            models.UniqueConstraint(
                fields=["scenario", "dimension", "panel"],
                condition=~Q(panel=""),
                name="one_verdict_per_scenario_dimension_and_panel",
            ),
            models.CheckConstraint(
                condition=Q(source="judge", judge__isnull=False, panel="")
                | (Q(source="human", judge__isnull=True) & ~Q(panel="")),
                name="verdict_has_one_decider",
            ),
            models.CheckConstraint(condition=Q(dimension__in=Dimension.values), name="verdict_dimension_known"),
            models.CheckConstraint(
                condition=Q(outcome__in=["pass", "fail", "unparsable"]), name="verdict_outcome_known"
            ),
        ]
        indexes = [  # lists of scenarios: what people decided, which is little, without reading what judges did
            models.Index("source", "scenario", "dimension", name="verdict_by_source"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} of {self.scenario_id}: {self.outcome} ({self.judge or self.panel})"
