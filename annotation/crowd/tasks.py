"""What beat asks for: guests whose time has run out, and withdrawals that were broken off."""

from __future__ import annotations

from celery import shared_task

from annotation.crowd import leaving


@shared_task(ignore_result=True)
def sweep_guests() -> None:
    leaving.end_overdue()
    leaving.complete_withdrawals()
