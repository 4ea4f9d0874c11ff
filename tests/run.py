"""The test run behind `make test`: everything on the embedded default, then the spine on PostgreSQL and Redis.

`python -m tests.run [pytest arguments]`. The last lines say what was not run, and why. With CI set, a part that did not run
is a failure.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.llm import local_server

ROOT = Path(__file__).resolve().parent.parent
DATABASE_URL = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
BROKER_URL = os.environ.get("TEST_BROKER_URL", "redis://127.0.0.1:6379/15")
NO_TESTS = 5  # pytest's exit code when nothing was selected
# A whole run uses every core, a file at a time; a run of some tests stays in one process, where a debugger works.
SIDE_BY_SIDE = ["-n", "auto", "--maxprocesses", "8", "--dist", "loadfile"]
# Of a whole run on the embedded default it is told how much of the code it went through; pyproject.toml holds the least.
COVERED = ["--cov", "--cov-report=", "--no-cov-on-fail"]


def main(arguments: list[str]) -> int:
    in_ci = bool(os.environ.get("CI"))
    left_out: list[str] = []
    clean = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "CELERY_BROKER_URL"}}

    how = arguments or SIDE_BY_SIDE
    code = run_pytest("SQLite and the filesystem broker", arguments or [*SIDE_BY_SIDE, *COVERED], clean)
    problems = {
        "PostgreSQL": why_no_postgresql(),
        "Redis": None if answers(BROKER_URL) else f"nothing answers at {without_password(BROKER_URL)}",
    }
    missing = [f"{name} ({why})" for name, why in problems.items() if why]
    if missing:
        left_out.append(f"database, queue and browser tests on PostgreSQL and Redis: {'; '.join(missing)}")
    else:
        services = {
            **clean,
            "DATABASE_URL": DATABASE_URL,
            "CELERY_BROKER_URL": BROKER_URL,
            "SECRET_KEY": "of the tests",
        }
        second = run_pytest("PostgreSQL and Redis", ["-m", "backends", *how], services)
        code = code or (0 if second == NO_TESTS and arguments else second)
    if why := local_server.why_missing():
        left_out.append(f"tests against a real LLM: {why}")

    if not arguments and not code:
        code = tell_coverage()

    for part in left_out:
        print(f"Not run: {part}.")
    if left_out and in_ci:
        print("CI is set: a part that did not run is a failure.")
        return code or 1
    if not left_out:
        print("Everything was run but what pytest lists as skipped above.")
    return code


def run_pytest(where: str, arguments: list[str], environment: dict[str, str]) -> int:
    print(f"\nTests on {where}", flush=True)
    started = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "pytest", "-rs", *arguments], cwd=ROOT, env=environment).returncode
    print(f"Tests on {where}: exit code {code} after {time.monotonic() - started:.0f} s", flush=True)
    return code


def tell_coverage() -> int:
    """The total with branches, and the files that the tests go through least. Fails below the least that pyproject.toml holds."""
    report = subprocess.run(
        [sys.executable, "-m", "coverage", "report", "--sort=cover"], cwd=ROOT, capture_output=True, text=True
    )
    rows = report.stdout.splitlines()
    print("\nCoverage with branches; the files least covered, and the whole:")
    print("\n".join([*rows[:12], *rows[-3:], *report.stderr.splitlines()]), flush=True)
    return report.returncode


def why_no_postgresql() -> str | None:
    import psycopg

    try:
        psycopg.connect(DATABASE_URL, connect_timeout=3).close()
    except psycopg.OperationalError as exc:
        return str(exc).strip().splitlines()[0] + "; TEST_DATABASE_URL names another"
    return None


def answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), timeout=3).close()
    except OSError:
        return False
    return True


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
