"""How fast a campaign is labelled, and how long it will take at that pace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from annotation.models import Assignment, Campaign

WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class LabellingPace:
    """The last seven days.

    Attributes:
        last_hour: labels of the last sixty minutes.
        working_hours: clock hours in which anybody submitted; labels: in these hours.
        left: labels that are still wanted.
    """

    last_hour: int
    labels: int
    working_hours: int
    left: int

    @property
    def per_hour(self) -> float | None:
        """Labels in a working hour; None while there is none."""
        return self.labels / self.working_hours if self.working_hours else None

    @property
    def hours_left(self) -> float | None:
        """Working hours until all labels are there, at the pace so far; None without a pace."""
        return self.left / self.per_hour if self.per_hour else None


def pace_of(campaign: Campaign, *, left: int, now: datetime | None = None) -> LabellingPace:
    """Counted in two queries. Hours in which nobody labelled count for nothing: people sleep, and come back."""
    now = now or timezone.now()
    recent = Assignment.objects.counted().filter(item__campaign=campaign, submitted_at__gt=now - WINDOW).order_by()
    hours = [
        number
        for _, number in recent.annotate(hour=TruncHour("submitted_at")).values_list("hour").annotate(Count("pk"))
    ]
    return LabellingPace(
        last_hour=recent.filter(submitted_at__gt=now - timedelta(hours=1)).count(),
        labels=sum(hours),
        working_hours=len(hours),
        left=max(left, 0),
    )
