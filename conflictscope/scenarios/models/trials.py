"""What a generator makes of a value set before anything is studied with it. In no dataset, so in no count, export or ranking."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from conflictscope.llm.models import Call, Endpoint
from conflictscope.studies.models import Study
from conflictscope.values.models import ValueSetVersion


class Trial(models.Model):
    """A version's values as they read when somebody tried them, and the generator of a study that was asked."""

    version = models.ForeignKey(ValueSetVersion, on_delete=models.CASCADE, related_name="trials")
    edition = models.PositiveIntegerField(help_text="Of the version, when its values were tried.")
    values = models.JSONField(help_text="Key, name and definition of each value, in their order.")
    pairs = models.JSONField(help_text="Keys of the two values of each pair.")
    repeat = models.PositiveIntegerField(
        default=0, help_text="How often the same words were tried before by this generator: others come back each time."
    )
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+", help_text="Whose generator it is.")
    generator = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Trial of {self.version} by {self.generator}"

    @property
    def simulated(self) -> bool:
        """Whether a simulator wrote its scenarios."""
        return self.generator.simulated


class TrialScenario(models.Model):
    """A scenario of a trial. Its values are told by key: those of a draft come and go."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="scenarios")
    first = models.SlugField(help_text="Key of the value that action 1 serves.")
    second = models.SlugField(help_text="Key of the value that action 2 serves.")
    number = models.PositiveSmallIntegerField()
    description = models.TextField()
    persona = models.TextField()
    background = models.TextField()
    goal = models.TextField()
    action_1 = models.TextField()
    action_2 = models.TextField()
    consequence_1 = models.TextField()
    consequence_2 = models.TextField()
    call = models.ForeignKey(Call, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["trial", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "first", "second", "number"], name="trial_scenario_once_in_its_trial"
            )
        ]

    def __str__(self) -> str:
        return f"{self.first} – {self.second}, {self.number}"
