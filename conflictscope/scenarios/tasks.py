"""The task of this room that the queue runs by the clock."""

from __future__ import annotations

from celery import shared_task

from conflictscope.scenarios.importing import taking_back


@shared_task
def sweep_imports() -> None:
    """Take back what imports left that were killed."""
    taking_back.sweep()
