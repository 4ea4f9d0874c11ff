"""The task of this room that the queue runs by the clock."""

from __future__ import annotations

from celery import shared_task

from annotation.agreement import stopping


@shared_task
def watch_widths() -> None:
    """Look which campaigns have reached the width that was wanted of them."""
    stopping.watch_all()
