"""From verdicts to the status of a scenario: the primary judge decides, people overrule it dimension by dimension."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict

logger = logging.getLogger(__name__)

SETTLED_BY_VERDICTS = (
    Scenario.Status.DRAFTED,
    Scenario.Status.KEPT,
    Scenario.Status.DROPPED,
    Scenario.Status.UNDECIDED,
)
_BATCH = 500
T = TypeVar("T")


def settle(
    outcomes: Mapping[str, str], *, dimensions: Iterable[str] = tuple(Dimension), told: str = ""
) -> Scenario.Status:
    """The status that the outcomes (dimension to outcome) come to, over the dimensions that are asked.

    One fail drops a scenario; an unparsable verdict leaves it undecided, never failed; while a dimension has no verdict and
    nothing has failed, the scenario has the status that a file told (`told`), and stays drafted where none did.
    """
    asked_outcomes = [outcomes.get(dimension) for dimension in dimensions]
    if Verdict.Outcome.FAIL in asked_outcomes:
        return Scenario.Status.DROPPED
    if None in asked_outcomes:
        return Scenario.Status(told or Scenario.Status.DRAFTED)
    return Scenario.Status.UNDECIDED if Verdict.Outcome.UNPARSABLE in asked_outcomes else Scenario.Status.KEPT


def standing_verdicts(verdicts: Iterable[Verdict], *, primary_judge_id: int | None) -> dict[str, Verdict]:
    """For each dimension the verdict that counts: that of the panel that decided last, else the primary judge's."""
    in_order = sorted(verdicts, key=lambda each: (each.created_at, each.pk))
    said = ((each.dimension, each.source, each.judge_id, each) for each in in_order)
    return _standing(said, primary_judge_id=primary_judge_id)


def _standing(said: Iterable[tuple[str, str, int | None, T]], *, primary_judge_id: int | None) -> dict[str, T]:
    """What counts of each dimension, of verdicts in the order in which they came: dimension, source, judge, and what to keep."""
    standing: dict[str, T] = {}
    by_people: set[str] = set()
    for dimension, source, judge_id, kept in said:
        human = source == Verdict.Source.HUMAN
        if not human and (primary_judge_id is None or judge_id != primary_judge_id or dimension in by_people):
            continue
        standing[dimension] = kept
        if human:
            by_people.add(dimension)
    return standing


def resettle(scenario: Scenario) -> Scenario.Status:
    """Bring the scenario's status in line with its verdicts. Outlines and duplicates are left as they are.

    The row is locked meanwhile, so that two verdicts written at once cannot each miss the other.
    """
    with transaction.atomic():
        locked = Scenario.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=scenario.pk)
        if locked.status in SETTLED_BY_VERDICTS:
            standing = standing_verdicts(locked.verdicts.all(), primary_judge_id=locked.dataset.primary_judge_id)
            status = settle(
                {dimension: verdict.outcome for dimension, verdict in standing.items()},
                dimensions=dimensions_of(locked),
                told=locked.status_told,
            )
            if status != locked.status:
                Scenario.objects.filter(pk=locked.pk).update(status=status)
                locked.status = status
    scenario.status = locked.status
    return Scenario.Status(locked.status)


def resettle_all(dataset: Dataset, pks: Sequence[int]) -> int:
    """`resettle` for many scenarios of a dataset, a batch at a time. Returns how many changed status."""
    changed = 0
    for first in range(0, len(pks), _BATCH):
        with transaction.atomic():
            primary = Dataset.objects.values_list("primary_judge", flat=True).get(pk=dataset.pk)
            rows = dataset.scenarios.filter(pk__in=pks[first : first + _BATCH], status__in=SETTLED_BY_VERDICTS)
            locked = rows.select_for_update(of=("self",)).order_by("pk")
            scenarios = list(locked.only("status", "status_told", "value_1", "dataset"))
            # As plain columns: a dataset's verdicts as objects take longer to make than all else here.
            said: dict[int, list[tuple[str, str, int | None, str]]] = {scenario.pk: [] for scenario in scenarios}
            verdicts = Verdict.objects.filter(scenario__in=list(said)).order_by("created_at", "pk")
            columns = verdicts.values_list("scenario", "dimension", "source", "judge", "outcome")
            for scenario_id, dimension, source, judge_id, outcome in columns:
                said[scenario_id].append((dimension, source, judge_id, outcome))
            moves: dict[Scenario.Status, list[int]] = {}
            for scenario in scenarios:
                outcomes = _standing(said[scenario.pk], primary_judge_id=primary)
                status = settle(outcomes, dimensions=dimensions_of(scenario), told=scenario.status_told)
                if status != scenario.status:
                    moves.setdefault(status, []).append(scenario.pk)
            for to, moved in moves.items():
                changed += Scenario.objects.filter(pk__in=moved).update(status=to)
    return changed


