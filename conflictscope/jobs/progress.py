"""How far jobs are, worked out for many at once: what their pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Min, Q, Sum
from django.utils import timezone

from conflictscope.jobs.models import CallUse, Job, WorkItem
from conflictscope.jobs.registry import phase_of
from conflictscope.jobs.workers import is_attended
from conflictscope.llm.models import Call

# The speed of a job is what it did lately: one that was paused over night is not slow.
LATELY = timedelta(seconds=60)
_ENDED = (WorkItem.State.DONE, WorkItem.State.FAILED)


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How many items of a job are in each state."""

    open: int = 0
    leased: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    waiting: int = 0  # of the open ones, those that wait after an error that may pass

    @property
    def total(self) -> int:
        return self.open + self.leased + self.done + self.failed + self.cancelled

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.cancelled


def counts(job: Job) -> JobCounts:
    rows = job.items.values_list("state").annotate(Count("pk")).order_by("state")
    waiting = job.items.filter(state=WorkItem.State.OPEN, not_before__gt=timezone.now()).count()
    return JobCounts(**dict(rows), waiting=waiting)


def errors(job: Job, *, limit: int = 10) -> list[tuple[str, int]]:
    """The errors of failed items, most frequent first, each with its number of items."""
    failed = job.items.filter(state=WorkItem.State.FAILED)
    return list(failed.values_list("error").annotate(n=Count("pk")).order_by("-n", "error")[:limit])


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job and how far it is. Later stages may still add items, so that the total of a running job can grow."""

    job: Job
    counts: JobCounts
    lately: int  # items that ended within the last minute
    retried: int = 0  # items that were tried more than once
    phase: str = ""  # what a running job is at, in words

    @property
    def live(self) -> bool:
        return self.job.state in Job.LIVE

    @property
    def running(self) -> bool:
        return self.job.state == Job.State.RUNNING

    @property
    def seconds_left(self) -> float | None:
        """For what is planned, at the speed of the last minute; None when nothing ended in it, nothing planned is left (a next stage may
        be planned at this moment), or the job does not run."""
        left = self.counts.total - self.counts.ended
        if not self.running or not self.lately or not left:
            return None
        return max(1.0, left * self._elapsed / self.lately)

    def a_minute(self, number: int) -> float:
        """Of what happened `number` times lately."""
        return number * 60 / self._elapsed

    @property
    def _elapsed(self) -> float:
        """Seconds that count as lately: of a job that has just begun, those since then."""
        return max(1.0, min(LATELY, timezone.now() - self.job.created_at).total_seconds())

    @property
    def seconds_taken(self) -> float | None:
        ended = self.job.finished_at
        return (ended - self.job.created_at).total_seconds() if ended else None


@dataclass(frozen=True, slots=True)
class StepUsage:
    """The calls that a job's items asked for, for one purpose and of one endpoint."""

    purpose: str
    endpoint: str
    calls: int
    from_log: int  # answered by the call log, not paid for again
    unpriced: int  # a reply of unknown cost: no price, or no count of tokens
    simulated: int
    tokens_in: int
    tokens_out: int
    spent: Decimal


@dataclass(frozen=True, slots=True)
class JobUsage:
    """The calls that a job's items asked for: the steps in the order of their names, and their sums."""

    steps: Sequence[StepUsage]
    unknown: int  # sent, and their worker died: they may have been billed

    @property
    def calls(self) -> int:
        return sum(step.calls for step in self.steps)

    @property
    def from_log(self) -> int:
        return sum(step.from_log for step in self.steps)

    @property
    def unpriced(self) -> int:
        return sum(step.unpriced for step in self.steps)

    @property
    def simulated(self) -> int:
        return sum(step.simulated for step in self.steps)

    @property
    def tokens_in(self) -> int:
        return sum(step.tokens_in for step in self.steps)

    @property
    def tokens_out(self) -> int:
        return sum(step.tokens_out for step in self.steps)


def progress_of(jobs: Sequence[Job]) -> list[JobProgress]:
    """The progress of each job, in their order, in two queries."""
    ended = Q(state__in=_ENDED, updated_at__gte=timezone.now() - LATELY)
    again = Q(attempts__gt=1)
    waiting = Q(state=WorkItem.State.OPEN, not_before__gt=timezone.now())
    rows = (
        WorkItem.objects.filter(job__in=jobs)
        .order_by()
        .values_list("job", "state")
        .annotate(
            items=Count("pk"),
            waiting=Count("pk", filter=waiting),
            lately=Count("pk", filter=ended),
            retried=Count("pk", filter=again),
        )
    )
    states: dict[int, dict[str, int]] = {job.pk: {"waiting": 0} for job in jobs}
    lately, retried = dict.fromkeys(states, 0), dict.fromkeys(states, 0)
    for job_id, state, number, number_waiting, number_ended, number_retried in rows:
        states[job_id][state] = number
        states[job_id]["waiting"] += number_waiting
        lately[job_id] += number_ended
        retried[job_id] += number_retried
    phases = _phases(jobs)
    return [
        JobProgress(
            job=job,
            counts=JobCounts(**states[job.pk]),
            lately=lately[job.pk],
            retried=retried[job.pk],
            phase=phases.get(job.pk, ""),
        )
        for job in jobs
    ]


