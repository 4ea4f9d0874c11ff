"""How far jobs are, worked out for many at once: what their pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum
from django.utils import timezone

from conflictscope.jobs.engine import JobCounts
from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.llm.models import Call

# The speed of a job is what it did lately: one that was paused over night is not slow.
LATELY = timedelta(seconds=60)
_ENDED = (WorkItem.State.DONE, WorkItem.State.FAILED)


@dataclass(frozen=True, slots=True)
class Progress:
    """A job and how far it is. Later stages may still add items, so that the total of a running job can grow."""

    job: Job
    counts: JobCounts
    lately: int  # items that ended within the last minute

    @property
    def live(self) -> bool:
        return self.job.state in Job.LIVE

    @property
    def running(self) -> bool:
        return self.job.state == Job.State.RUNNING

    @property
    def seconds_left(self) -> float | None:
        """At the speed of the last minute; None when nothing ended in it, or the job does not run."""
        if not self.running or not self.lately:
            return None
        elapsed = min(LATELY, timezone.now() - self.job.created_at).total_seconds()
        return (self.counts.total - self.counts.ended) * elapsed / self.lately

    @property
    def seconds_taken(self) -> float | None:
        ended = self.job.finished_at
        return (ended - self.job.created_at).total_seconds() if ended else None


@dataclass(frozen=True, slots=True)
class Usage:
    """The calls that a job's items asked for."""

    calls: int = 0
    from_log: int = 0  # answered by the call log, not paid for again
    unknown: int = 0  # sent, and never seen to come back: they may have been billed
    unpriced: int = 0  # answered by an endpoint that has no price
    simulated: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


def progress_of(jobs: Sequence[Job]) -> list[Progress]:
    """The progress of each job, in their order, in one query."""
    ended = Q(state__in=_ENDED, updated_at__gte=timezone.now() - LATELY)
    waiting = Q(state=WorkItem.State.OPEN, not_before__gt=timezone.now())
    rows = (
        WorkItem.objects.filter(job__in=jobs)
        .order_by()
        .values_list("job", "state")
        .annotate(items=Count("pk"), waiting=Count("pk", filter=waiting), lately=Count("pk", filter=ended))
    )
    states: dict[int, dict[str, int]] = {job.pk: {"waiting": 0} for job in jobs}
    lately = dict.fromkeys(states, 0)
    for job_id, state, number, number_waiting, number_ended in rows:
        states[job_id][state] = number
        states[job_id]["waiting"] += number_waiting
        lately[job_id] += number_ended
    return [Progress(job=job, counts=JobCounts(**states[job.pk]), lately=lately[job.pk]) for job in jobs]


def usage_of(job: Job) -> Usage:
    """What the job asked of language models, and how much of it came from the log."""
    paid = Q(from_cache=False)
    said = CallUse.objects.filter(item__job=job).aggregate(
        calls=Count("pk"),
        from_log=Count("pk", filter=Q(from_cache=True)),
        unknown=Count("pk", filter=paid & Q(call__outcome=Call.Outcome.SENT)),
        unpriced=Count("pk", filter=paid & Q(call__cost__isnull=True) & ~Q(call__outcome=Call.Outcome.SENT)),
        simulated=Count("pk", filter=Q(call__simulated=True)),
        tokens_in=Sum("call__tokens_in", filter=paid, default=0),
        tokens_out=Sum("call__tokens_out", filter=paid, default=0),
    )
    return Usage(**said)


def budget_left(job: Job) -> Decimal | None:
    """US dollars that the job may still spend, or None without a budget."""
    return None if job.budget is None else max(job.budget - job.spent, Decimal(0))
