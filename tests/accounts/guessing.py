"""Two web processes at which somebody tries passwords: `python -m tests.accounts.guessing USERNAME TRIES`.

Each line of output is what one try was told. Django is loaded once, then both are forked before any connection is open.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import Any


def guess(username: str, tries: int, barrier: Any, told: Any) -> None:
    from django.test import Client

    client = Client(headers={"host": "127.0.0.1"})
    barrier.wait(timeout=60)
    for number in range(tries):
        sent = {"login": username, "password": f"wrong-{os.getpid()}-{number}"}
        page = client.post("/login/", sent).content.decode()
        told.put("refused" if "Too many failed login attempts" in page else "asked" if "not correct" in page else page)


def main() -> None:
    import django

    django.setup()
    username, tries = sys.argv[1], int(sys.argv[2])
    forked = multiprocessing.get_context("fork")
    barrier, told = forked.Barrier(2), forked.Queue()
    processes = [forked.Process(target=guess, args=(username, tries, barrier, told)) for _ in range(2)]
    for process in processes:
        process.start()
    for _ in range(2 * tries):
        sys.stdout.write(f"{told.get(timeout=60)}\n")
    for process in processes:
        process.join(timeout=60)


if __name__ == "__main__":
    main()
