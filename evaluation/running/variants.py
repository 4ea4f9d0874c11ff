"""What tells the runs of one target apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from evaluation.models import Run


def variants(runs: Collection[Run]) -> dict[int, str]:
    """What tells a run from others of its target, by the run's id: its mode and steering, and scope, seed, user simulator or judge where
    they differ."""
    different: dict[str, dict[tuple[int, str], set[str]]] = {name: defaultdict(set) for name in _PARTS}
    for run in runs:
        for name, part in _PARTS.items():
            different[name][run.target_id, run.mode].add(part(run))
    labels = {}
    for run in runs:
        parts = [str(run.get_mode_display()), f"steered by {run.steering}" if run.steering else ""]
        parts += [part(run) for name, part in _PARTS.items() if len(different[name][run.target_id, run.mode]) > 1]
        labels[run.pk] = ", ".join(part for part in parts if part)
    return labels


def _user_of(run: Run) -> str:
    name = run.user_simulator.name if run.user_simulator else run.imported_user
    return f"user {name}" if name else ""


_PARTS: dict[str, Callable[[Run], str]] = {
    "scope": lambda run: f"{run.get_scope_display()} scenarios",
    "seed": lambda run: f"seed {run.seed}",
    "user": _user_of,
    "judge": lambda run: f"judged by {run.judge}" if run.judge else "",
}
