"""How much a dataset asks of llms: observed agreement between targets, and how far apart each rates the two actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, Sum
from django.db.models.functions import Abs, Cast

from conflictscope.errors import NotFound
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.datasets import (
    LikertDivergence,
    ObservedAgreement,
    agreement_of_counts,
    divergence_of_counts,
)
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.running.runs import scenarios_in


@dataclass(frozen=True, slots=True)
class DatasetMeasures:
    """Both measures, and the runs behind them: the newest unsteered multiple-choice run of each target."""

    scope: str
    runs: tuple[Run, ...]
    agreement: ObservedAgreement
    divergence: LikertDivergence


def measure(dataset: Dataset, *, scope: str = "") -> DatasetMeasures:
    """Observed agreement and Likert divergence over the targets that answered by multiple choice.

    Args:
        scope: which scenarios; empty: the kept ones where a run on those exists, else the widest that was evaluated.

    Raises:
        NotFound: no target answered by multiple choice in that scope.
    """
    scope = scope or evaluated_scope(dataset)
    runs = _runs(dataset, scope)
    if not runs:
        raise NotFound(
            f"No target has answered the scenarios of dataset {dataset.slug!r}{f' in scope {scope}' if scope else ''} by multiple "
            "choice: run evaluate_targets with the mode multiple_choice first."
        )
    return DatasetMeasures(scope, tuple(runs), agreement_in(dataset, scope, runs), divergence_in(dataset, scope, runs))


def evaluated_scope(dataset: Dataset) -> str:
    """The scope that is measured when none is named; empty: no multiple-choice run yet."""
    asked = Run.objects.whole().filter(dataset=dataset, mode=Run.Mode.MULTIPLE_CHOICE)
    evaluated = set(asked.values_list("scope", flat=True))
    for scope in (Run.Scope.KEPT, Run.Scope.ALL, Run.Scope.HUMAN_VALIDATED):
        if scope in evaluated:
            return scope
    return ""


def _runs(dataset: Dataset, scope: str) -> list[Run]:
    """The newest run of each target."""
    runs = Run.objects.whole().filter(
        Exists(Response.objects.filter(run=OuterRef("pk"))),
        dataset=dataset,
        scope=scope,
        mode=Run.Mode.MULTIPLE_CHOICE,
        steering__isnull=True,
    )
    newest = {run.target_id: run for run in runs.select_related("dataset", "target__endpoint").order_by("pk")}
    return sorted(newest.values(), key=lambda run: run.target.label)


def agreement_in(dataset: Dataset, scope: str, runs: Sequence[Run]) -> ObservedAgreement:
    """Of these runs, on the scenarios of the scope. Counted by the database: to read every trial takes thirty times as long."""
    parsed = Judgement.objects.filter(response__run__in=runs, source=Judgement.Source.PARSED)
    slots = list(
        parsed.filter(response__scenario__in=scenarios_in(dataset, scope))
        .values("response__scenario__uid", "response__order", "response__sample")
        .annotate(
            first=Count("pk", filter=Q(choice=Judgement.Choice.VALUE_1)),
            second=Count("pk", filter=Q(choice=Judgement.Choice.VALUE_2)),
        )
        .order_by("response__scenario__uid", "response__order", "response__sample")
        .values_list("response__scenario__uid", "first", "second")
    )
    return agreement_of_counts(*zip(*slots, strict=True)) if slots else agreement_of_counts((), (), ())


def divergence_in(dataset: Dataset, scope: str, runs: Sequence[Run]) -> LikertDivergence:
    """Of these runs, on the scenarios of the scope. Counted by the database."""
    rated = Rating.objects.filter(run__in=runs, scenario__in=scenarios_in(dataset, scope)).order_by()
    both = rated.filter(rating_1__isnull=False, rating_2__isnull=False)
    distance = Abs(Cast("rating_1", IntegerField()) - Cast("rating_2", IntegerField()))
    totals = (
        both.values("scenario")
        .annotate(asked=Count("pk"), differ=Count("pk", filter=~Q(rating_1=F("rating_2"))), steps=Sum(distance))
        .order_by("scenario")
        .values_list("asked", "differ", "steps")
    )
    whole = both.count()
    llms = both.values("run__target").distinct().count()
    return divergence_of_counts(list(totals), left_out=rated.count() - whole, llms=llms)
