"""How narrow a figure of a campaign is to become, and when it was."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.campaigns import Campaign
from evaluation.models import Run


class WidthRule(models.Model):
    """A campaign's wanted half-width, and what happens at it.

    It is reached once, at a number of scenarios in serving order; the figure there is the one to report, with this half-width.
    """

    class Figure(models.TextChoices):
        KAPPA = "kappa", "κ of the judge and the majority of people"
        RANKING = "ranking", "the widest interval of a corrected ranking"

    class Then(models.TextChoices):
        STOP = "stop", "pause the campaign"
        GO_ON = "go_on", "go on, and say so"

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="width_rule")
    figure = models.CharField(max_length=10, choices=Figure)
    subject = models.CharField(max_length=40, blank=True, help_text="Of κ: the dimension or question.")
    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Of a ranking: whose."
    )
    half_width = models.FloatField(help_text="Of κ, or of a strength in log-odds.")
    then = models.CharField(max_length=10, choices=Then, default=Then.STOP)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    reached_at = models.DateTimeField(null=True, blank=True, help_text="When it was noticed.")
    reached_scenarios = models.PositiveIntegerField(null=True, blank=True)
    reached_value = models.FloatField(null=True, blank=True, help_text="Of κ, at that number of scenarios.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(figure__in=["kappa", "ranking"]), name="width_rule_figure_known"),
            models.CheckConstraint(condition=Q(then__in=["stop", "go_on"]), name="width_rule_then_known"),
            models.CheckConstraint(condition=Q(half_width__gt=0), name="width_rule_above_0"),
            models.CheckConstraint(
                condition=Q(figure="kappa", run__isnull=True) & ~Q(subject="")
                | Q(figure="ranking", run__isnull=False, subject=""),
                name="width_rule_names_its_figure",
            ),
            models.CheckConstraint(
                condition=Q(reached_at__isnull=True, reached_scenarios__isnull=True)
                | Q(reached_at__isnull=False, reached_scenarios__isnull=False),
                name="width_rule_reached_at_a_number",
            ),
        ]

    def __str__(self) -> str:
        return f"± {self.half_width:g} of {self.subject or self.figure} in campaign {self.campaign_id}"
