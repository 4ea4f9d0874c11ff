"""A scratch installation for a benchmark: folder, database and broker of its own, which are gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
POSTGRESQL_URL = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
BACKENDS = ("sqlite", "postgresql")


class Unavailable(Exception):
    """Something that the installation needs is not here; the sentence says what to do."""


@contextmanager
def scratch(backend: str) -> Iterator[dict[str, str]]:
    """The environment in which the project's processes meet the scratch installation.

    `sqlite` comes with the filesystem broker, `postgresql` with a Redis server started for it.

    Raises:
        Unavailable: no PostgreSQL answers, or there is no redis-server.
    """
    folder = Path(tempfile.mkdtemp(prefix="conflictscope-benchmark-"))
    environment = {
        **{key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "CELERY_BROKER_URL"}},
        "DJANGO_SETTINGS_MODULE": "conflictscope.settings",
        "CONFLICTSCOPE_VAR": str(folder),
        "CONFLICTSCOPE_KEY_SIMULATOR": "simulated",
        "LLM_INTERNAL_ADDRESSES": "1",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }
    try:
        if backend == "sqlite":
            yield environment
            return
        with _postgresql() as database_url, _redis(folder) as broker_url:
            yield environment | {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgresql() -> Iterator[str]:
    import psycopg

    name = f"conflictscope_benchmark_{secrets.token_hex(4)}"
    try:
        with psycopg.connect(POSTGRESQL_URL, connect_timeout=5, autocommit=True) as connection:
            connection.execute(f"create database {name}")
    except psycopg.OperationalError as exc:
        message = str(exc).strip().splitlines()[0]
        raise Unavailable(f"No PostgreSQL: {message}. Start one, or name another in TEST_DATABASE_URL.") from exc
    try:
        yield urlunsplit(urlsplit(POSTGRESQL_URL)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(POSTGRESQL_URL, connect_timeout=5, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    if shutil.which("redis-server") is None:
        raise Unavailable("There is no redis-server. Install Redis.")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


class Group:
    """A process and its children, in a process group that can be killed as when a machine loses power."""

    def __init__(self, *command: str, log: Path | None = None, by: str = sys.executable, **environment: str) -> None:
        out = log.open("ab") if log else None
        self._process = subprocess.Popen(
            [by, *command],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=out or subprocess.DEVNULL,
            stderr=out or subprocess.DEVNULL,
            start_new_session=True,
        )
        if out:
            out.close()

    @property
    def pid(self) -> int:
        """Of its leader, which is also the number of the group."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, *, seconds: float = 20) -> None:
        """Ask it to end; kill it if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def group(*command: str, log: Path | None = None) -> Iterator[Group]:
    process = Group(*command, log=log)
    try:
        yield process
    finally:
        process.stop()


def worker(processes: int) -> Sequence[str]:
    """The command of a Celery worker, for `Group`."""
    return ("-m", "celery", "-A", "conflictscope", "worker", "--concurrency", str(processes), "--loglevel", "WARNING")


def procfile(name: str, *, port: int, log: Path | None = None) -> Group:
    """One of the Procfile's processes, as it is started there."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return Group("-c", f"exec {lines[name]}", log=log, by="sh", PORT=str(port), PATH=path)


def wait_for_port(port: int, server: Group, *, seconds: float = 60) -> None:
    """Until somebody answers there.

    Raises:
        Unavailable: the server has ended, or takes longer.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and not server.ended:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Unavailable("The server did not start; what it said stands above.")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


BEAT = ("-m", "celery", "-A", "conflictscope", "beat", "--loglevel", "WARNING")


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """Simulated LLMs in a process of their own, on a free port; their address, without a path."""
    command = [sys.executable, "manage.py", "simulate_llms", "--port", "0", *options]
    # Each dropped connection is an error to its HTTP server, which would say so.
    environment = {**os.environ, "LOG_LEVEL": "CRITICAL"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            words = next(process.stdout or iter(()), "").split()  # Simulated LLMs at http://127.0.0.1:8100: ...
            if len(words) < 4:
                raise Unavailable("The simulator did not start; what it said stands above.")
            yield words[3].rstrip(":")
        finally:
            process.terminate()
            process.communicate()