def make_primary(dataset: Dataset, judge: Judge) -> int:
    """Let this judge's verdicts decide the dataset's statuses from now on. Returns how many scenarios changed status.

    What files told without saying why does not count any more.
    """
    Dataset.objects.filter(pk=dataset.pk).update(primary_judge=judge)
    dataset.primary_judge = judge
    dataset.scenarios.exclude(status_told="").update(status_told="")
    # Drafts without verdicts, too: one may be on its way by the word of the judge who decided until now.
    settled = dataset.scenarios.filter(status__in=SETTLED_BY_VERDICTS)
    changed = resettle_all(dataset, list(settled.order_by("pk").values_list("pk", flat=True)))
    logger.info("Judge %s is primary for dataset %s; %s statuses changed", judge.pk, dataset.pk, changed)
    return changed


@dataclass(frozen=True, slots=True)
class PanelSays:
    """What a panel of people says of one dimension of a scenario; `outcome` None: nothing, or nothing any more."""

    scenario_id: int
    dimension: str
    outcome: str | None
    evidence: Mapping[str, Any]


def write_human_verdicts(
    dataset: Dataset, said: Sequence[PanelSays], *, panel: str
) -> tuple[dict[tuple[int, str], Verdict], int]:
    """Write down what a panel found about many scenarios of a dataset, in few statements, and settle those that it changed.

    The same panel's earlier verdicts are replaced, or withdrawn where it says nothing any more; other panels' and judges' stay
    visible beside them. What says the same as before is not touched.

    Returns: the panel's verdicts that stand, by scenario and dimension, and how many are new, changed or withdrawn.
    Raises:
        ValueError: no panel named, or an outcome that is neither pass nor fail: people who came to no answer wrote none.
    """
    if not panel:
        raise ValueError("a human verdict names its panel")
    for each in said:
        if each.outcome not in (None, Verdict.Outcome.PASS, Verdict.Outcome.FAIL):
            raise ValueError(f"people pass or fail a dimension; {each.outcome!r} is no verdict of theirs")
    now = timezone.now()
    new, changed, gone, touched = [], [], [], set()
    with transaction.atomic():
        rows = Verdict.objects.filter(panel=panel, scenario__in={each.scenario_id for each in said})
        standing = {(row.scenario_id, row.dimension): row for row in rows}
        for each in said:
            key = (each.scenario_id, str(each.dimension))
            verdict = standing.get(key)
            if each.outcome is None:
                if verdict is None:
                    continue
                gone.append(standing.pop(key).pk)
            elif verdict is None:
                standing[key] = Verdict(
                    scenario_id=each.scenario_id,
                    dimension=key[1],
                    panel=panel,
                    outcome=each.outcome,
                    source=Verdict.Source.HUMAN,
                    evidence=dict(each.evidence),
                )
                new.append(standing[key])
            elif (verdict.outcome, verdict.evidence) != (each.outcome, each.evidence):
                verdict.outcome, verdict.evidence, verdict.created_at = each.outcome, dict(each.evidence), now
                changed.append(verdict)
            else:
                continue
            touched.add(each.scenario_id)
        if gone:
            Verdict.objects.filter(pk__in=gone).delete()
        Verdict.objects.bulk_create(new, batch_size=1_000)
        Verdict.objects.bulk_update(changed, ["outcome", "evidence", "created_at"], batch_size=500)
        resettle_all(dataset, sorted(touched))
    return standing, len(new) + len(changed) + len(gone)


def human_validated(verdicts: Iterable[Verdict], *, dimensions: Iterable[str]) -> bool:
    """Whether one panel of people has passed every dimension; `Scenario.objects.human_validated()` asks it of many."""
    passed: dict[str, set[str]] = {}
    for verdict in verdicts:
        if verdict.source == Verdict.Source.HUMAN and verdict.outcome == Verdict.Outcome.PASS:
            passed.setdefault(verdict.panel, set()).add(verdict.dimension)
    return any(passed_by_one >= set(dimensions) for passed_by_one in passed.values())
