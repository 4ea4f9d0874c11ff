"""Twenty people label on SQLite while a file of 50,000 rows is imported by page: does anybody wait, or get an error?

The file is uploaded over HTTP and imported by the worker of the Procfile, as a researcher does it; the people ask for the next item
and submit as fast as replies come, first alone (`before`), then for as long as the import takes (`meanwhile`). A probe takes
the write lock over and over: the longest that it waited is the longest that anybody held it, and the queue of those before.
One line of JSON. It ends with 1 where there was an error, or `next` took longer than a second at the 95th percentile.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import installation
from annotation_load import Person, Server, account, at_work, percentiles, prose, say, seed

PASSWORD = "import-load-benchmark"  # noqa: S105 - of an installation that is gone in a minute
LIMIT_SECONDS = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the file (50000)")
    parser.add_argument("--items", type=int, default=5_000, help="items to label (5000)")
    parser.add_argument("--annotators", type=int, default=20, help="people at once (20)")
    parser.add_argument("--backend", choices=installation.BACKENDS, default="sqlite", help="database (sqlite)")
    parser.add_argument("--seed", type=int, default=0, help="of texts and answers (0)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.kills = 0
    if options.here:
        return measure(options)
    with installation.scratch(options.backend) as environment:
        return subprocess.run([sys.executable, __file__, "--here", *sys.argv[1:]], env=environment).returncode


def measure(options: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command
    from django.db import connection, connections

    django.setup()
    call_command("migrate", verbosity=0)
    say("seeding")
    campaign, tokens = seed(options.items, annotators=options.annotators, seed=options.seed)
    owner = campaign.study.created_by
    owner.set_password(PASSWORD)
    owner.save()
    study = campaign.study.slug
    database = str(connection.settings_dict["NAME"])
    connections.close_all()
    var = Path(os.environ["CONFLICTSCOPE_VAR"])
    file = written(var / "many.csv", options.rows, rng=random.Random(options.seed))
    worker = installation.procfile("worker", port=0, log=var / "worker.log")
    beat = installation.procfile("beat", port=0, log=var / "beat.log")
    try:
        with Server(installation.free_port()) as server:
            people = [
                Person(server.address, campaign.pk, token, number, options) for number, token in enumerate(tokens)
            ]
            at_work(people, limit=len(people))
            before = labelling(people, seconds=15)
            probe = Probe(database) if options.backend == "sqlite" else None
            say("importing")
            researcher = Researcher(server.address, study)
            began = time.monotonic()
            over = threading.Event()
            thread = threading.Thread(target=lambda: (researcher.import_file(file), over.set()))
            thread.start()
            meanwhile = labelling(people, seconds=600, over=over)
            thread.join()
            took = time.monotonic() - began
            waited = probe.end() if probe else []
            for person in people:
                person.client.close()
    finally:
        worker.stop()
        beat.stop()
    line = {
        "database": options.backend,
        "rows": options.rows,
        "annotators": len(people),
        "import_s": round(took, 1),
        "look_s": round(researcher.looked, 1),
        "imported": researcher.imported,
        "before": before,
        "meanwhile": meanwhile,
        "longest_wait_for_the_write_lock_ms": round(1000 * max(waited, default=0), 1),
        "errors": sum(len(person.errors) for person in people) + len(researcher.errors),
        **account(campaign, people),
    }
    for text, count in Counter(error for person in people for error in person.errors).most_common(5):
        say(f"{count} × {text}")
    for text in researcher.errors:
        say(text)
    print(json.dumps(line), flush=True)
    late = meanwhile["next_p95_ms"] > 1000 * LIMIT_SECONDS
    return int(bool(line["errors"] or late or line["lost"] or line["over_assigned"] or line["slots_wrong"]))


def labelling(people: list[Person], *, seconds: float, over: threading.Event | None = None) -> dict[str, Any]:
    """Everybody labels for so long, or until it is over: how long they waited."""
    for person in people:
        person.times.clear()
    began = time.monotonic()
    done = 0
    while time.monotonic() - began < seconds and not (over and over.is_set()):
        done += at_work(people, limit=2 * len(people))
    took = time.monotonic() - began
    times = [each for person in people for each in person.times]
    slowest = max((each for what, each in times if what == "next"), default=0.0)
    return {
        "submissions": done,
        "per_s": round(done / took, 1),
        **percentiles("next", [each for what, each in times if what == "next"]),
        "next_max_ms": round(1000 * slowest, 1),
        **percentiles("submit", [each for what, each in times if what == "submit"]),
    }


class Researcher:
    """Signs in, uploads, looks, imports: by the pages and nothing else."""

    def __init__(self, address: str, study: str) -> None:
        import httpx2

        self.client = httpx2.Client(base_url=address, timeout=120, follow_redirects=True)
        self.study = study
        self.errors: list[str] = []
        self.looked = 0.0
        self.imported = 0

    def import_file(self, file: Path) -> None:
        try:
            self._import(file)
        except Exception as exc:
            self.errors.append(f"{type(exc).__name__}: {exc}")

    def _import(self, file: Path) -> None:
        self._post("/login/", {"username": "owner", "password": PASSWORD})
        began = time.monotonic()
        with file.open("rb") as opened:
            page = self._post(f"/studies/{self.study}/datasets/import/", {"slug": "many"}, files={"file": opened})
        page = self._until_done(page, "Being looked at")
        self.looked = time.monotonic() - began
        fields = re.findall(r'<select name="(column_\d+)".*?</select>', page.text, re.DOTALL)
        chosen = {
            name: (re.search(rf'name="{name}".*?<option value="([^"]*)" selected', page.text, re.DOTALL) or ["", ""])[1]
            for name in fields
        }
        page = self._post(str(page.url.path), {"do": "import", **chosen})
        page = self._until_done(page, "Being imported")
        match = re.search(r"(\d+) scenarios added", page.text)
        if match is None:
            self.errors.append(f"the import ended on a page without a count: {page.text[:300]}")
        else:
            self.imported = int(match[1])

    def _until_done(self, page: Any, working: str) -> Any:
        while working in page.text:
            time.sleep(1)
            page = self.client.get(str(page.url.path))
            page.raise_for_status()
        return page

    def _post(self, path: str, data: dict[str, str], **more: Any) -> Any:
        shown = self.client.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
        page = self.client.post(path, data=data | {"csrfmiddlewaretoken": token[1] if token else ""}, **more)
        page.raise_for_status()
        return page


class Probe:
    """Takes the write lock of SQLite every so often, and lets go of it at once."""

    def __init__(self, database: str) -> None:
        self._stop = threading.Event()
        self._waited: list[float] = []
        self._thread = threading.Thread(target=self._run, args=(database,))
        self._thread.start()

    def _run(self, database: str) -> None:
        connection = sqlite3.connect(database, timeout=60, isolation_level=None)
        while not self._stop.wait(0.05):
            began = time.perf_counter()
            connection.execute("begin immediate")
            self._waited.append(time.perf_counter() - began)
            connection.execute("commit")
        connection.close()

    def end(self) -> list[float]:
        self._stop.set()
        self._thread.join()
        return self._waited


def written(path: Path, rows: int, *, rng: random.Random) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "description", "action1", "action2", "persona", "domain"])
        for number in range(rows):
            writer.writerow(
                [
                    f"row-{number}",
                    prose(90, rng),
                    prose(30, rng),
                    prose(30, rng),
                    prose(12, rng),
                    f"field {number % 12}",
                ]
            )
    return path


if __name__ == "__main__":
    sys.exit(main())
