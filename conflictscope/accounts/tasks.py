"""The task of this room that the queue runs by the clock."""

from __future__ import annotations

from celery import shared_task

from conflictscope.accounts import waiting


@shared_task
def mail_waiting_work() -> None:
    waiting.mail_waiting_work()
