"""What tells the runs of one target apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection

from evaluation.models import Run


def variants(runs: Collection[Run]) -> dict[int, str]:
    """What tells a run from others of its target, by the run's id: its mode, and scope, seed, user simulator, judge or steering where
    they differ."""
    alike = Counter((run.target_id, run.mode) for run in runs)
    users, judges = defaultdict(set), defaultdict(set)
    for run in runs:
        users[run.target_id, run.mode].add(_user_of(run))
        judges[run.target_id, run.mode].add(run.judge_id)
    labels = {}
    for run in runs:
        parts = [str(run.get_mode_display())]
        if run.steering:
            parts.append(f"steered by {run.steering}")
        if alike[(run.target_id, run.mode)] > 1:
            parts.append(f"{run.get_scope_display()} scenarios, seed {run.seed}")
            parts += [f"user {name}" for name in [_user_of(run)] if len(users[run.target_id, run.mode]) > 1 and name]
            parts += [f"judged by {run.judge}"] if len(judges[run.target_id, run.mode]) > 1 and run.judge else []
        labels[run.pk] = ", ".join(parts)
    return labels


def _user_of(run: Run) -> str:
    return run.user_simulator.name if run.user_simulator else run.imported_user
