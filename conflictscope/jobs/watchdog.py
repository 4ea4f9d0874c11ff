"""A watchdog over the processes of a worker's pool: one that hangs at an item is killed, and the item is blamed for it.

Text from outside may hold a process for ever (an expression that is tried in every way, a loop of our own): it renews no lease, and
a lock of the interpreter may keep all its threads from running, so that nothing inside can end it. Each process therefore writes down, in memory
that it shares with the worker's main process, which items it has in hand before it touches what they brought, and when it last
renewed its leases. The main process kills one that has been silent for too long with an item in hand. Until then it holds the leases
of the silent one, so that the next process does not meet the same item.

What was in hand when a process was killed is then done alone, after everything else: the second time there is no doubt which item it was.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billiard.process import current_process
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from conflictscope.jobs import leases
from conflictscope.jobs.models import WorkItem

logger = logging.getLogger(__name__)

MOST_PROCESSES = 256
MOST_ITEMS = 64  # in hand at once: as many as are read, or written, in one visit to the database
# Process, when it was last heard (seconds of a clock that all processes share), job (0: at no task), owner of its leases; then the
# item at which its event loop is, how many its database thread has in hand, and which.
_HEAD = struct.Struct("=qdq32s")
_IN_LOOP = struct.Struct("=q")
_IN_DATABASE = struct.Struct(f"={1 + MOST_ITEMS}q")
_LOOP_AT = _HEAD.size
_DATABASE_AT = _LOOP_AT + _IN_LOOP.size
_SIZE = 1024
# A process that waits for a lock of the database is silent, too, but needs no processor for it: one that burns has had this share of
# one, even where many want it.
BURNS = 0.1
LOOKS = 10  # so often in the time for which a process may be silent

_memory: mmap.mmap | None = None


def prepare() -> None:
    """In a worker's main process, before it starts its pool."""
    global _memory  # of this process and those that it forks
    if _memory is None:
        _memory = mmap.mmap(-1, MOST_PROCESSES * _SIZE)


class Hand:
    """What this process says of itself: where nobody watches it, to nobody."""

    def __init__(self, memory: mmap.mmap | None, index: int) -> None:
        self._memory = memory
        self._at = index * _SIZE
        self._job, self._owner = 0, b""

    def begin(self, job: int, owner: str) -> None:
        self._job, self._owner = job, owner.encode()
        self.put_down()
        self._in_database(())
        self.heard()

    def end(self) -> None:
        self._job = 0
        self.heard()

    def heard(self) -> None:
        if self._memory is not None:
            _HEAD.pack_into(self._memory, self._at, os.getpid(), time.monotonic(), self._job, self._owner)

    def take(self, item: int) -> None:
        """The event loop is about to run a step of this item."""
        if self._memory is not None:
            _IN_LOOP.pack_into(self._memory, self._at + _LOOP_AT, item)

    def put_down(self) -> None:
        self.take(0)

    @contextmanager
    def at(self, items: Sequence[WorkItem]) -> Iterator[None]:
        """The database thread reads, or writes, for these items."""
        self._in_database([item.pk for item in items])
        try:
            yield
        finally:
            self._in_database(())

    def _in_database(self, items: Sequence[int]) -> None:
        if self._memory is not None:
            items = list(items[:MOST_ITEMS])
            numbers = (len(items), *items, *[0] * (MOST_ITEMS - len(items)))
            _IN_DATABASE.pack_into(self._memory, self._at + _DATABASE_AT, *numbers)


def hand() -> Hand:
    index: int = getattr(current_process(), "index", -1)  # only processes of a pool have one
    return Hand(_memory, index) if 0 <= index < MOST_PROCESSES else Hand(None, 0)


_item: ContextVar[int] = ContextVar("item", default=0)


def about(item: int) -> None:
    """What this task of the event loop does from here on, and every task that it starts, is for this item."""
    _item.set(item)


