"""One scenario across targets and modes: two runs side by side, moving through the scenarios that are worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from conflictscope.scenarios.models import Dataset, Scenario
from evaluation.models import Judgement, Response, Run
from evaluation.running.browsing import Filter, responses_of, runs_of
from evaluation.running.transcripts import ShownJudgement, ShownTurn, decided_by, turns_of

DIFFERENT = "different"
NARROWINGS: dict[str, str] = {
    DIFFERENT: "The two decide differently",
    "judges_differ": "Judges differ",
    "people_against_judge": "People against a judge",
    "refused": "Read as refusals",
    "truncated": "Cut off",
    "unread": "Could not be read",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One run's answers to the scenario; `after`: the next run, to go on to."""

    run: Run
    transcripts: list[tuple[Response, list[ShownTurn], list[ShownJudgement]]]
    after: int


@dataclass(frozen=True, slots=True)
class Across:
    """A scenario beside its neighbours among those that are looked through."""

    scenario: Scenario
    previous: str
    next: str
    position: int
    total: int


def looked_through(runs: Sequence[Run], *, only: str = "", pair: str = "") -> QuerySet[Scenario]:
    """The scenarios that one of the runs answered, narrowed down, in the order of their making.

    Raises:
        InvalidInput: see `Filter.apply`.
    """
    criteria: dict[str, Any] = {"pair": pair}
    if only == "refused":
        criteria["refused"] = True
    elif only == "truncated":
        criteria["outcome"] = Response.Outcome.TRUNCATED
    elif only != DIFFERENT:
        criteria["only"] = only
    answers = Response.objects.filter(run__in=runs).with_decision()
    scenarios = Scenario.objects.filter(pk__in=Filter(**criteria).apply(answers).values("scenario"))
    if only == DIFFERENT and len(runs) > 1:
        first, second = (
            {
                choice: Filter(choice=choice).apply(Response.objects.filter(run=run).with_decision()).values("scenario")
                for choice in (Judgement.Choice.VALUE_1, Judgement.Choice.VALUE_2)
            }
            for run in runs[:2]
        )
        value_1, value_2 = Judgement.Choice.VALUE_1, Judgement.Choice.VALUE_2
        scenarios = scenarios.filter(
            (Q(pk__in=first[value_1]) & Q(pk__in=second[value_2]))
            | (Q(pk__in=first[value_2]) & Q(pk__in=second[value_1]))
        )
    return scenarios.order_by("pk")


def across(scenario: Scenario, scenarios: QuerySet[Scenario]) -> Across:
    """Where the scenario stands among these; it need not be one of them."""
    before = scenarios.filter(pk__lt=scenario.pk).order_by("-pk").values_list("uid", flat=True)
    after = scenarios.filter(pk__gt=scenario.pk).values_list("uid", flat=True)
    total = scenarios.count()
    there = scenarios.filter(pk=scenario.pk).exists()
    position = scenarios.filter(pk__lte=scenario.pk).count() if there else 0
    return Across(scenario, before.first() or "", after.first() or "", position, total)


def side_of(run: Run, scenario: Scenario, runs: Sequence[Run]) -> Side:
    """The run's answers to the scenario, each with its turns and who decided what."""
    responses = responses_of([run]).filter(scenario=scenario)
    rows = [
        (
            response,
            list(turns_of(response, list(response.calls.all()))),
            [decided_by(judgement, response) for judgement in response.judgements.all()],
        )
        for response in responses
    ]
    place = [each.pk for each in runs].index(run.pk)
    return Side(run, rows, runs[(place + 1) % len(runs)].pk)


def runs_on(dataset: Dataset) -> list[Run]:
    """The dataset's runs that have answers, in the order of modes and targets."""
    answered = Response.objects.filter(run__dataset=dataset).values("run")
    return list(runs_of(Dataset.objects.filter(pk=dataset.pk)).filter(pk__in=answered))


def labels_of(runs: Sequence[Run]) -> dict[int, str]:
    """What a run is called beside the others of its dataset, by its id."""
    name_by_run = {run.pk: _said(run) for run in runs}
    names = list(name_by_run.values())
    return {pk: f"{name} (run {pk})" if names.count(name) > 1 else name for pk, name in name_by_run.items()}


def _said(run: Run) -> str:
    steered = f", steered by {run.steering}" if run.steering else ""
    return f"{run.target}, {run.get_mode_display().lower()}{steered}"
