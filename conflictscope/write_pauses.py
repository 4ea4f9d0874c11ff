"""Long work in the database, in portions: others get their turn in between."""

from __future__ import annotations

import time

from django.db import connection

# Where only one can write at a time, who waits for that looks again only every so often: between two batches others come in.
BREATH_SECONDS = 0.02


def let_others_write() -> None:
    """Let those who wait to write do so: on SQLite by a short sleep, elsewhere they need not wait for each other."""
    if connection.vendor == "sqlite":
        time.sleep(BREATH_SECONDS)
