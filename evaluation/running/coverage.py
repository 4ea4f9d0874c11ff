"""How much of its scenarios a run has answered, as they stand now: the count that every page shows.

A verdict given later, by a judge or by people, takes scenarios out of a run's scope or adds some. What was answered of those that
are out of scope stays stored and is counted nowhere but as such; what is in scope and has no answer is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from conflictscope.scenarios.models import Scenario
from evaluation.models import Response, Run
from evaluation.running.runs import WITH_ACTIONS


@dataclass(frozen=True, slots=True)
class Coverage:
    """One run in numbers.

    Attributes:
        scenarios: in scope. responses: to these; outside: to others, which were in scope once.
        unasked: scenarios in scope without any response. missing: responses that are still to come, to these and to others.
    """

    scenarios: int = 0
    responses: int = 0
    outside: int = 0
    unasked: int = 0
    missing: int = 0


def show_to_people(responses: QuerySet[Any, Any]) -> None:
    """From now on people are asked about these, a query of their ids: conversations among them take no further turn."""
    Response.objects.filter(pk__in=responses, shown_to_people=False).update(shown_to_people=True)


def in_scope(runs: Collection[Run], *, via: str = "") -> Q:
    """Responses (or ratings) to scenarios that are in scope of their run now.

    Args:
        runs: of which the rows are; what only runs of another scope need is not asked for.
        via: where the response is behind a relation: "response__".
    """
    status, run_scope = f"{via}scenario__status", f"{via}run__scope"
    conditions = {
        Run.Scope.KEPT: Q(**{status: Scenario.Status.KEPT}),
        Run.Scope.ALL: Q(**{f"{status}__in": WITH_ACTIONS}),
    }
    any_scope = Q(pk__in=[])
    for scope in sorted({run.scope for run in runs}):
        if scope == Run.Scope.HUMAN_VALIDATED:
            datasets = {run.dataset_id for run in runs if run.scope == scope}
            validated = Scenario.objects.filter(dataset__in=datasets).human_validated()
            condition = Q(**{f"{via}scenario__in": validated.values("pk")})
        else:
            condition = conditions[Run.Scope(scope)]
        any_scope |= Q(**{run_scope: scope}) & condition
    return any_scope


def coverage_of(runs: Collection[Run], *, counted: Mapping[int, tuple[int, int]] | None = None) -> dict[int, Coverage]:
    """The coverage of each run, by its id: in two to four queries, however many runs there are.

    Args:
        counted: responses in and out of scope, by the run's id, where they are counted already.
    """
    counted = _counted(runs) if counted is None else counted
    scenarios = _scenarios(runs)
    behind = {}
    for run in runs:
        wanted = scenarios.get((run.dataset_id, run.scope), 0) * run.samples * max(len(run.option_orders), 1)
        behind[run.pk] = max(wanted - counted.get(run.pk, (0, 0))[0], 0)
    asked = _asked([run for run in runs if behind[run.pk]])
    coverages = {}
    for run in runs:
        number = scenarios.get((run.dataset_id, run.scope), 0)
        responses, outside = counted.get(run.pk, (0, 0))
        unasked = max(number - asked.get(run.pk, 0), 0) if behind[run.pk] else 0
        coverages[run.pk] = Coverage(number, responses, outside, unasked, behind[run.pk])
    return coverages


def _counted(runs: Collection[Run]) -> dict[int, tuple[int, int]]:
    rows = (
        Response.objects.filter(run__in=runs)
        .order_by()
        .values_list("run")
        .annotate(inside=Count("pk", filter=in_scope(runs)), responses=Count("pk"))
    )
    return {run: (inside, responses - inside) for run, inside, responses in rows}


def _scenarios(runs: Collection[Run]) -> dict[tuple[int, str], int]:
    """How many scenarios there are in each scope of a dataset that a run has."""
    numbers: dict[tuple[int, str], int] = {}
    datasets = {run.dataset_id for run in runs if run.scope != Run.Scope.HUMAN_VALIDATED}
    if datasets:
        by_status = Scenario.objects.filter(dataset__in=datasets, status__in=WITH_ACTIONS).order_by()
        for dataset, status, number in by_status.values_list("dataset", "status").annotate(Count("pk")):
            numbers[dataset, Run.Scope.ALL] = numbers.get((dataset, Run.Scope.ALL), 0) + number
            if status == Scenario.Status.KEPT:
                numbers[dataset, Run.Scope.KEPT] = number
    datasets = {run.dataset_id for run in runs if run.scope == Run.Scope.HUMAN_VALIDATED}
    if datasets:
        validated = Scenario.objects.filter(dataset__in=datasets).human_validated().order_by()
        for dataset, number in validated.values_list("dataset").annotate(Count("pk")):
            numbers[dataset, Run.Scope.HUMAN_VALIDATED] = number
    return numbers


def _asked(runs: Collection[Run]) -> dict[int, int]:
    """How many scenarios in scope have a response in each run."""
    if not runs:
        return {}
    rows = Response.objects.filter(in_scope(runs), run__in=runs).order_by()
    return dict(rows.values_list("run").annotate(Count("scenario", distinct=True)))
