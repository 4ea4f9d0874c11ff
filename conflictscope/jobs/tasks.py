"""The two tasks of the queue: work on a slice of a job, and find jobs that nobody works on."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from conflictscope.jobs import engine
from conflictscope.jobs.models import Job

SLICE = timedelta(seconds=60)
SILENT_AFTER = timedelta(seconds=20)


@shared_task(acks_late=True)
def work_on(job_id: int) -> None:
    """Work through a slice of the job's items, and ask for the next slice while the job runs."""
    job = Job.objects.get(pk=job_id)
    if job.state != Job.State.RUNNING:
        return
    until = timezone.now() + SLICE
    engine.work_on(job, until=until)
    if job.state == Job.State.RUNNING and timezone.now() >= until:
        engine.enqueue(job)


@shared_task(acks_late=True)
def reap() -> None:
    """Enqueue running jobs on which nobody has worked for a while: their message, or their worker, was lost."""
    now = timezone.now()
    for job in engine.nobody_works_on(since=now - SILENT_AFTER):
        # The first reaper to move the heartbeat enqueues; it also keeps the next round from doing so again.
        if Job.objects.filter(pk=job.pk, heartbeat=job.heartbeat).update(heartbeat=now):
            engine.enqueue(job)
