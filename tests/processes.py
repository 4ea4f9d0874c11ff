"""Processes of the project, run beside a test against the test's own database, broker and folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.conf import settings
from django.db import connection


def environment() -> dict[str, str]:
    """The environment in which a process of the project meets the database and the broker of the running test."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "conflictscope.settings",
        "CONFLICTSCOPE_VAR": str(settings.VAR_DIR),
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "LLM_INTERNAL_ADDRESSES": "1",
    }


def database_url() -> str:
    """The address of the test database that the test itself is connected to."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    account = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    return f"postgresql://{account}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process and its children, which are ended with the block: asked first, killed if they do not listen."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL for a process and all its children, as when a machine loses power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
