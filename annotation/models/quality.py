"""What is known about people and items beside the labels: exclusions, who settles what, who looked, who replied."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.campaigns import Item, Participant
from annotation.models.labels import Flag


class ExclusionStep(models.Model):
    """Somebody was left out of a campaign, or taken back in. Its rows are the log."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="exclusion_steps")
    excluded = models.BooleanField()
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["participant", "pk"]

    def __str__(self) -> str:
        return f"participant {self.participant_id} {'left out' if self.excluded else 'taken back'}"


class AdjudicationTask(models.Model):
    """Who is asked to settle an item."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="adjudication")
    adjudicator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"item {self.item_id} for {self.adjudicator_id}"


class JudgeLook(models.Model):
    """An adjudicator has looked at what machines said of an item: what they settle from then on is not blind."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="looks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "user"], name="first_look_of_a_person_at_an_item")]

    def __str__(self) -> str:
        return f"{self.user_id} looked at the machines' word on item {self.item_id}"


class FlagReply(models.Model):
    """A word between the annotator who raised a flag and those who run the study. Neither learns what others answered."""

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="replies")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["flag", "pk"]

    def __str__(self) -> str:
        return f"reply {self.pk} to flag {self.flag_id}"
