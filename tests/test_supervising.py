"""Processes side by side: one that ends takes nothing down with it, is started again, and it is said."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conflictscope.supervising import read_procfile

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def supervised(
    folder: Path, *lines: str, names: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The supervisor of a Procfile of these lines, and what it has said so far."""
    procfile = folder / "Procfile"
    procfile.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "conflictscope.supervising", "--procfile", str(procfile), *names]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []

    def listen_on() -> None:
        for line in process.stdout or ():
            said.append(line)  # noqa: PERF402  # seen as they come

    listener = threading.Thread(target=listen_on)
    listener.start()
    try:
        yield process, said
    finally:
        process.terminate()
        process.wait(20)
        listener.join()
        (process.stdout or sys.stdin).close()


def pids(said: list[str], name: str) -> list[int]:
    found = (re.search(rf" {name} +\| pid (\d+)", line) for line in list(said))
    return [int(each[1]) for each in found if each]


def wait_until(condition, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come to pass"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_one_that_is_killed_is_started_again_and_the_others_stay(tmp_path: Path) -> None:
    lines = ("beat: sh -c 'echo pid $$; exec sleep 60'", "web: sh -c 'echo pid $$; exec sleep 60'")
    with supervised(tmp_path, *lines) as (process, said):
        wait_until(lambda: pids(said, "beat") and pids(said, "web"))
        os.kill(pids(said, "beat")[0], signal.SIGKILL)
        wait_until(lambda: len(pids(said, "beat")) == 2)
        assert any("was ended by SIGKILL" in line and "started again" in line for line in said)
        (web,) = pids(said, "web")
        beat = pids(said, "beat")[1]
        assert lives(web)
        assert process.poll() is None
    assert process.returncode == 0
    assert not lives(web)
    assert not lives(beat)


def test_one_that_ends_at_once_is_tried_later_and_later(tmp_path: Path) -> None:
    with supervised(tmp_path, "llms: sh -c 'echo pid $$; exit 3'", "web: sleep 60") as (process, said):
        wait_until(lambda: len(pids(said, "llms")) == 3)
        ends = [line for line in said if "ended with 3" in line]
        assert "in 1 s" in ends[0]
        assert "in 2 s" in ends[1]
        assert process.poll() is None


def test_children_of_one_that_is_killed_end_with_it(tmp_path: Path) -> None:
    """A web process, say, whose workers would hold its port."""
    line = "web: sh -c 'sleep 60 & echo pid $!; wait'"
    with supervised(tmp_path, line) as (_, said):
        wait_until(lambda: pids(said, "web"))
        child = pids(said, "web")[0]
        parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: len(pids(said, "web")) == 2)
        assert not lives(child)


def test_only_those_that_are_named_are_started_with_the_variables_of_the_shell(tmp_path: Path) -> None:
    with supervised(tmp_path, "one: echo ${NOBODY_SETS_THIS:-2} here", "two: echo never", names=("one",)) as (_, said):
        wait_until(lambda: any("2 here" in line for line in said))
        assert not any("never" in line for line in said)


def test_a_name_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with supervised(tmp_path, "one: sleep 60", names=("other",)) as (process, said):
        assert process.wait(20) == 2
    assert "names no other; it names one." in "".join(said)


@pytest.mark.parametrize("text", ["no colon", "web:", "web: a\nweb: b", "a b: c"])
def test_a_line_that_names_no_process_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Procfile, line \d: a line is NAME: COMMAND"):
        read_procfile(text)


def test_the_projects_own_procfile_is_read() -> None:
    assert list(read_procfile((ROOT / "Procfile").read_text())) == ["web", "worker", "beat", "llms"]
