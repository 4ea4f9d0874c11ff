"""How often targets do alike in conversation: by the judge alone, and corrected by people who decided what all of them did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
from django.db.models import F, Q

from conflictscope.scenarios.models import Dataset
from conflictscope.stats.correction import corrected_mean
from conflictscope.stats.datasets import ObservedAgreement, agreement_of_counts
from conflictscope.stats.types import Estimate
from evaluation.measures.decisions import chances_of
from evaluation.measures.kept import state_of, worked_out
from evaluation.models import Judgement, Run
from evaluation.rankings import corrections
from evaluation.rankings.alike import newest_of_targets
from evaluation.rankings.fitting import runs_with_decisions
from evaluation.running.runs import scenarios_in

ARITHMETIC = "agreement in conversation 2"
SIDES = (Judgement.Choice.VALUE_1, Judgement.Choice.VALUE_2)
UNKNOWN_CHANCES = (
    "people judged these runs in different campaigns, with unequal chances, so nobody knows how likely a scenario was to be in all "
    "of them: have one campaign judge all runs"
)


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
    sealed = corrections.sealed_among([(run, run.judge) for run in runs])
    found: DoneAlike = worked_out(
        ARITHMETIC,
        state_of(runs),
        [[run.pk for run in runs], sealed],
        lambda: _done_alike(dataset, runs, sealed=bool(sealed)),
    )
    return found


@dataclass(frozen=True, slots=True)
class _People:
    """What people decided: by scenario and sample, and by run, as the judge's decisions stand.

    Attributes:
        tuned: scenarios on which judges were tuned; chance: how likely a scenario was drawn for them, where that is known.
    """

    told: dict[tuple[str, int], dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    tuned: set[str] = field(default_factory=set)
    panels: set[str] = field(default_factory=set)
    chance: dict[str, float] = field(default_factory=dict)


def _done_alike(dataset: Dataset, runs: Sequence[Run], *, sealed: bool) -> DoneAlike:
    judged: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    pairs: dict[str, tuple[str, str]] = {}
    people = _People()
    rows = (
        Judgement.objects.filter(
            Q(source=Judgement.Source.HUMAN, of_selection=False) | Q(judge=F("response__run__judge")),
            response__run__in=runs,
            response__scenario__in=scenarios_in(dataset, runs[0].scope),
        )
        .order_by("pk")
        .values_list(
            *("response__scenario__uid", "response__sample", "response__run", "source", "choice", "dev"),
            *("panel", "inclusion_probability", "response__scenario__value_1", "response__scenario__value_2"),
        )
    )
    for uid, sample, run, source, choice, dev, panel, chance, value_1, value_2 in rows.iterator(chunk_size=5000):
        pairs[uid] = (str(value_1), str(value_2))
        if source != Judgement.Source.HUMAN:
            judged[uid, sample][run] = choice
            continue
        people.told[uid, sample][run] = choice
        people.panels.add(panel)
        if chance is not None:
            people.chance[uid] = chance
        if dev:
            people.tuned.add(uid)  # what judges were tuned on corrects none
    alone = agreement_of_counts(*_counted(judged))
    corrected = Estimate.undefined(corrections.SEALED) if sealed else _corrected(judged, people, pairs)
    return DoneAlike(alone, corrected if people.told else None, len(runs))


def _corrected(
    judged: Mapping[tuple[str, int], Mapping[int, str]], people: _People, pairs: Mapping[str, tuple[str, str]]
) -> Estimate:
    """Over scenarios of which the judge has an agreement; people's counts where they decided all that was judged of it, weighed by how
    likely that was to be asked of them."""
    by_judge, by_people = (_by_scenario(each) for each in (judged, people.told))
    partly = {slot[0] for slot, decided in judged.items() if set(decided) - set(people.told.get(slot, {}))}
    frame = [uid for uid in by_judge if uid not in people.tuned]
    whole = {uid for uid in frame if uid in by_people and uid not in partly}
    drawn = {uid: chance for uid, chance in people.chance.items() if uid in whole}
    chances = chances_of(drawn, {uid: pairs[uid] for uid in frame})
    if chances and len(people.panels) > 1:
        return Estimate.undefined(UNKNOWN_CHANCES)
    return corrected_mean(
        [by_judge[uid] for uid in frame],
        [by_people[uid] if uid in whole else np.nan for uid in frame],
        chance=[chances.get(uid, 1.0) for uid in frame] if chances else None,
    )


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
