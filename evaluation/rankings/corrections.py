"""People's labels correct a judge: the room above that keeps some of them sealed registers to be asked, and to be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from django.contrib.auth.models import User

from conflictscope.scenarios.models import Judge
from conflictscope.studies.models import Study
from evaluation.measures.decisions import Decider, Trials, decider_of
from evaluation.models import Judgement, Run

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
    """What this judge decided of the run is being corrected by the labels among these trials, if there are any.

    A version of a judge that was tried on what is set aside for tuning alone has nothing that they could correct.

    Args: trials: with this judge's decisions.
    """
    if judge is None or decider_of(run) != Decider.JUDGE:
        return
    untuned = trials.without_dev()
    if all(None in both for both in zip(untuned.judge, untuned.people, strict=True)):
        return
    for listener in _listeners:
        listener(run.study, judge, sorted(trials.panels), by)


def sealed(run: Run, judge: Judge | None, trials: Trials) -> bool:
    """Whether to correct the judge by these labels would open a test, which a page that only shows must not do."""
    return judge is not None and any(question(run.study, judge, sorted(trials.panels)) for question in _questions)


def sealed_among(decided: Collection[tuple[Run, Judge | None]]) -> list[tuple[int, int]]:
    """Of runs, each with who decides it, those whose judge may not be corrected yet, by the ids of both: without reading any trial.

    What is kept of a correction is kept for this as well: opening a test changes no decision.
    """
    panels: dict[int, set[str]] = defaultdict(set)
    told = Judgement.objects.filter(
        response__run__in={run.pk for run, _ in decided}, source=Judgement.Source.HUMAN, of_selection=False
    )
    for run_id, panel in told.order_by().values_list("response__run", "panel").distinct():
        panels[run_id].add(panel)
    answers: dict[tuple[int, int, tuple[str, ...]], bool] = {}
    found = []
    for run, judge in decided:
        if judge is None or run.pk not in panels:
            continue
        of_run = tuple(sorted(panels[run.pk]))
        key = (run.study_id, judge.pk, of_run)
        if key not in answers:
            answers[key] = any(question(run.study, judge, of_run) for question in _questions)
        if answers[key]:
            found.append((run.pk, judge.pk))
    return found
