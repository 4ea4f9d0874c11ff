"""Whether anybody is there to do jobs: what workers say of themselves every few seconds, and what people are told of it.

A worker here is one process of the queue with its pool. It writes a row of its own, so that nothing depends on what a broker can
tell. Whoever works on a job without the queue, as a command does, is seen by the job's own heartbeat.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import signals
from celery.worker import state
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Max, Min, Q, Sum
from django.utils import timezone

from conflictscope.jobs import watchdog
from conflictscope.jobs.models import Job, Worker
from conflictscope.jobs.watchdog import Watchdog

logger = logging.getLogger(__name__)

SAYS_SO_EVERY = timedelta(seconds=3)
# Who has not been heard for so long is taken for dead, or stuck; pages look every two or three seconds, so that they say so within 15 s.
SILENT_AFTER = timedelta(seconds=10)
# A message that no free worker has taken up for so long does not reach them.
NOT_TAKEN_AFTER = timedelta(seconds=12)
# The reaper comes every three seconds, through the queue.
NOT_REAPED_AFTER = timedelta(seconds=30)
FORGOTTEN_AFTER = timedelta(days=1)

# So many heartbeats in a row without one living process of the pool.
WITHOUT_PROCESSES = 3

START_ONE = "Start one: make serve, or celery -A conflictscope worker, with celery -A conflictscope beat beside it."


@dataclass(frozen=True, slots=True)
class Notice:
    """What is wrong with the workers, and what to do about it, in sentences for people.

    `code`: none, stuck, unreached or unreaped.
    """

    code: str
    sentence: str
    advice: str


def is_attended(job: Job, now: datetime | None = None) -> bool:
    """Whether somebody works on the job at this moment, or plans it."""
    return job.heartbeat is not None and job.heartbeat >= (now or timezone.now()) - SILENT_AFTER


def notice() -> Notice | None:
    """What is wrong at the moment; None: nothing that could be seen from here."""
    now = timezone.now()
    alive = Worker.objects.filter(seen_at__gte=now - SILENT_AFTER)
    facts = alive.aggregate(
        processes=Sum("processes"),
        busy=Sum("busy"),
        free_since=Min("started_at", filter=Q(all_busy_since__isnull=True)),
        busy_since=Max("all_busy_since"),
        reaped=Max("reaped_at"),
        started=Min("started_at"),
    )
    if not facts["processes"]:
        return Notice("none", "No worker is running, so no job gets on by itself.", START_ONE)
    heard = Job.objects.filter(heartbeat__gte=now - SILENT_AFTER).exists()
    if facts["free_since"] is None:
        if heard or facts["busy_since"] > now - SILENT_AFTER:
            return None
        silent = round((now - facts["busy_since"]).total_seconds())
        return Notice(
            "stuck",
            f"All {facts['processes']} worker processes are busy, and none has been heard for {silent} seconds: they are stuck.",
            "What they hold comes back by itself. If this stays, restart the workers: nothing that is done is lost.",
        )
    waiting = Job.objects.filter(
        Q(heartbeat__isnull=True) | Q(heartbeat__lt=now - SILENT_AFTER),
        state=Job.State.RUNNING,
        invited_at__lt=now - NOT_TAKEN_AFTER,
    )
    if waiting.exists() and facts["free_since"] < now - NOT_TAKEN_AFTER:
        return Notice(
            "unreached",
            "Workers are running and free, but do not take up what is handed to them.",
            "Restart them, and see that pages and workers are started with the same CELERY_BROKER_URL and CONFLICTSCOPE_VAR.",
        )
    last = max(filter(None, (facts["reaped"], facts["started"])))
    if last < now - NOT_REAPED_AFTER:
        return Notice(
            "unreaped",
            "Nobody looks after jobs whose worker died: the scheduler is not running.",
            "Start it: make serve, or celery -A conflictscope beat.",
        )
    return None


def notice_about(jobs: Collection[Job]) -> Notice | None:
    """The same, where it concerns one of these jobs: one that should run, and that nobody works on."""
    left = [job for job in jobs if job.state == Job.State.RUNNING and not is_attended(job)]
    return notice() if left else None


def reaped() -> None:
    """The reaper was here."""
    now = timezone.now()
    Worker.objects.filter(seen_at__gte=now - SILENT_AFTER).update(reaped_at=now)


class Heartbeat:
    """What a worker says of itself, from a thread of its main process, which does no task itself."""

    def __init__(self, name: str, pool: Any) -> None:
        self.name = name[:200]
        self._pool = pool
        self._over = threading.Event()
        self._without_processes = 0
        self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=SAYS_SO_EVERY.total_seconds())

    def _go_on(self) -> None:
        self._try(self._begin)
        while not self._over.wait(SAYS_SO_EVERY.total_seconds()):
            self._try(self._say)
            self._see_to_the_pool()
        self._try(Worker.objects.filter(name=self.name).delete)

    def _try(self, write: Any) -> None:
        try:
            write()
        except (DatabaseError, InterfaceError) as exc:
            logger.warning("The heartbeat of %s could not be written: %s", self.name, exc)
        finally:
            connection.close()  # the pool is filled up by forks: none shall find a connection of this thread

    def _begin(self) -> None:
        now = timezone.now()
        Worker.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
        processes, busy = self._facts()
        Worker.objects.update_or_create(
            name=self.name,
            defaults={
                "processes": processes, "busy": busy, "seen_at": now, "started_at": now, "all_busy_since": None, "reaped_at": None
            },
        )  # fmt: skip

    def _say(self) -> None:
        now = timezone.now()
        processes, busy = self._facts()
        mine = Worker.objects.filter(name=self.name)
        if not mine.update(processes=processes, busy=busy, seen_at=now):
            self._begin()
        if busy < processes:
            mine.filter(all_busy_since__isnull=False).update(all_busy_since=None)
        else:
            mine.filter(all_busy_since__isnull=True).update(all_busy_since=now)

    def _see_to_the_pool(self) -> None:
        """Processes that are killed before the pool knows them (it forks before it has its broker) are never replaced: a worker that is
        left with none ends, and whoever started it starts it again."""
        processes = getattr(getattr(self._pool, "_pool", None), "_pool", None)
        gone = processes is not None and not any(_lives(process.pid) for process in processes)
        self._without_processes = self._without_processes + 1 if gone else 0
        if self._without_processes >= WITHOUT_PROCESSES:
            logger.error("%s has lost its processes, and nobody replaces them: it ends", self.name)
            os.kill(os.getpid(), signal.SIGTERM)

    def _facts(self) -> tuple[int, int]:
        """How many processes there are, and how many are at a task."""
        try:
            processes = max(1, self._pool.num_processes or 1)
        except AttributeError:  # the pool has ended, and this thread is about to
            processes = 1
        return processes, min(processes, len(state.active_requests))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed child that nobody has waited for is still there in name.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


_threads: list[Heartbeat | Watchdog] = []


@signals.worker_init.connect
def _before_the_pool(**_: Any) -> None:
    watchdog.prepare()


@signals.worker_ready.connect
def _ready(sender: Any, **_: Any) -> None:
    _threads.extend([Heartbeat(f"{sender.hostname} ({os.getpid()})", sender.pool), Watchdog(sender.pool)])
    for thread in _threads:
        thread.start()


@signals.worker_shutdown.connect
def _shut_down(**_: Any) -> None:
    for thread in _threads:
        thread.stop()
