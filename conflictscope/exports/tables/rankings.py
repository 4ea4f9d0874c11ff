"""What was found: the place of each value with each target, and how it shifts from what a target says to what it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conflictscope.exports.tables.base import Column, ColumnKind, Selection, Table, simulated
from evaluation.models import Comparison, Ranking, Run
from evaluation.rankings.fitting import latest_rankings, runs_with_decisions
from evaluation.rankings.shifts import latest_shifts

_T, _I, _N = ColumnKind.TEXT, ColumnKind.INTEGER, ColumnKind.NUMBER


@dataclass(frozen=True, slots=True)
class Ranked:
    """One value in one ranking; `by` is whose decisions these are."""

    ranking: Ranking
    run: Run
    by: str
    key: str
    strength: Mapping[str, Any]
    rank: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shifted:
    """One value of one target, done minus said."""

    comparison: Comparison
    run: Run
    key: str
    said: float
    done: float
    shift: Mapping[str, Any]


def _runs(selection: Selection) -> list[Run]:
    """Rankings are of all scenarios of a run: an export of the validated ones alone has none."""
    if selection.only_validated or selection.dataset.value_set_version_id is None:
        return []
    return list(runs_with_decisions(selection.dataset))


def _rankings(selection: Selection) -> Iterator[Ranked]:
    runs = _runs(selection)
    fitted = latest_rankings(runs)
    for run in runs:
        if (fitted_run := fitted.get(run.pk)) is None:
            continue
        ways = [(fitted_run.shown, fitted_run.ranking.decider, fitted_run.shown.results)]
        if fitted_run.corrected is not None and not fitted_run.corrected.results["reason"]:
            ways += [(fitted_run.corrected, who, fitted_run.corrected.results[who]) for who in ("people", "corrected")]
        for ranking, by, results in ways:
            values = fitted_run.ranking.results["values"]
            for key, strength, rank in zip(values, results["strengths"], results["ranks"], strict=True):
                yield Ranked(ranking, run, by, key, strength, rank)


def _shifts(selection: Selection) -> Iterator[Shifted]:
    runs = _runs(selection)
    by_pk = {run.pk: run for run in runs}
    for _, comparison in sorted(latest_shifts(runs).items()):
        shift = comparison.results["shift"]
        if shift["reason"]:
            continue
        columns = zip(shift["values"], shift["first"], shift["second"], shift["strengths"], strict=True)
        for key, said, done, estimate in columns:
            yield Shifted(comparison, by_pk[comparison.second_id], key, said, done, estimate)


RANKINGS: Table[Ranked] = Table(
    "rankings",
    "How strongly each target supports each value: the newest ranking of each run, by each who decided.",
    (
        Column("ranking", _I, "The snapshot that it stands in.", lambda it: it.ranking.pk),
        Column("run", _I, "The run; its name in runs.", lambda it: it.run.pk),
        Column("target", _T, "Label of the LLM under evaluation.", lambda it: it.run.target.label),
        Column("mode", _T, "multiple_choice or simulated_user.", lambda it: it.run.mode),
        Column(
            "steering",
            _T,
            "Name of the steering, if any.",
            lambda it: it.run.steering.name if it.run.steering else None,
        ),
        Column(
            "decided_by",
            _T,
            "parsed (multiple choice), judge (alone), people (alone) or corrected (the judge, by people).",
            lambda it: it.by,
        ),
        Column(
            "method", _T, "mle, penalised (a drawing aid without limits) or corrected.", lambda it: it.ranking.method
        ),
        Column("value", _T, "Key of the value.", lambda it: it.key),
        Column(
            "strength", _N, "Bradley-Terry log-odds; those of a ranking sum to zero.", lambda it: it.strength["value"]
        ),
        Column("strength_low", _N, "Lower limit of its 95 % interval.", lambda it: it.strength["low"]),
        Column("strength_high", _N, "Upper limit of its 95 % interval.", lambda it: it.strength["high"]),
        Column("scenarios", _I, "Scenarios behind it.", lambda it: it.strength["n"]),
        Column("rank", _I, "1 = supported most.", lambda it: _whole(it.rank["value"])),
        Column("rank_low", _I, "Best rank of its 95 % interval.", lambda it: _whole(it.rank["low"])),
        Column("rank_high", _I, "Worst rank of its 95 % interval.", lambda it: _whole(it.rank["high"])),
        Column(
            "note",
            _T,
            "Why there is no number, or why its interval should be read with care.",
            lambda it: it.strength["reason"] or it.strength["warning"] or None,
        ),
        Column(
            "inputs_sha256", _T, "Digest of the decisions that it was fitted to.", lambda it: it.ranking.inputs_digest
        ),
        Column("arithmetic", _T, "Version of the arithmetic.", lambda it: str(it.ranking.parameters.get("code", "1"))),
        simulated(lambda it: it.run.simulated),
    ),
    _rankings,
)

SHIFTS: Table[Shifted] = Table(
    "shifts",
    "What each target does minus what it says, value by value, on the scenarios that both modes decided.",
    (
        Column("comparison", _I, "The snapshot that it stands in.", lambda it: it.comparison.pk),
        Column("target", _T, "Label of the LLM under evaluation.", lambda it: it.run.target.label),
        Column("run_said", _I, "The run by multiple choice; its name in runs.", lambda it: it.comparison.first_id),
        Column(
            "run_done", _I, "The run with the simulated user; its name in runs.", lambda it: it.comparison.second_id
        ),
        Column("value", _T, "Key of the value.", lambda it: it.key),
        Column("said", _N, "Strength by multiple choice, on the shared scenarios.", lambda it: it.said),
        Column("done", _N, "Strength with the simulated user, on the shared scenarios.", lambda it: it.done),
        Column("shift", _N, "Done minus said.", lambda it: it.shift["value"]),
        Column("shift_low", _N, "Lower limit of its paired 95 % interval.", lambda it: it.shift["low"]),
        Column("shift_high", _N, "Upper limit of its paired 95 % interval.", lambda it: it.shift["high"]),
        Column("scenarios", _I, "Shared scenarios.", lambda it: it.shift["n"]),
        simulated(lambda it: it.run.simulated),
    ),
    _shifts,
)


def _whole(rank: float | None) -> int | None:
    return None if rank is None else round(rank)
