"""Who said which field of life a scenario is in. The newest tag is the one that the scenario itself carries."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from conflictscope.llm.models import Call, Endpoint
from conflictscope.scenarios.models.datasets import Scenario


class DomainTag(models.Model):
    """A scenario's domain as an LLM or a person set it; empty where a person took it away. Never changed, only followed."""

    class Source(models.TextChoices):
        LLM = "llm"
        HUMAN = "human"

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="domain_tags")
    domain = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=10, choices=Source)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    call = models.ForeignKey(Call, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["scenario", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(source="llm", endpoint__isnull=False, set_by__isnull=True) & ~Q(domain="")
                | Q(source="human", endpoint__isnull=True, call__isnull=True, set_by__isnull=False),
                name="domain_tag_has_one_author",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.domain or 'no domain'} ({self.endpoint or self.set_by})"
