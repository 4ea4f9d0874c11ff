"""How often targets do alike in conversation: by the judge alone, and corrected by people who decided what all of them did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from django.db.models import F, Q

from conflictscope.scenarios.models import Dataset
from conflictscope.stats.correction import corrected_mean
from conflictscope.stats.datasets import ObservedAgreement, agreement_of_counts
from conflictscope.stats.types import Estimate
from evaluation.measures.decisions import trials_of
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Judgement, Run
from evaluation.rankings import corrections
from evaluation.rankings.alike import newest_of_targets
from evaluation.rankings.fitting import runs_with_decisions
from evaluation.running.runs import scenarios_in

ARITHMETIC = "agreement in conversation 1"
SIDES = (Judgement.Choice.VALUE_1, Judgement.Choice.VALUE_2)


@dataclass(frozen=True, slots=True)
class DoneAlike:
    """Observed agreement of what targets do. `corrected`: None where people decided nothing of it."""

    alone: ObservedAgreement
    corrected: Estimate | None
    targets: int


def done_alike(dataset: Dataset) -> DoneAlike | None:
    """Of the newest unsteered conversation run of each target, in the scope that most of them have; None with fewer than two.

    Kept for the state of the runs' rows.
    """
    runs = newest_of_targets(runs_with_decisions(dataset), Run.Mode.SIMULATED_USER)
    scopes = [run.scope for run in runs]
    runs = [run for run in runs if run.scope == max(sorted(set(scopes)), key=scopes.count)]
    if len(runs) < 2:
        return None
    found: DoneAlike = worked_out(
        ARITHMETIC, state_of(runs), [run.pk for run in runs], lambda: _done_alike(dataset, runs)
    )
    return found


def _done_alike(dataset: Dataset, runs: Sequence[Run]) -> DoneAlike:
    # By scenario and sample, and by run: what was decided.
    judged: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    told: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    tuned: set[str] = set()
    rows = (
        Judgement.objects.filter(
            Q(source=Judgement.Source.HUMAN, of_selection=False) | Q(judge=F("response__run__judge")),
            response__run__in=runs,
            response__scenario__in=scenarios_in(dataset, runs[0].scope),
        )
        .order_by("pk")
        .values_list("response__scenario__uid", "response__sample", "response__run", "source", "choice", "dev")
    )
    for uid, sample, run, source, choice, dev in rows:
        (told if source == Judgement.Source.HUMAN else judged)[uid, sample][run] = choice
        if dev:
            tuned.add(uid)  # what judges were tuned on corrects none
    alone = agreement_of_counts(*_counted(judged))
    return DoneAlike(alone, _corrected(runs, judged, told, tuned), len(runs))


def _corrected(
    runs: Sequence[Run],
    judged: Mapping[tuple[str, int], Mapping[int, str]],
    told: Mapping[tuple[str, int], Mapping[int, str]],
    tuned: Collection[str],
) -> Estimate | None:
    """Over scenarios of which the judge has an agreement; people's counts where they decided all that was judged of it."""
    if not told:
        return None
    if any(corrections.sealed(run, run.judge, trials_of(run)) for run in runs):
        return Estimate.undefined(corrections.SEALED)
    by_judge, by_people = (_by_scenario(each) for each in (judged, told))
    partly = {slot[0] for slot, decided in judged.items() if set(decided) - set(told.get(slot, {}))}
    frame = [uid for uid in by_judge if uid not in tuned]
    people = [by_people[uid] if uid in by_people and uid not in partly else np.nan for uid in frame]
    return corrected_mean([by_judge[uid] for uid in frame], people)


def _by_scenario(decided: Mapping[tuple[str, int], Mapping[int, str]]) -> dict[str, float]:
    """Of each scenario on which two targets or more took a side, the mean agreement of its samples."""
    shares: dict[str, list[float]] = defaultdict(list)
    for uid, first, second in zip(*_counted(decided), strict=True):
        m = first + second
        if m >= 2:
            shares[uid].append((first * (first - 1) + second * (second - 1)) / (m * (m - 1)))
    return {uid: fmean(each) for uid, each in shares.items()}


def _counted(decided: Mapping[tuple[str, int], Mapping[int, str]]) -> tuple[list[str], list[int], list[int]]:
    names = [uid for uid, _ in decided]
    first, second = ([sum(choice == side for choice in each.values()) for each in decided.values()] for side in SIDES)
    return names, first, second
