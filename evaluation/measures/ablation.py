"""What each step of the pipeline is worth: every variant of a dataset, filtered and unfiltered, as one and the same targets find it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, Exists, OuterRef, Q

from conflictscope.charts import AxesPoint, Chart, two_axes_plot
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.stats.datasets import discriminative_power, pair_shares
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Study
from conflictscope.tables import Cell, ResultTable
from evaluation.measures.datasets import agreement_in, divergence_in
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Judgement, Response, Run
from evaluation.running.runs import WITH_ACTIONS, scenarios_in

ARITHMETIC = "ablation 1"
FEWEST_TARGETS = 2
# A run on every scenario has answered the kept ones, too.
ANSWERED_IN = {Run.Scope.KEPT: (Run.Scope.KEPT, Run.Scope.ALL), Run.Scope.ALL: (Run.Scope.ALL,)}


@dataclass(frozen=True, slots=True)
class Condition:
    """A dataset's kept scenarios, or all of them, and by target the run that answered these by multiple choice.

    `filtered` says which of both in a word; it is empty where no filter was at work.
    """

    dataset: Dataset
    scope: str
    runs: Mapping[int, Run]
    filtered: str

    @property
    def label(self) -> str:
        return f"{self.dataset.name}: {self.variant}"

    @property
    def variant(self) -> str:
        return ", ".join(filter(None, [str(self.dataset.get_variant_display()).lower(), self.filtered]))


@dataclass(frozen=True, slots=True)
class ConditionMeasures:
    """One condition as its targets find it: how alike they choose, how strongly they rate, how many pairs tell their values apart."""

    label: str
    dataset: str
    variant: str
    href: str
    scenarios: int
    targets: int
    agreement: Estimate
    divergence: Estimate
    power: Estimate


@dataclass(frozen=True, slots=True)
class Ablation:
    """All conditions of a study; `shared` says how many targets have answered in every one: 0 where each has targets of its own."""

    rows: tuple[ConditionMeasures, ...]
    shared: int

    @property
    def sentence(self) -> str:
        """On whom the comparison rests, and which condition is hardest for them."""
        if not self.rows:
            return ""
        asked = (
            f"All rows are of the {self.shared} targets that answered everywhere."
            if self.shared
            else "The rows have targets of their own, fewer than two answered everywhere: differences may be theirs."
        )
        known = [row for row in self.rows if row.agreement.value is not None]
        if len(known) < 2:
            return asked
        hardest = min(known, key=lambda row: row.agreement.value or 0.0)
        return (
            f"Targets are most divided on {hardest.label} (observed agreement {hardest.agreement.value:.2f}). {asked}"
        )

    def table(self) -> ResultTable:
        rows: list[tuple[Cell, ...]] = [
            (row.dataset, row.variant, row.scenarios, row.targets, row.agreement, row.divergence, row.power)
            for row in self.rows
        ]
        return ResultTable(
            "ablation",
            "What each step of the pipeline is worth",
            (
                *("Dataset", "Variant", "Scenarios", "Targets"),
                *("Observed agreement", "Likert divergence", "Discriminative power"),
            ),
            tuple(rows),
            tuple(row.href for row in self.rows),
            note="By multiple choice, unsteered. Observed agreement: how often two targets choose alike; lower means more challenging. "
            "Likert divergence: how often a target rates the two actions differently; higher means stronger preferences. Discriminative "
            "power: the share of value pairs, over targets, whose win share is surely not one half; n counts them.",
            digits=(("Observed agreement", 3), ("Likert divergence", 3)),
            percent=frozenset({"Discriminative power"}),
        )

    def points(self) -> tuple[AxesPoint, ...]:
        """The conditions that have both figures."""
        return tuple(
            AxesPoint(
                label=row.label,
                group=row.dataset,
                x=(row.agreement.value, row.agreement.low, row.agreement.high),
                y=(row.divergence.value, row.divergence.low, row.divergence.high),
                n=row.scenarios,
            )
            for row in self.rows
            if row.agreement.value is not None and row.divergence.value is not None
        )


def ablation_chart(points: Sequence[AxesPoint]) -> Chart | None:
    """Observed agreement against Likert divergence, a point for each condition; None where none has both."""
    if not points:
        return None
    words = "; ".join(f"{point.label}: {point.x[0]:.2f} and {point.y[0]:.2f}" for point in points)
    return two_axes_plot(
        points,
        title="How challenging the scenarios are, and how strong the preferences",
        description=f"Observed agreement and Likert divergence. {words}.",
        x_title="Observed agreement (left: more challenging)",
        y_title="Likert divergence",
        label_title="Condition",
        footnote="Observed agreement of choices across, Likert divergence of ratings upwards, with 95 % intervals by scenario.",
    )


def ablation_of(study: Study) -> Ablation:
    """Kept for the state of the runs' rows."""
    conditions = conditions_of(study.datasets.shown().select_related("study").order_by("name", "pk"))
    runs = [run for condition in conditions for run in condition.runs.values()]
    parameters = [
        [each.dataset.pk, each.dataset.name, each.dataset.variant, each.dataset.slug, each.scope]
        for each in conditions
    ]  # fmt: skip
    found: Ablation = worked_out(ARITHMETIC, state_of(runs), [study.slug, parameters], lambda: _ablation(conditions))
    return found