def watch_steps(hand: Hand) -> None:
    """Have the running event loop write down, before each step of a task, for which item it is."""

    def task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        return asyncio.Task(_Steps(coro, hand), loop=loop, **kwargs)

    asyncio.get_running_loop().set_task_factory(task)


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are written down."""

    def __init__(self, coro: Coroutine[Any, Any, Any], hand: Hand) -> None:
        self._coro = coro
        self._hand = hand

    def send(self, value: Any) -> Any:
        self._hand.take(_item.get())
        try:
            return self._coro.send(value)
        finally:
            self._hand.put_down()

    def throw(self, *error: Any) -> Any:
        self._hand.take(_item.get())
        try:
            return self._coro.throw(*error)
        finally:
            self._hand.put_down()

    def close(self) -> None:
        self._coro.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coro, name)  # libraries ask a task's coroutine for its state

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coro.__await__()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a process wrote last."""

    index: int
    pid: int
    heard: float
    job: int
    owner: str
    in_loop: int
    in_database: tuple[int, ...]

    @property
    def in_hand(self) -> set[int]:
        return {self.in_loop, *self.in_database} - {0}


def seen() -> list[Seen]:
    """Processes that are at a task, or died at one."""
    processes: list[Seen] = []
    if _memory is None:
        return processes
    for index in range(MOST_PROCESSES):
        at = index * _SIZE
        pid, heard, job, owner = _HEAD.unpack_from(_memory, at)
        if job:
            (in_loop,) = _IN_LOOP.unpack_from(_memory, at + _LOOP_AT)
            many, *items = _IN_DATABASE.unpack_from(_memory, at + _DATABASE_AT)
            name = owner.rstrip(b"\0").decode()
            processes.append(Seen(index, pid, heard, job, name, in_loop, tuple(items[:many])))
    return processes


def _forget(index: int) -> None:
    if _memory is not None:
        _HEAD.pack_into(_memory, index * _SIZE, 0, 0.0, 0, b"")


class Watchdog:
    """Looks after a worker's pool from a thread of its main process.

    Args:
        pool: what Celery calls a worker's pool.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._over = threading.Event()
        # Of each process: when it was last heard, and the processor time that it had had when that was noticed.
        self._used: dict[int, tuple[float, float]] = {}
        self._killed: list[Seen] = []  # and not written down in the database yet
        self._thread = threading.Thread(target=self._go_on, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=5.0)

    def _go_on(self) -> None:
        every = min(leases.RENEW_EVERY.total_seconds(), settings.WORKER_SILENT_SECONDS / LOOKS)
        while not self._over.wait(every):
            self._look()

    def _look(self) -> None:
        mine = self._processes()
        there = [each for each in seen() if each.pid in mine]
        self._used = {each.pid: self._used[each.pid] for each in there if each.pid in self._used}
        silent = []
        for each in there:
            if self._hangs(each):
                logger.error("Process %s is killed: it hangs with items %s in hand", each.pid, sorted(each.in_hand))
                os.kill(each.pid, signal.SIGKILL)
                _forget(each.index)
                self._killed.append(each)
            elif each.in_hand and time.monotonic() - each.heard > 2 * leases.RENEW_EVERY.total_seconds():
                silent.append(each)
        if silent or self._killed:
            self._write(silent)

    def _hangs(self, each: Seen) -> bool:
        used = _processor_time(each.pid)
        heard, used_then = self._used.setdefault(each.pid, (each.heard, used))
        if heard != each.heard:
            self._used[each.pid] = (each.heard, used)
            return False
        silent = time.monotonic() - heard
        if silent < settings.WORKER_SILENT_SECONDS:
            return False
        return bool(each.in_loop or (each.in_database and used - used_then >= BURNS * silent))

    def _write(self, silent: Sequence[Seen]) -> None:
        try:
            for each in silent:
                leases.hold(each.job, each.owner)
            while self._killed:
                each = self._killed[0]
                leases.give_back_killed(each.job, each.owner, in_hand=each.in_hand)
                self._killed.pop(0)
        except (DatabaseError, InterfaceError) as exc:
            logger.warning("What a silent process holds could not be written down yet: %s", exc)
        finally:
            connection.close()  # the pool is filled up by forks: none shall find a connection of this thread

    def _processes(self) -> set[int]:
        processes = getattr(getattr(self._pool, "_pool", None), "_pool", None)
        return {process.pid for process in processes or ()}


def _processor_time(pid: int) -> float:
    """Seconds, of all its threads. Where the system does not say: those that have gone by, as if it burned all the time."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
