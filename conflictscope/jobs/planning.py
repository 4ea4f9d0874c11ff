"""Adding a job's items: one worker at a time, under a lease of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import NewItem
from conflictscope.write_pauses import let_others_write

LEASE = timedelta(seconds=15)
RENEW_EVERY = timedelta(seconds=3)
BATCH = 500


@contextmanager
def planning(job: Job) -> Iterator[bool]:
    """Whether this worker may plan the running job now; nobody else may until it is through.

    The lease is renewed from a thread. A plan may take minutes, waiting for the database or for another process; what computes for
    long without letting go of the interpreter (embedding) must run in a process of its own, or this thread comes too late.
    """
    now = timezone.now()
    free = Q(planning_until__isnull=True) | Q(planning_until__lt=now)
    mine = Job.objects.filter(free, pk=job.pk, state=Job.State.RUNNING).update(planning_until=now + LEASE, phase="")
    if not mine:
        yield False
        return
    over = threading.Event()

    def renew() -> None:
        try:
            while not over.wait(RENEW_EVERY.total_seconds()):
                now = timezone.now()
                Job.objects.filter(pk=job.pk).update(planning_until=now + LEASE, heartbeat=now)
        finally:
            connection.close()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield True
    finally:
        over.set()
        thread.join()
        Job.objects.filter(pk=job.pk).update(planning_until=None)


def say(job: Job, phase: str) -> None:
    """What the plan is at, such as "embedding": pages show it while nothing else moves."""
    Job.objects.filter(pk=job.pk).exclude(phase=phase).update(phase=phase[:100])


def add_items(job: Job, planned: Iterable[NewItem]) -> int:
    """Insert planned items in batches, those excepted that the job has already. Returns how many were new."""
    before = job.items.count()
    batch: list[WorkItem] = []
    for new in planned:
        batch.append(WorkItem(job=job, key=new.key, payload=new.payload))
        if len(batch) >= BATCH:
            WorkItem.objects.bulk_create(batch, ignore_conflicts=True)
            batch = []
            let_others_write()
    WorkItem.objects.bulk_create(batch, ignore_conflicts=True)
    return job.items.count() - before
