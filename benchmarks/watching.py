"""What a process group costs, seen from outside (Linux): processor time and memory."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Watched:
    """A process that leads a group, and its children."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    @property
    def cpu_seconds(self) -> float:
        """Of those that run now; what a child used that has ended is its parent's."""
        return sum(sum(map(int, stat[11:15])) for stat in map(_stat, self._members()) if stat) / _TICKS

    @property
    def peak_mib(self) -> float:
        """The most memory that any one of them has held."""
        return max((_status(pid, "VmHWM") for pid in self._members()), default=0.0)

    @property
    def now_mib(self) -> float:
        """The memory that the largest of them holds now."""
        return max((_status(pid, "VmRSS") for pid in self._members()), default=0.0)

    def _members(self) -> list[int]:
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in numbers if (stat := _stat(pid)) and int(stat[2]) == self.leader]


def postgresql_cpu_seconds(database: str) -> float:
    """Processor time of the PostgreSQL processes that serve the database now, where it runs on this machine."""
    spent = 0.0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
        except OSError:
            continue
        if words[:1] == ["postgres:"] and database in words and (stat := _stat(int(entry.name))):
            spent += sum(map(int, stat[11:13])) / _TICKS
    return spent


def _stat(pid: int) -> Sequence[str]:
    """The fields of /proc/PID/stat from the state on, or none if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ()


def _status(pid: int, field: str) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    match = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(match.group(1)) / 1024 if match else 0.0
