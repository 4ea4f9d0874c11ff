"""Commands that start jobs and show their progress."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from conflictscope.commands import STOPPED_BY_CTRL_C, ConflictScopeCommand
from conflictscope.jobs import progress, registry, worker
from conflictscope.jobs.budgets import Budget
from conflictscope.jobs.estimating import StartEstimate, estimate
from conflictscope.jobs.models import Job
from conflictscope.jobs.progress import usage_of

NO_WORKER_AFTER = timedelta(seconds=30)
RESUME = "Resume it on its page, then run the command again."
STOPPING = "stopping: what is in flight ends first, Ctrl-C drops it"


def dollars(text: str) -> Decimal:
    """The type of an argument that is an amount of money; whether it can be a budget is checked where jobs start."""
    try:
        return Decimal(text)
    except InvalidOperation as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars, such as 2.50") from exc


def budget_of(options: Mapping[str, Any]) -> Budget:
    """What a command was told that each of its jobs may spend."""
    return Budget(options.get("budget"), options.get("budget_calls"), options.get("budget_tokens"))


class JobCommand(ConflictScopeCommand):
    """A command that starts jobs and works through them here, or hands them to the workers and follows.

    Subclasses write `start` (which returns the job, or several to be done in turn) and `report`.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue", action="store_true", help="Leave the work to the Celery workers and only follow it."
        )
        parser.add_argument(
            "--estimate", action="store_true", help="Say what the job would ask and cost, and start nothing."
        )
        parser.add_argument(
            "--budget", type=dollars, help="US dollars at which a job pauses; given again and higher, it goes on."
        )
        parser.add_argument("--budget-calls", type=int, help="Calls at which it pauses.")
        parser.add_argument("--budget-tokens", type=int, help="Tokens, in and out, at which it pauses.")

    def start(self, **options: Any) -> Job | Sequence[Job]:
        raise NotImplementedError(f"{type(self).__name__} must say which job it starts.")

    def report(self, job: Job) -> str:
        """What the command says when a job is done, in numbers: what the job's page says, too."""
        if outcome := registry.outcome_of_job(job):
            return outcome
        counts = progress.counts(job)
        return f"{job.title}: {counts.done} done, {counts.failed} failed."

    def handle(self, *args: Any, **options: Any) -> None:
        if options["estimate"]:
            # What a budget would stop is not asked for here, and it may be no budget for a job that has spent it.
            without = options | {"budget": None, "budget_calls": None, "budget_tokens": None}
            self.stdout.write(estimate_in_words(estimate(lambda: self.start(**without))))
            return
        started = self.start(**options)
        with _stopped_by_ctrl_c() as stop:
            for job in [started] if isinstance(started, Job) else started:
                if not stop.asked:
                    self.follow(job, queue=options["queue"], stop=stop)
                self._end_of(job, stop)

    def _end_of(self, job: Job, stop: worker.Stop) -> None:
        """
        Raises:
            CommandError: it is not done, or not all of it.
        """
        self._say_what_has_no_price(job)
        if stop.asked and job.state == Job.State.RUNNING:
            raise CommandError(
                f"{job.title}: stopped here. What was done is kept; workers that are up go on with it, and so does the "
                "same command.",
                returncode=STOPPED_BY_CTRL_C,
            )
        if job.state != Job.State.DONE:
            why = job.error or (RESUME if job.state == Job.State.PAUSED else "")
            raise CommandError(f"{job.title}: {job.state}. {why}".strip())
        self.stdout.write(self.report(job))
        if failures := progress.errors(job):
            counted_errors = "; ".join(f"{n} × {error}" for error, n in failures)
            raise CommandError(
                f"Some items failed: {counted_errors}. What was done is kept; run the command again for the rest."
            )

    def _say_what_has_no_price(self, job: Job) -> None:
        if job.budget is not None and (unpriced := usage_of(job).unpriced):
            self.stderr.write(
                f"The cost of {unpriced} calls is unknown, so the budget in US dollars did not bite there: give their endpoints "
                "prices, or use --budget-calls or --budget-tokens."
            )

    def follow(self, job: Job, *, queue: bool, stop: worker.Stop) -> None:
        """Bring the job to its end with a progress bar: in this process, or by the workers (`queue`)."""
        with self.bar(job.title, unit="item") as bar:

            def show(current: Job) -> None:
                counts = progress.counts(current)
                bar.total = counts.total
                bar.n = counts.ended
                waiting = f"{counts.waiting} waiting" if counts.waiting else ""
                bar.set_postfix_str(STOPPING if stop.asked else waiting, refresh=False)
                bar.refresh()

            if not queue:
                worker.work_on(job, progress=show, stop=stop)
                return
            warned = False
            started = timezone.now()
            while job.state == Job.State.RUNNING and not stop.asked:
                time.sleep(0.3)
                job.refresh_from_db()
                show(job)
                if not warned and timezone.now() - (job.heartbeat or started) > NO_WORKER_AFTER:
                    warned = True
                    bar.write(
                        "No worker has taken up the job yet. Start one: celery -A conflictscope worker --beat",
                        file=sys.stderr,
                    )


def estimate_in_words(found: StartEstimate) -> str:
    """A table of steps and endpoints, then what it rests on and what it leaves out."""
    rows = [["Step", "Endpoint", "Calls", "From the log", "Tokens in", "Tokens out", "US dollars", "At most"]]
    rows += [
        [
            line.purpose,
            line.endpoint.name,
            f"{line.calls:,.0f}",
            f"{line.from_log:,.0f}",
            f"{line.tokens_in:,.0f}",
            f"{line.tokens_out:,.0f}",
            _dollars(line.cost),
            _dollars(line.most, unknown="no bound"),
        ]
        for line in found.lines
    ]
    rows.append(
        [
            "All",
            "",
            f"{found.calls:,}",
            f"{found.from_log:,}",
            f"{found.tokens_in:,}",
            f"{found.tokens_out:,}",
            _dollars(found.cost),
            _dollars(found.most, unknown="no bound"),
        ]
    )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(_padded(cell, width, left=n < 2) for n, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    jobs = [f"{job.title}: {job.items:,} items now, {job.later:,} that grow from them." for job in found.jobs]
    return "\n".join([*jobs, "", *(line.rstrip() for line in table), "", *found.remarks()])


def _dollars(amount: Decimal | None, *, unknown: str = "unknown") -> str:
    return unknown if amount is None else f"{amount:,.4f}"


def _padded(cell: str, width: int, *, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[worker.Stop]:
    """Ctrl-C asks to stop; again, it insists; a third time it ends the process, as it would without us.

    An exception would do harm here: it would end the thread that database work is waiting for, and the rest would wait for ever.
    """
    stop = worker.Stop()

    def heard(*_: object) -> None:
        if stop.asked:
            stop.insisted = True
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop.asked = True

    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield stop
        return
    before = signal.signal(signal.SIGINT, heard)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
