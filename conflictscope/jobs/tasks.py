"""The two tasks of the queue: join a job for a slice of time, and find jobs that want workers."""

from __future__ import annotations

import random
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from conflictscope.jobs import budgets, invitations, leases, worker, workers
from conflictscope.jobs.models import Job

# After a slice a worker is free for whoever has waited longest. Those who joined together do not all leave together.
SLICE = timedelta(seconds=60)


@shared_task(acks_late=True)
def work_on(job_id: int) -> None:
    """Work on the job for a slice of time, and ask for somebody to go on if there is more to do."""
    invitations.accept(job_id)
    job = Job.objects.get(pk=job_id)
    if not invitations.wants_workers(job):
        return
    worker.work_on(job, until=timezone.now() + SLICE * random.uniform(0.7, 1.0))
    if invitations.wants_workers(job):
        invitations.invite(job)


@shared_task(acks_late=True)
def reap() -> None:
    """Open what dead workers held, let go of what is reserved for nothing, and invite a worker to each job that wants one and has no message waiting."""
    workers.reaped()
    leases.return_expired()
    budgets.write_off()
    budgets.give_up_forgotten()
    for job in Job.objects.filter(state=Job.State.RUNNING).order_by("pk"):
        if invitations.wants_workers(job):
            invitations.invite(job)
