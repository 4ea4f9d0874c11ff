"""Which targets order the values alike, and which scenarios divide them most."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count, Q
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from conflictscope.charts import Chart, MatrixCell, matrix_plot
from conflictscope.scenarios.models import Scenario
from conflictscope.stats.shifts import kendall_tau_b
from evaluation.measures.decisions import Decider, decider_of
from evaluation.models import Judgement, Run
from evaluation.rankings.fitting import FittedRun

MOST_DIVIDING = 12


@dataclass(frozen=True, slots=True)
class Similarity:
    """Kendall's tau-b of the orders of values, by target; in an order in which those that are alike stand together.

    Attributes:
        runs: those with an order to compare; tau: shape (runs, runs). left_out: those without.
    """

    runs: tuple[Run, ...]
    tau: tuple[tuple[float, ...], ...]
    left_out: tuple[Run, ...]

    def closest(self) -> tuple[Run, Run, float] | None:
        return self._extreme(max)

    def furthest(self) -> tuple[Run, Run, float] | None:
        return self._extreme(min)

    def _extreme(
        self, which: Callable[[list[tuple[float, int, int]]], tuple[float, int, int]]
    ) -> tuple[Run, Run, float] | None:
        twos = [
            (self.tau[i][j], i, j)
            for i in range(len(self.runs))
            for j in range(i + 1, len(self.runs))
            if not np.isnan(self.tau[i][j])
        ]
        if not twos:
            return None
        tau, i, j = which(twos)
        return self.runs[i], self.runs[j], tau


@dataclass(frozen=True, slots=True)
class Divided:
    """A scenario, and how many targets took the side of each of its values (the side of most of their decided trials)."""

    scenario: Scenario
    first: int
    second: int
    split: int


def similarity(fitted: Collection[FittedRun], *, who: str = "own") -> Similarity:
    """Of the newest unsteered run of each target, by its penalised order where no other is finite. Average linkage on 1 - tau-b, leaves in their best order (Bar-Joseph et al. 2001)."""
    newest: dict[int, FittedRun] = {}
    for fitted_run in sorted(fitted, key=lambda each: each.run.pk):
        if fitted_run.run.steering_id is None and fitted_run.by(who) is not None:
            newest[fitted_run.run.target_id] = fitted_run
    runs: list[Run] = []
    theta: list[list[float]] = []
    left_out: list[Run] = []
    for fitted_run in sorted(newest.values(), key=lambda each: each.run.target.label):
        strengths = [estimate["value"] for estimate in (fitted_run.by(who) or {}).get("strengths", ())]
        if strengths and None not in strengths:
            runs.append(fitted_run.run)
            theta.append(strengths)
        else:
            left_out.append(fitted_run.run)
    if len(runs) < 2:
        return Similarity(tuple(runs), tuple((1.0,) for _ in runs), tuple(left_out))
    rows = np.array(theta)
    tau = kendall_tau_b(rows[:, None, :], rows[None, :, :])
    order = _clustered(tau)
    return Similarity(
        tuple(runs[k] for k in order),
        tuple(tuple(float(tau[i, j]) for j in order) for i in order),
        tuple(left_out),
    )


def _clustered(tau: np.ndarray) -> list[int]:
    if len(tau) < 3:
        return list(range(len(tau)))
    apart = 1 - np.nan_to_num(tau)
    np.fill_diagonal(apart, 0)
    distances = squareform((apart + apart.T) / 2, checks=False)
    return [int(k) for k in leaves_list(optimal_leaf_ordering(linkage(distances, method="average"), distances))]


def similarity_chart(found: Similarity, *, title: str) -> Chart | None:
    """The matrix of tau-b; None with fewer than two targets to compare."""
    if len(found.runs) < 2:
        return None
    cells = [
        MatrixCell(run.target.label, other.target.label, None if np.isnan(tau) else tau)
        for run, row in zip(found.runs, found.tau, strict=True)
        for other, tau in zip(found.runs, row, strict=True)
    ]
    near, far = found.closest(), found.furthest()
    words = ""
    if near and far:
        words = (
            f"Most alike: {near[0].target} and {near[1].target}, {near[2]:.2f}; least: {far[0].target} and {far[1].target}, "
            f"{far[2]:.2f}."
        )
    return matrix_plot(
        cells,
        title=title,
        description=f"Kendall's tau-b of the orders of values, targets by targets. {words}",
        row_title="Target",
        column_title="With",
        value_title="Kendall's tau-b",
        limit=1.0,
        footnote="Kendall's τ-b of the orders of values: 1 the same order, −1 the reverse. Targets that are alike stand together.",
    )


def dividing(runs: Sequence[Run], *, most: int = MOST_DIVIDING) -> list[Divided]:
    """The scenarios on which the runs' targets are divided most evenly, those with more targets first; by each run's own decider."""
    if not runs:
        return []
    source = Judgement.Source.PARSED if decider_of(runs[0]) == Decider.PARSED else Judgement.Source.JUDGE
    decided = Judgement.objects.filter(response__run__in=runs, source=source)
    if source == Judgement.Source.JUDGE:
        decided = decided.filter(judge__in={run.judge_id for run in runs})
    rows = (
        decided.order_by()
        .values_list("response__scenario", "response__run__target")
        .annotate(
            first=Count("pk", filter=Q(choice=Judgement.Choice.VALUE_1)),
            second=Count("pk", filter=Q(choice=Judgement.Choice.VALUE_2)),
        )
    )
    sides: dict[int, list[int]] = {}
    for scenario, _, first, second in rows:
        counts = sides.setdefault(scenario, [0, 0, 0])
        if first + second:
            counts[0 if first > second else 1 if second > first else 2] += 1
    ranked = sorted(
        ((min(first, second), -abs(first - second), -scenario) for scenario, (first, second, _) in sides.items() if first and second),
        reverse=True,
    )[:most]  # fmt: skip
    ids = [-scenario for _, _, scenario in ranked]
    scenarios = Scenario.objects.select_related("dataset__study", "value_1", "value_2").in_bulk(ids)
    return [Divided(scenarios[pk], *sides[pk]) for pk in ids if pk in scenarios]


def newest_of_targets(runs: Collection[Run], mode: str) -> list[Run]:
    """The newest unsteered run of each target in a mode."""
    newest: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: run.pk):
        if run.steering_id is None and run.mode == mode:
            newest[run.target_id] = run
    return sorted(newest.values(), key=lambda run: run.target.label)