def conditions_of(datasets: Iterable[Dataset]) -> list[Condition]:
    """Of each dataset what was answered by multiple choice, unsteered; unfiltered only where the filter took something away."""
    by_pk = {dataset.pk: dataset for dataset in datasets}
    # Not by a join: 14 targets on 20,000 scenarios have half a million responses.
    answered = Run.objects.whole().filter(
        Exists(Response.objects.filter(run=OuterRef("pk"))),
        dataset__in=by_pk,
        mode=Run.Mode.MULTIPLE_CHOICE,
        steering__isnull=True,
    )
    newest: dict[tuple[int, str], dict[int, Run]] = {}
    for run in answered.select_related("target").order_by("pk"):
        newest.setdefault((run.dataset_id, run.scope), {})[run.target_id] = run
    counts = {
        row["dataset"]: (row["kept"], row["others"])
        for row in Scenario.objects.filter(dataset__in=by_pk, status__in=WITH_ACTIONS)
        .order_by()
        .values("dataset")
        .annotate(
            kept=Count("pk", filter=Q(status=Scenario.Status.KEPT)),
            others=Count("pk", filter=~Q(status=Scenario.Status.KEPT)),
        )
    }
    conditions = []
    for pk, dataset in by_pk.items():
        kept, others = counts.get(pk, (0, 0))
        for scope, scopes in ANSWERED_IN.items():
            if not (kept if scope == Run.Scope.KEPT else others):
                continue
            runs: dict[int, Run] = {}
            for each in reversed(scopes):  # a run of the scope itself comes before one of a wider scope
                runs |= newest.get((pk, each), {})
            if runs:
                filtered = "filtered" if others or dataset.primary_judge_id else ""
                conditions.append(
                    Condition(dataset, scope, runs, filtered if scope == Run.Scope.KEPT else "unfiltered")
                )
    order = list(Dataset.Variant.values)
    return sorted(conditions, key=lambda each: order.index(each.dataset.variant))


def _ablation(conditions: Sequence[Condition]) -> Ablation:
    everywhere = set.intersection(*(set(each.runs) for each in conditions)) if conditions else set()
    shared = len(everywhere) if len(everywhere) >= FEWEST_TARGETS else 0
    if shared:
        conditions = [
            replace(each, runs={target: run for target, run in each.runs.items() if target in everywhere})
            for each in conditions
        ]
    return Ablation(tuple(_measured(each) for each in conditions), shared)


def _measured(one: Condition) -> ConditionMeasures:
    runs = list(one.runs.values())
    return ConditionMeasures(
        label=one.label,
        dataset=one.dataset.name,
        variant=one.variant,
        href=one.dataset.get_absolute_url(),
        scenarios=scenarios_in(one.dataset, one.scope).count(),
        targets=len(runs),
        agreement=agreement_in(one.dataset, one.scope, runs).mean,
        divergence=divergence_in(one.dataset, one.scope, runs).share,
        power=power_in(one.dataset, one.scope, runs),
    )


def power_in(dataset: Dataset, scope: str, runs: Collection[Run]) -> Estimate:
    """Discriminative power over the (target, pair of values) that these runs have; counted by the database."""
    if dataset.value_set_version_id is None:
        return Estimate.undefined("it has no value pairs")
    parsed = Judgement.objects.filter(response__run__in=runs, source=Judgement.Source.PARSED)
    rows = (
        parsed.filter(response__scenario__in=scenarios_in(dataset, scope))
        .order_by()
        .values_list(
            "response__run", "response__scenario__value_1", "response__scenario__value_2", "response__scenario"
        )
        .annotate(
            first=Count("pk", filter=Q(choice=Judgement.Choice.VALUE_1)),
            second=Count("pk", filter=Q(choice=Judgement.Choice.VALUE_2)),
            trials=Count("pk"),
        )
    )
    counted = [((run, value_1, value_2), *counts) for run, value_1, value_2, _, *counts in rows]
    if not counted:
        return Estimate.undefined("nothing was answered")
    return discriminative_power(list(pair_shares(*zip(*counted, strict=True)).values()))