def _phases(jobs: Sequence[Job]) -> dict[int, str]:
    """What each running job is at: planning, the step of its earliest unfinished item, or waiting for a worker."""
    running = [job for job in jobs if job.state == Job.State.RUNNING]
    if not running:
        return {}
    now = timezone.now()
    unfinished = WorkItem.objects.filter(job__in=running, state__in=[WorkItem.State.OPEN, WorkItem.State.LEASED])
    earliest = unfinished.order_by().values("job").annotate(first=Min("pk")).values("first")
    items = {item.job_id: item for item in WorkItem.objects.filter(pk__in=earliest).only("job", "key", "payload")}
    phases: dict[int, str] = {}
    for job in running:
        if job.planning_until is not None and job.planning_until >= now:
            phases[job.pk] = job.phase or "planning"
        elif not is_attended(job, now):
            phases[job.pk] = "waiting for a worker"
        elif item := items.get(job.pk):
            phases[job.pk] = phase_of(job, item.key, item.payload)
        else:
            phases[job.pk] = "planning"
    return phases


def calls_lately(job: Job) -> int:
    """Calls that were sent for the items that ended within the last minute."""
    ended = WorkItem.objects.filter(job=job, state__in=_ENDED, updated_at__gte=timezone.now() - LATELY)
    return CallUse.objects.filter(item__in=ended, from_cache=False).count()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Items that wait for one reason; the first of them is tried at `until`."""

    reason: str
    items: int
    until: datetime


def waiting(job: Job, *, limit: int = 5) -> list[Waiting]:
    """Why items wait, and until when: what a provider asked for, an error that may pass, the budget."""
    later = job.items.filter(state=WorkItem.State.OPEN, not_before__gt=timezone.now()).order_by()
    rows = later.values("error").annotate(items=Count("pk"), until=Min("not_before")).order_by("-items", "error")
    return [Waiting(row["error"], row["items"], row["until"]) for row in rows[:limit]]


def usage_of(job: Job) -> JobUsage:
    """What the job asked of language models, step by step, and how much of it came from the log."""
    paid = Q(from_cache=False)
    without_reply = Q(call__outcome__in=[Call.Outcome.SENT, Call.Outcome.UNKNOWN, Call.Outcome.FAILED])
    rows = (
        CallUse.objects.filter(item__job=job)
        .values(purpose=F("call__purpose"), endpoint=F("call__endpoint__name"))
        .annotate(
            calls=Count("pk"),
            from_log=Count("pk", filter=~paid),
            unpriced=Count("pk", filter=paid & Q(call__cost__isnull=True) & ~without_reply),
            simulated=Count("pk", filter=Q(call__simulated=True)),
            tokens_in=Sum("call__tokens_in", filter=paid, default=0),
            tokens_out=Sum("call__tokens_out", filter=paid, default=0),
            spent=Sum("call__cost", filter=paid, default=Decimal(0)),
        )
        .order_by("purpose", "endpoint")
    )
    return JobUsage(steps=[StepUsage(**row) for row in rows], unknown=lost_calls(job))


def lost_calls(job: Job) -> int:
    """How many requests of the job were in flight when their worker died. Their questions are asked again."""
    open_or_given_up = (Call.Outcome.SENT, Call.Outcome.UNKNOWN)
    unseen = CallUse.objects.filter(item__job=job, hold=CallUse.Hold.UNKNOWN, call__outcome__in=open_or_given_up)
    return unseen.count()


@dataclass(frozen=True, slots=True)
class Limit:
    """One of the three measures of a job's spending, and how much of it may be spent; `limit` None: no end.

    `taken` has ended; `in_flight` may be taken at most by calls under way; `unknown` may have been billed unseen.
    """

    what: str
    taken: Decimal | int
    in_flight: Decimal | int
    unknown: Decimal | int
    limit: Decimal | int | None

    @property
    def left(self) -> Decimal | int | None:
        """What may still be spent, once calls in flight have ended and taken all that they may."""
        return None if self.limit is None else max(self.limit - self.taken - self.in_flight - self.unknown, 0)


def limits_of(job: Job) -> list[Limit]:
    return [
        Limit("US dollars", job.spent, job.reserved, job.unknown, job.budget),
        Limit("Calls", job.calls_sent, 0, 0, job.budget_calls),
        Limit("Tokens", job.tokens_used, job.reserved_tokens, job.unknown_tokens, job.budget_tokens),
    ]
