"""People's labels have corrected a judge's ranking: a room above that keeps labels sealed registers to be told."""

from __future__ import annotations

from collections.abc import Callable, Collection

from conflictscope.scenarios.models import Judge
from conflictscope.studies.models import Study
from evaluation.models import Run

# A study, the judge, and the panels whose labels corrected it.
Listener = Callable[[Study, Judge, Collection[str]], None]

_listeners: list[Listener] = []


def register(listener: Listener) -> None:
    """Called once from a room's `AppConfig.ready`."""
    _listeners.append(listener)


def tell(run: Run, judge: Judge | None, panels: Collection[str]) -> None:
    """The run's ranking by this judge has been corrected by labels of these panels."""
    if judge is None:
        return
    for listener in _listeners:
        listener(run.study, judge, sorted(panels))
