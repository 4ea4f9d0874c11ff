"""How much a dataset asks of llms: observed agreement between targets, and how far apart each rates the two actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conflictscope.errors import NotFound
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.datasets import LikertDivergence, ObservedAgreement, likert_divergence, observed_agreement
from evaluation.measures.decisions import decisions_of
from evaluation.models import Rating, Run
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
    scenario, slot, llm, choice = _columns(runs)
    rated = Rating.objects.filter(run__in=runs, scenario__in=scenarios_in(dataset, scope)).order_by("pk")
    ratings = list(rated.values_list("scenario__uid", "run__target__label", "sample", "rating_1", "rating_2"))
    return DatasetMeasures(
        scope=scope,
        runs=tuple(runs),
        agreement=observed_agreement(scenario, slot, llm, choice),
        divergence=likert_divergence(
            [row[0] for row in ratings],
            [row[1] for row in ratings],
            [row[3] for row in ratings],
            [row[4] for row in ratings],
        ),
    )


def evaluated_scope(dataset: Dataset) -> str:
    """The scope that is measured when none is named; empty: no multiple-choice run yet."""
    evaluated = set(Run.objects.filter(dataset=dataset, mode=Run.Mode.MULTIPLE_CHOICE).values_list("scope", flat=True))
    for scope in (Run.Scope.KEPT, Run.Scope.ALL, Run.Scope.HUMAN_VALIDATED):
        if scope in evaluated:
            return scope
    return ""


def _runs(dataset: Dataset, scope: str) -> list[Run]:
    """The newest run of each target."""
    runs = Run.objects.filter(
        dataset=dataset, scope=scope, mode=Run.Mode.MULTIPLE_CHOICE, steering__isnull=True, responses__isnull=False
    )
    newest = {
        run.target_id: run for run in runs.distinct().select_related("dataset", "target__endpoint").order_by("pk")
    }
    return sorted(newest.values(), key=lambda run: run.target.label)


def _columns(runs: Sequence[Run]) -> tuple[list[str], list[tuple[str, int]], list[str], list[str]]:
    scenario: list[str] = []
    slot: list[tuple[str, int]] = []
    llm: list[str] = []
    choice: list[str] = []
    for run in runs:
        decisions = decisions_of(run)
        scenario += decisions.scenario
        slot += zip(decisions.order, decisions.sample, strict=True)
        llm += [run.target.label] * len(decisions)
        choice += decisions.choice
    return scenario, slot, llm, choice
