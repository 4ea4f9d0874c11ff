"""How workers come to a job: by invitation, one at a time.

A message asks one more worker to join. Of each job at most one waits in the queue: whoever takes it up invites the next, if there is
more to claim, so that all idle processes of all machines are there within moments, and when all are busy one message waits for the
first that is not. Where there is nothing to claim nobody is invited. The rows are the truth: a message that was lost counts
as lost after a while, and the reaper sends another.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import current_app
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from conflictscope.jobs import leases
from conflictscope.jobs.models import Job, WorkItem

# By its name, since the task itself calls this module.
WORK_ON = "conflictscope.jobs.tasks.work_on"

logger = logging.getLogger(__name__)

# A message that nobody took up in this time is thrown away by whoever meets it, and another may be sent.
GOOD_FOR = timedelta(seconds=20)
# A worker that could go leaves a job that others work on, too, for one that has waited so long.
WAITS = timedelta(seconds=2)


def invite(job: Job) -> bool:
    """Ask one more worker to join, unless a message waits already. Returns whether one was sent."""
    now = timezone.now()
    none_waits = Q(invited_at__isnull=True) | Q(invited_at__lt=now - GOOD_FOR)
    if not Job.objects.filter(none_waits, pk=job.pk, state=Job.State.RUNNING).update(invited_at=now):
        return False
    try:
        current_app.send_task(WORK_ON, (job.pk,), expires=GOOD_FOR.total_seconds())
    except OperationalError as exc:
        Job.objects.filter(pk=job.pk).update(invited_at=None)
        logger.warning("Job %s is left to the reaper, the broker does not answer: %s", job.pk, exc)
        return False
    return True


def accept(job_id: int) -> None:
    """A message was taken up: the next may be sent."""
    Job.objects.filter(pk=job_id).update(invited_at=None)


def wants_workers(job: Job) -> bool:
    """Whether a worker that came now would find something to do."""
    if job.state != Job.State.RUNNING:
        return False
    if leases.can_be_claimed(job):
        return True
    being_planned = job.planning_until is not None and job.planning_until >= timezone.now()
    return not leases.unended(job) and not being_planned


def somebody_waits(job: Job) -> bool:
    """Whether another job has waited for its first worker for a while."""
    held = WorkItem.objects.filter(job=OuterRef("pk"), state=WorkItem.State.LEASED, lease_until__gte=timezone.now())
    waiting = Job.objects.filter(~Exists(held), state=Job.State.RUNNING, invited_at__lt=timezone.now() - WAITS)
    return waiting.exclude(pk=job.pk).exists()
