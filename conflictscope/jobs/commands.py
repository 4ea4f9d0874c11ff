"""Commands that start jobs and show their progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from conflictscope.commands import ConflictScopeCommand
from conflictscope.jobs import engine
from conflictscope.jobs.models import Job

NO_WORKER_AFTER = timedelta(seconds=30)


class JobCommand(ConflictScopeCommand):
    """A command that starts jobs and works through them here, or hands them to the workers and follows.

    Subclasses write `start` (which returns the job, or several to be done in turn) and `report`.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue", action="store_true", help="Leave the work to the Celery workers and only follow it."
        )

    def start(self, **options: Any) -> Job | Sequence[Job]:
        raise NotImplementedError(f"{type(self).__name__} must say which job it starts.")

    def report(self, job: Job) -> str:
        """What the command says when a job is done, in numbers."""
        counts = engine.counts(job)
        return f"{job.title}: {counts.done} done, {counts.failed} failed."

    def handle(self, *args: Any, **options: Any) -> None:
        started = self.start(**options)
        for job in [started] if isinstance(started, Job) else started:
            self.follow(job, queue=options["queue"])
            if job.state != Job.State.DONE:
                raise CommandError(f"{job.title}: {job.state}. {job.error}".strip())
            self.stdout.write(self.report(job))
            if failures := engine.errors(job):
                said = "; ".join(f"{n} × {error}" for error, n in failures)
                raise CommandError(
                    f"Some items failed: {said}. What was done is kept; run the command again for the rest."
                )

    def follow(self, job: Job, *, queue: bool) -> None:
        """Bring the job to its end with a progress bar: in this process, or by the workers (`queue`)."""
        with self.bar(job.title, unit="item") as bar:

            def show(current: Job) -> None:
                counts = engine.counts(current)
                bar.total = counts.total
                bar.n = counts.ended
                bar.set_postfix_str(f"{counts.waiting} waiting" if counts.waiting else "", refresh=False)
                bar.refresh()

            if not queue:
                engine.work_on(job, progress=show)
                return
            warned = False
            started = timezone.now()
            while job.state == Job.State.RUNNING:
                time.sleep(0.3)
                job.refresh_from_db()
                show(job)
                if not warned and timezone.now() - (job.heartbeat or started) > NO_WORKER_AFTER:
                    warned = True
                    bar.write(
                        "No worker has taken up the job yet. Start one: celery -A conflictscope worker --beat",
                        file=sys.stderr,
                    )
