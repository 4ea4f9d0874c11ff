"""What people and rooms may tell a job to do: start, pause, go on, end, try again, spend more.

The rows are the truth: nothing about a job is kept in memory or in a message. `conflictscope.jobs.worker` does the work.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from conflictscope.errors import Conflict
from conflictscope.jobs import leases
from conflictscope.jobs.budgets import NO_BUDGET, WAITS_FOR_BUDGET, Budget, in_dollars, reached
from conflictscope.jobs.invitations import invite
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.studies.models import Study

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


def start(
    study: Study,
    *,
    kind: str,
    subject: str,
    title: str,
    parameters: dict[str, Any],
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """The live job of this kind on this subject, made if there is none, and handed to the workers after the commit.

    A job that lives already is returned as it is: starting twice is harmless, and its parameters stay what they were. Only the
    limits of the budget that are given are taken over, as by `set_budget`.

    Raises:
        InvalidInput: a budget that is no amount.
        Conflict: the live job has spent so much already.
    """
    budget.check()
    live = Job.objects.live().filter(kind=kind, subject=subject)
    job = live.first()
    if job is None:
        try:
            with transaction.atomic():
                job = Job.objects.create(
                    study=study,
                    kind=kind,
                    subject=subject,
                    title=title,
                    parameters=parameters,
                    started_by=started_by,
                    budget=budget.dollars,
                    budget_calls=budget.calls,
                    budget_tokens=budget.tokens,
                )
        except IntegrityError:  # somebody else started it between the look and the insert
            job = live.get()
    if (wanted := budget.over(Budget.of(job))) != Budget.of(job):
        set_budget(job, wanted)
    transaction.on_commit(lambda: invite(job))
    return job


def _move(job: Job, *, origins: tuple[str, ...], to: str, verb: str) -> None:
    finished = None if to in Job.LIVE else timezone.now()
    moved = Job.objects.filter(pk=job.pk, state__in=origins).update(
        state=to, finished_at=finished, stopped_at_budget=False
    )
    job.refresh_from_db()
    if not moved and job.state != to:
        raise Conflict(f"A job that is {job.state} cannot be {verb}.")


def pause(job: Job) -> None:
    """No further item is claimed; what is in flight ends and is kept."""
    _move(job, origins=(Job.State.RUNNING,), to=Job.State.PAUSED, verb="paused")


def set_budget(job: Job, budget: Budget) -> None:
    """Other limits for a job that lives. One that had stopped at its budget goes on.

    Raises:
        InvalidInput: no amount.
        Conflict: so much is spent already, or the job has ended.
    """
    budget.check()
    for limit, taken, what in (
        (budget.dollars, job.spent + job.unknown, "US dollars"),
        (budget.calls, job.calls_sent, "calls"),
        (budget.tokens, job.tokens_used + job.unknown_tokens, "tokens"),
    ):
        if limit is not None and taken >= limit:
            amount = in_dollars(taken) if isinstance(taken, Decimal) else f"{taken:,}"
            raise Conflict(f"{amount} {what} are spent already: name a higher budget.")
    changed = {"budget": budget.dollars, "budget_calls": budget.calls, "budget_tokens": budget.tokens}
    if not Job.objects.live().filter(pk=job.pk).update(**changed):
        raise Conflict("The job has ended, so it spends nothing more.")
    job.items.filter(state=WorkItem.State.OPEN, error=WAITS_FOR_BUDGET).update(not_before=None)  # there is room now
    job.refresh_from_db()
    if job.stopped_at_budget and job.state == Job.State.PAUSED:
        resume(job)


def resume(job: Job) -> None:
    """Go on where it stopped. A job that stopped at its budget needs a higher budget first.

    Raises:
        Conflict: the job is not paused, or has spent its budget.
    """
    if job.state == Job.State.PAUSED and (sentence := reached(job)):
        raise Conflict(sentence)
    _move(job, origins=(Job.State.PAUSED,), to=Job.State.RUNNING, verb="resumed")
    Job.objects.filter(pk=job.pk).update(error="", errors_in_a_row=0)
    job.error = ""
    transaction.on_commit(lambda: invite(job))


def cancel(job: Job) -> None:
    """End the job; what is done stays. Open items are cancelled, those in flight end by themselves."""
    _move(job, origins=Job.LIVE, to=Job.State.CANCELLED, verb="cancelled")
    leases.cancel_open(job.items.all())


def retry_failed(job: Job) -> int:
    """Open the failed items again and go on; returns how many. Their answered calls come from the call log.

    Raises:
        Conflict: the job was cancelled, or another job on the same subject is live.
    """
    if job.state == Job.State.CANCELLED:
        raise Conflict("A cancelled job stays cancelled: start it anew.")
    try:
        with transaction.atomic():
            Job.objects.filter(pk=job.pk).update(
                state=Job.State.RUNNING, error="", errors_in_a_row=0, finished_at=None, stopped_at_budget=False
            )
            opened: int = job.items.filter(state=WorkItem.State.FAILED).update(
                state=WorkItem.State.OPEN, attempts=0, tried_since=None, not_before=None, error=""
            )
    except IntegrityError as exc:
        raise Conflict("Another job of this kind works on the same subject: wait for it, or cancel it.") from exc
    job.refresh_from_db()
    transaction.on_commit(lambda: invite(job))
    return opened
