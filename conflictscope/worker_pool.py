"""Celery's pool of processes, of which any may be killed at any moment.

Where the broker has no event loop (the filesystem broker of the embedded default), the processes of billiard's pool read their tasks
from one pipe and take turns by a semaphore. Who is killed while it waits for a task (SIGKILL, out of memory) holds that semaphore,
and nobody gives it back: the worker lives, its pool is filled up again, and no task is done any more. A lock of the operating system on
a file is let go of by whoever ends, in whatever way.
"""

from __future__ import annotations

import fcntl
import tempfile
from typing import Any

from billiard.pool import Pool
from celery.concurrency.prefork import TaskPool as PreforkPool


class LockOfTheLiving:
    """A lock between processes that a process loses when it ends. Not for threads of one process, which all hold it at once.

    Made before the fork: parent and children lock the same file, which has no name any more.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the lock may be taken

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | (0 if block and timeout is None else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def fileno(self) -> int:
        return self._file.fileno()


# What billiard's types leave out.
_pool: Any = Pool


class BlockingPool(_pool):  # type: ignore[misc]
    _inqueue: Any
    _outqueue: Any

    def _setup_queues(self) -> None:
        super()._setup_queues()
        # The two that a child holds: to read a task, to write what came of it.
        self._inqueue._rlock = LockOfTheLiving()
        self._outqueue._wlock = LockOfTheLiving()


class TaskPool(PreforkPool):
    """What CELERY_WORKER_POOL names."""

    BlockingPool: Any = BlockingPool
