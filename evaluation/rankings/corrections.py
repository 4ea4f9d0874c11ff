"""People's labels correct a judge: the room above that keeps some of them sealed registers to be asked, and to be told."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.contrib.auth.models import User

from conflictscope.scenarios.models import Judge
from conflictscope.studies.models import Study
from evaluation.measures.decisions import Decider, Trials, decider_of
from evaluation.models import Run

# A study, the judge, the panels whose labels correct it, and who asked for it, where that is known.
Listener = Callable[[Study, Judge, Collection[str], User | None], None]
Question = Callable[[Study, Judge, Collection[str]], bool]

SEALED = "people's labels here are a sealed test that was not opened for this judge: fitting the rankings opens it, and is kept in its log"
_listeners: list[Listener] = []
_questions: list[Question] = []


def register(listener: Listener, sealed: Question) -> None:
    """Called once from a room's `AppConfig.ready`. `sealed` says whether one of the panels' tests is closed to the judge."""
    _listeners.append(listener)
    _questions.append(sealed)


def tell(run: Run, judge: Judge | None, trials: Trials, *, by: User | None = None) -> None:
    """What this judge decided of the run is being corrected by the labels among these trials, if there are any."""
    if judge is None or decider_of(run) != Decider.JUDGE or not trials.without_dev().by_people:
        return
    for listener in _listeners:
        listener(run.study, judge, sorted(trials.panels), by)


def sealed(run: Run, judge: Judge | None, trials: Trials) -> bool:
    """Whether to correct the judge by these labels would open a test, which a page that only shows must not do."""
    return judge is not None and any(question(run.study, judge, sorted(trials.panels)) for question in _questions)
