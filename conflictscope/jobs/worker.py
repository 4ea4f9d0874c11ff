"""Working through a job: claim items under leases, do them side by side, end each in one transaction.

Any number of workers share a job. A worker renews its leases while it lives; when it dies they run out, and the items return.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from asgiref.sync import async_to_sync
from django.db import DatabaseError, InterfaceError
from django.db.models import F
from django.utils import timezone

from conflictscope.errors import ConflictScopeError
from conflictscope.jobs import budgets, invitations, leases, watchdog
from conflictscope.jobs.budgets import WAITS_FOR_BUDGET, BudgetReached, JobBook, LeaseLost
from conflictscope.jobs.leases import Trouble
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.planning import add_items, planning
from conflictscope.jobs.registry import Handler, Together, handler_of
from conflictscope.jobs.rights import rights_of
from conflictscope.llm.batching import in_database, let_go_of_broken_connection
from conflictscope.llm.client import Client
from conflictscope.llm.errors import LLMError, RateLimited, TransientLLMError

logger = logging.getLogger(__name__)

INVITE_SECONDS = 1.0  # how often a worker that sees more than it can take asks for another at most
POLL_SECONDS = 0.3  # how often a worker with nothing to claim looks again
RENEW_AGAIN_SECONDS = 0.5  # after the database did not let leases be renewed
# A renewal that took so long waited for locks or a slow disk: others' did too, and their leases are no sign of death.
SLOW_RENEWAL_SECONDS = 3.0
PROGRESS_SECONDS = 0.2  # how often progress is shown at most
# Items a worker holds side by side: so many at the least, and half as many again as calls may be under way to the endpoints it has
# met, so that every slot has somebody waiting for it while items are read and written. It claims a quarter of them at a time.
IN_FLIGHT = 64
MOST_IN_FLIGHT = 1024
# So many items in a row that met one and the same error, and none done between: the error is the job's, not the items'.
SAME_ERROR_ENDS_JOB = 10
# An outage is waited for so long, where the job had got on before; meanwhile a few items see whether it is over.
OUTAGE = timedelta(minutes=5)
AT_THE_SAME_MOMENT = timedelta(seconds=1)
ITEMS_IN_TROUBLE = 4

_WORD = re.compile(r"[\w-]+")
# An item that found no room in the budget looks again after so long: calls in flight give back what they do not take.
BUDGET_WAIT = timedelta(seconds=1)

Progress = Callable[[Job], None]


@dataclass(slots=True)
class Stop:
    """The wish of whoever watches a worker that it stop.

    `asked`: it claims nothing more, ends what is in flight and returns. `insisted`: it drops that too, and gives it back.
    """

    asked: bool = False
    insisted: bool = False


class _SomeAreNotMine(Exception):
    """Among items that ended together is one whose lease somebody else has by now."""


def _without_numbers(sentence: str) -> str:
    """The words of an error without numbers and ids of requests, which are others each time."""
    return _WORD.sub(lambda word: "#" if any(map(str.isdecimal, word[0])) else word[0], sentence)


class _Next(Enum):
    """What a worker does when no item can be claimed."""

    CLAIM = "claim"  # the plan added items
    WAIT = "wait"  # others hold leases or plan, or items wait for their time
    STOP = "stop"  # the job has ended, or may not go on


def work_on(
    job: Job, *, until: datetime | None = None, progress: Progress | None = None, stop: Stop | None = None
) -> None:
    """Work through the job's items; returns when the job has ended or is paused, when `until` has passed, or on `stop`.

    With `until`, it also returns as soon as there is nothing to do at the moment; the reaper calls again. Without it, it
    waits for items that wait or that other workers hold. `progress` is called with the job now and then.
    """
    _Worker(job, until=until, progress=progress, stop=stop or Stop()).run()


class _Worker:
    def __init__(self, job: Job, *, until: datetime | None, progress: Progress | None, stop: Stop) -> None:
        self.job = job
        self.handler: Handler[Any, Any] = handler_of(job)
        self.until = until
        self.progress = progress
        self.stop = stop
        self.name = uuid.uuid4().hex
        self.book = JobBook(job, worker=self.name)
        self.rights = rights_of(job)
        self.hand = watchdog.hand()
        self.in_flight: set[asyncio.Task[None]] = set()
        self.alone = False  # what is in flight hung before: nothing is done beside it
        self.look_again = asyncio.Event()
        self.enough = 0  # items in flight; with fewer, more are claimed
        self.trouble: BaseException | None = None
        self.show_at = self.invite_again_at = 0.0

    def run(self) -> None:
        self.hand.begin(self.job.pk, self.name)
        try:
            async_to_sync(self._run)()
        finally:
            self.hand.end()
        self.job.refresh_from_db()
        if self.progress:
            self.progress(self.job)

    async def _run(self) -> None:
        watchdog.watch_steps(self.hand)
        renewal = asyncio.create_task(self._renew_for_ever())
        try:
            async with Client() as client:
                await self._claim_and_do(client)
            if self.stop.insisted:
                await in_database(leases.give_back)(self.job, self.name)
        finally:
            renewal.cancel()
        if self.trouble is not None:
            raise self.trouble

    async def _claim_and_do(self, client: Client) -> None:
        while True:
            try:
                if await self._round(client):
                    return
            except Exception as exc:
                self.trouble = self.trouble or exc  # what is in flight still ends, and is kept

    async def _round(self, client: Client) -> bool:
        """Claim what there is room for, and wait a little; or, with nothing in flight, see how to go on. Returns whether this worker
        has come to its end."""
        most = min(MOST_IN_FLIGHT, max(IN_FLIGHT, client.room * 3 // 2))
        if self.job.errors_in_a_row >= SAME_ERROR_ENDS_JOB:
            most = ITEMS_IN_TROUBLE
            await asyncio.sleep(POLL_SECONDS)
        self.alone = self.alone and bool(self.in_flight)
        room = 0 if self.alone else most - len(self.in_flight)
        stopping = self._stopping()
        items = [] if stopping else await in_database(self._claim)(room)
        self.hand.heard()  # the event loop and the database's thread both got here
        for item in items:
            task = asyncio.create_task(self._do(item, client))
            self.in_flight.add(task)
            task.add_done_callback(self._ended)
        if self.stop.insisted:
            for task in self.in_flight:
                task.cancel()
        if self.in_flight:
            # Where there is no more to claim, there is no use in looking whenever an item ends.
            self.enough = 0 if stopping or self.alone or len(items) < room else most - most // 4
            await self._wait_a_little()
            await self._show_progress()
            return False
        if stopping:
            return True
        step = await in_database(self._advance)()
        if step is _Next.STOP or (step is _Next.WAIT and self.until is not None):
            return True
        if step is _Next.WAIT:
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _stopping(self) -> bool:
        out_of_time = self.until is not None and timezone.now() >= self.until
        return self.trouble is not None or self.stop.asked or out_of_time

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble = self.trouble or error  # not even putting the item back went well
        if len(self.in_flight) <= self.enough:
            self.look_again.set()

    async def _wait_a_little(self) -> None:
        """Until so many items have ended that it is worth claiming others, or for POLL_SECONDS."""
        self.look_again.clear()
        if len(self.in_flight) <= self.enough:
            return
        alarm = asyncio.get_running_loop().call_later(POLL_SECONDS, self.look_again.set)
        try:
            await self.look_again.wait()
        finally:
            alarm.cancel()

    async def _show_progress(self) -> None:
        now = time.monotonic()
        if self.progress and now >= self.show_at:
            await in_database(self.progress)(self.job)
            # It counts rows, of which there may be a million: let it have a twentieth of the time.
            took = time.monotonic() - now
            self.show_at = now + max(PROGRESS_SECONDS, 20 * took)

    async def _renew_for_ever(self) -> None:
        while True:
            wait = leases.RENEW_EVERY.total_seconds()
            try:
                await in_database(self._renew)()
                self.hand.heard()
            except (DatabaseError, InterfaceError) as exc:
                # The leases hold for several renewals: an error that passes costs nothing.
                logger.warning("Job %s: leases are not renewed, trying again: %s", self.job.pk, exc)
                wait = RENEW_AGAIN_SECONDS
                self.hand.heard()
                await in_database(let_go_of_broken_connection)()
            except Exception as exc:
                self.trouble = self.trouble or exc
                return
            await asyncio.sleep(wait)

    def _renew(self) -> None:
        self.rights = rights_of(self.job)  # an administrator, or an owner, may have changed them
        began = time.monotonic()
        leases.renew(self.job, self.name)
        if time.monotonic() - began < SLOW_RENEWAL_SECONDS:
            try:
                leases.return_expired(self.job.items.all())
            except DatabaseError as exc:  # a deadlock, say: whoever looks next takes them back
                logger.warning("Job %s: expired leases are not taken back yet: %s", self.job.pk, exc)
        if self.until is not None and invitations.somebody_waits(self.job):
            others = leases.owners(self.job) - {self.name}
            if others and self.name > min(others):  # one stays
                self.until = timezone.now()

    def _claim(self, room: int) -> list[WorkItem]:
        """Up to `room` open items, now leased to this worker; none when the job may not go on."""
        if room <= 0 or not self._may_go_on():
            return []
        items = leases.claim(self.job, self.name, room)
        if not items and not self.in_flight:
            items = leases.claim_suspect(self.job, self.name)
            self.alone = bool(items)
        if len(items) == room and time.monotonic() >= self.invite_again_at:
            self.invite_again_at = time.monotonic() + INVITE_SECONDS
            if leases.can_be_claimed(self.job):
                invitations.invite(self.job)
        return items

    def _may_go_on(self) -> bool:
        self.job.refresh_from_db()
        return self.job.state == Job.State.RUNNING

    async def _do(self, item: WorkItem, client: Client) -> None:
        """One item. Errors of a language model are the item's; anything unforeseen stops this worker once it has drained."""
        watchdog.about(item.pk)
        try:
            prepared = await client.reads.do(self._prepare, item)
            if isinstance(prepared, Exception):
                raise prepared
            outcome = await self.handler.ask(prepared, client.door(self.book, item, self.rights))
            await client.writes.surely(self._end, (item, outcome))
        except LeaseLost:
            logger.warning("Item %s was taken by another worker: nothing more is sent for it from here", item.pk)
        except BudgetReached as exc:
            await in_database(self._wait_for_budget)(item, exc)
        except LLMError as exc:
            limited = isinstance(exc, RateLimited)
            wait = exc.retry_after if isinstance(exc, TransientLLMError) else None
            trouble = Trouble(item, exc.sentence, permanent=exc.permanent, rate_limited=limited, wait=wait or 0.0)
            await self._put_back(trouble, client)
        except ConflictScopeError as exc:
            await self._put_back(Trouble(item, exc.sentence, permanent=True), client)
        except Exception as exc:
            self.trouble = self.trouble or exc
            await self._put_back(Trouble(item, f"{type(exc).__name__}: {exc}"), client)

    async def _put_back(self, trouble: Trouble, client: Client) -> None:
        await client.writes.surely(self._write_troubles, trouble)
        if self.job.errors_in_a_row >= SAME_ERROR_ENDS_JOB:
            # After the commit: what was done at the same moment counts.
            await in_database(self._consider_stopping)(trouble)

    def _write_troubles(self, troubles: Sequence[Trouble]) -> list[None]:
        """Runs inside a transaction."""
        leases.put_back(troubles, self.name)
        for trouble in troubles:
            if not trouble.rate_limited:
                self._count(trouble)
        return [None] * len(troubles)

    def _count(self, trouble: Trouble) -> None:
        # What may pass is one thing, however it shows; what will not is known by its words.
        alike = _without_numbers(trouble.sentence)[:200] if trouble.permanent else "transient"
        mine = Job.objects.filter(pk=self.job.pk)
        if not mine.filter(errors_in_a_row__gt=0, errors_alike=alike).update(errors_in_a_row=F("errors_in_a_row") + 1):
            mine.update(errors_in_a_row=1, errors_alike=alike, errors_since=timezone.now())
        self.job.refresh_from_db(fields=["errors_in_a_row"])

    def _consider_stopping(self, trouble: Trouble) -> None:
        """Stop the job for an error that meets every item, unless another worker gets on, or an outage may soon be over."""
        self.job.refresh_from_db(fields=["errors_in_a_row", "errors_since"])
        number = self.job.errors_in_a_row
        if number < SAME_ERROR_ENDS_JOB:
            return
        done = self.job.items.filter(state=WorkItem.State.DONE).order_by()
        sentence = f"Stopped: {number} attempts in a row met the same error, and no item was done. {trouble.sentence}"
        if done.exists():
            since = self.job.errors_since or timezone.now()
            patience = AT_THE_SAME_MOMENT if trouble.permanent else OUTAGE
            if timezone.now() - since < patience or done.filter(updated_at__gte=since).exists():
                return
        elif trouble.permanent:
            self._finish(Job.State.FAILED, error=sentence)
            return
        sentence = f"{sentence} Resume the job when that is mended: what is done is kept."
        if Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING).update(state=Job.State.PAUSED, error=sentence):
            logger.warning("Job %s is paused: %s times the same error", self.job.pk, number)

    def _prepare(self, items: Sequence[WorkItem]) -> list[Any]:
        """What the handler prepared for each item, or its error: reading is not undone by that of another."""
        if isinstance(self.handler, Together) and len(items) > 1:
            with suppress(Exception), self.hand.at(items):  # whose the error is, is found one by one
                return self.handler.prepare_all(items)
        prepared: list[Any] = []
        for item in items:
            try:
                with self.hand.at([item]):
                    prepared.append(self.handler.prepare(item))
            except Exception as exc:
                prepared.append(exc)
        return prepared

    def _end(self, ended: Sequence[tuple[WorkItem, Any]]) -> list[None]:
        """Runs inside a transaction."""
        mine = leases.end([item for item, _ in ended], self.name)
        if mine < len(ended):
            if len(ended) > 1:
                raise _SomeAreNotMine  # undo it, and come back with one at a time
            logger.warning("Item %s ended after its lease: left to the worker that has it now", ended[0][0].pk)
            return [None]
        if self.job.errors_in_a_row:
            Job.objects.filter(pk=self.job.pk).update(errors_in_a_row=0)
            self.job.errors_in_a_row = 0
        notes: dict[str, list[int]] = {}
        for (item, _), note in zip(ended, self._stored(ended), strict=True):
            if note:
                notes.setdefault(note, []).append(item.pk)
        for note, items in notes.items():
            WorkItem.objects.filter(pk__in=items).update(note=note)
        return [None] * len(ended)

    def _stored(self, ended: Sequence[tuple[WorkItem, Any]]) -> list[str]:
        if isinstance(self.handler, Together) and len(ended) > 1:
            with self.hand.at([item for item, _ in ended]):
                return self.handler.store_all(ended)
        notes: list[str] = []
        for item, outcome in ended:
            with self.hand.at([item]):
                notes.append(self.handler.store(item, outcome))
        return notes

    def _wait_for_budget(self, item: WorkItem, refused: BudgetReached) -> None:
        """Open the item again: for when calls in flight have given back what they reserved, or, where that cannot be enough, for
        when somebody raises the budget."""
        if budgets.stop_if_reached(self.job, refused.need):
            leases.put_off(item, self.name)
        else:
            leases.put_off(item, self.name, wait=BUDGET_WAIT, why=WAITS_FOR_BUDGET)

    def _advance(self) -> _Next:
        """Nothing can be claimed: take back what dead workers held, else plan further, else end the job."""
        if not self._may_go_on():
            return _Next.STOP
        if leases.return_expired(self.job.items.all()):
            return _Next.CLAIM
        return _Next.WAIT if leases.unended(self.job) else self._plan()

    def _plan(self) -> _Next:
        with planning(self.job) as mine:
            if not mine:
                return _Next.WAIT
            try:
                added = add_items(self.job, self.handler.plan(self.job))
            except ConflictScopeError as exc:
                self._finish(Job.State.FAILED, error=exc.sentence)
                return _Next.STOP
            # Another worker may have planned, and let go of the lease, since this one saw no open items.
            if added or leases.unended(self.job):
                return _Next.CLAIM
            self._finish_planned()
            return _Next.STOP

    def _finish_planned(self) -> None:
        states = set(self.job.items.values_list("state", flat=True).distinct())
        if WorkItem.State.FAILED in states and WorkItem.State.DONE not in states:
            first = self.job.items.filter(state=WorkItem.State.FAILED).order_by("pk").values_list("error", flat=True)[0]
            self._finish(Job.State.FAILED, error=f"Every item failed; the first one with: {first}")
        else:
            self._finish(Job.State.DONE, error="")

    def _finish(self, state: Job.State, *, error: str) -> None:
        Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING).update(
            state=state, error=error, finished_at=timezone.now()
        )
        logger.info("Job %s is %s", self.job.pk, state)
