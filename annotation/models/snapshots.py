"""Agreement as it stood on a day, to cite and to check."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from annotation.models.campaigns import Campaign


class AgreementSnapshot(models.Model):
    """The tables of a campaign's agreement, kept as they were; the same labels and verdicts find the same snapshot again."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="snapshots")
    inputs_digest = models.CharField(max_length=64, help_text="SHA-256 of the labels and of what the judges say.")
    code = models.CharField(max_length=60, help_text="The arithmetic that it was made by.")
    results = models.JSONField(help_text="Tables, the methods paragraph, and who had opened the sealed test by then.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["campaign", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "inputs_digest", "code"], name="agreement_kept_once")
        ]

    def __str__(self) -> str:
        return f"agreement in {self.campaign}, {self.created_at:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        study = self.campaign.study.slug
        return reverse("annotation:agreement_snapshot", args=[study, self.campaign.slug, self.pk])
