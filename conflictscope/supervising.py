"""`python -m conflictscope.supervising`: the processes that Procfile names, side by side, each started again when it ends.

One that stops (a crash, `kill -9`, a simulator that somebody ended) takes nothing else down with it. It is said, and it is started
again, at once where it had run for a while, later and later where it ends as soon as it is started. Ctrl-C, or SIGTERM, ends all.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# Who has run for so long did not fail at its start: it is started again at once.
RAN_WELL_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.2
# After the end was asked for: what is in flight may end, then it is ended.
PATIENCE_SECONDS = 10.0

_LINE = re.compile(r"([A-Za-z0-9_-]{1,40}): *(\S.*)")


def read_procfile(text: str) -> dict[str, str]:
    """The commands by their names.

    Raises:
        ValueError: a line that names no process, or a name that comes twice.
    """
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None or parts[1] in commands:
            raise ValueError(f"Procfile, line {number}: a line is NAME: COMMAND, each name once, not {line[:80]!r}.")
        commands[parts[1]] = parts[2]
    return commands


@dataclass(slots=True)
class Supervised:
    """A command that is to run: in a session of its own, so that its children end with it."""

    name: str
    command: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = field(default=0)  # in a row, each soon after its start

    def start(self, environment: Mapping[str, str]) -> IO[bytes]:
        """Returns what it says."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S602  # the Procfile's own words, with its variables
            f"exec {self.command}",
            shell=True,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self.process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        return self.process.stdout

    def ended(self) -> str:
        """How it ended, if it just has; it is then to be started again at `start_at`."""
        if self.process is None or (code := self.process.poll()) is None:
            return ""
        self.signal(signal.SIGKILL)  # children that it left behind
        self.process = None
        ran = time.monotonic() - self.started_at
        self.failures = 0 if ran >= RAN_WELL_SECONDS else self.failures + 1
        wait = min(2.0 ** (self.failures - 1), LONGEST_WAIT_SECONDS) if self.failures else 0.0
        self.start_at = time.monotonic() + wait
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"{how} after {ran:.0f} s; it is started again {f'in {wait:.0f} s' if wait else 'now'}"

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class Supervisor:
    def __init__(self, commands: Mapping[str, str], *, environment: Mapping[str, str]) -> None:
        self._all = [Supervised(name, command) for name, command in commands.items()]
        self._environment = environment
        self._width = max(map(len, commands))
        self._stop = threading.Event()
        self._speaking = threading.Lock()

    def run(self) -> None:
        """Until `stop`."""
        try:
            while not self._stop.wait(LOOK_EVERY_SECONDS):
                for each in self._all:
                    if how := each.ended():
                        self._say(each.name, how)
                    if each.process is None and time.monotonic() >= each.start_at:
                        self._start(each)
        finally:
            self._end_all()

    def stop(self) -> None:
        self._stop.set()

    def _start(self, each: Supervised) -> None:
        output = each.start(self._environment)
        threading.Thread(target=self._repeat, args=(each.name, output), daemon=True).start()

    def _repeat(self, name: str, said: IO[bytes]) -> None:
        with said:
            for line in said:
                self._say(name, line.decode(errors="replace").rstrip("\n"))

    def _say(self, name: str, text: str) -> None:
        with self._speaking:
            sys.stdout.write(f"{time.strftime('%H:%M:%S')} {name:{self._width}} | {text}\n")
            sys.stdout.flush()

    def _end_all(self) -> None:
        for each in self._all:
            each.signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        for each in self._all:
            if each.process is not None:
                with suppress(subprocess.TimeoutExpired):
                    each.process.wait(max(0.0, deadline - time.monotonic()))
                each.signal(signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m conflictscope.supervising", description=__doc__)
    parser.add_argument(
        "--procfile", type=Path, default=Path("Procfile"), help="Where the processes are named (Procfile)."
    )
    parser.add_argument("names", nargs="*", help="Which of them (all).")
    options = parser.parse_args(arguments)
    try:
        commands = read_procfile(options.procfile.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        parser.error(str(exc))
    if unknown := set(options.names) - set(commands):
        parser.error(f"{options.procfile} names no {', '.join(sorted(unknown))}; it names {', '.join(commands)}.")
    chosen = {name: command for name, command in commands.items() if not options.names or name in options.names}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    supervisor = Supervisor(chosen, environment={**os.environ, "PYTHONUNBUFFERED": "1", "PATH": path})
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run()


if __name__ == "__main__":
    main()
