"""All rankings of a dataset at one look: targets by values, and the sentence that says what was found. Nothing is fitted here."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from evaluation.models import Run
from evaluation.rankings.consistency import TargetShift
from evaluation.rankings.fitting import FittedRun
from evaluation.running.variants import variants

Measure = Literal["strength", "rank"]
SAID, DONE = Run.Mode.MULTIPLE_CHOICE, Run.Mode.SIMULATED_USER

# Strengths of the heat map's nine steps: θ of ±2 and beyond has the deepest colour (odds of 55 to 1 between the two ends).
DEEPEST = 2.0
STEPS = 9


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of one ranking; `step` is its shade from 0 (supported least) to 8 (most), None where nothing can be shown."""

    estimate: Mapping[str, Any]
    step: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One run's ranking. `marks` are the sentences to be careful about, `reason` why there is no plain fit."""

    run: Run
    variant: str
    cells: tuple[Cell, ...]
    marks: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: the value's key and name; `place` (from 1) is its place in the value set, which gives it its colour everywhere."""

    key: str
    name: str
    place: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]

    @property
    def marked(self) -> bool:
        """Whether there is anything to be careful about."""
        return any(row.marks or row.reason for row in self.rows)


def heat_map(
    fitted: Collection[FittedRun],
    names: Mapping[str, str],
    *,
    measure: Measure = "strength",
    who: str = "own",
    sort: str = "",
) -> HeatMap:
    """Rows are runs, columns values in their set's order.

    Args:
        measure: what the cells hold. who: by whose decisions (`FittedRun.by`); runs without such are left out.
        sort: the key of a value, most supported first; else by target. What has no number comes last.
    """
    labels = variants([fitted_run.run for fitted_run in fitted])
    rows = [
        _row(fitted_run, results, labels[fitted_run.run.pk], measure, len(names))
        for fitted_run in fitted
        if (results := fitted_run.by(who)) is not None
    ]
    keys = list(names)
    if sort in names:
        column = keys.index(sort)
        rows.sort(key=lambda row: _order(row.cells[column], measure))
    else:
        rows.sort(key=lambda row: (row.run.target.label, row.run.mode))
    headings = [Heading(key, name, place) for place, (key, name) in enumerate(names.items(), start=1)]
    return HeatMap(tuple(headings), tuple(rows))


def shift_map(
    shifts: Sequence[TargetShift], runs: Collection[Run], names: Mapping[str, str], *, sort: str = ""
) -> HeatMap:
    """Rows are targets, columns values, cells what a target does minus what it says; the deepest shade is a shift of 2 and beyond."""
    by_pk = {run.pk: run for run in runs}
    rows = [
        Row(
            run=by_pk[each.comparison.second_id],
            variant=f"τ-b {each.tau.value:.2f}" if each.tau.value is not None else "",
            cells=tuple(
                Cell(dataclasses.asdict(one), _step(one.value, "strength", len(names))) for one in each.strengths
            ),
            marks=tuple(dict.fromkeys(one.warning for one in each.strengths if one.warning)),
            reason=each.strengths[0].reason,
        )
        for each in shifts
    ]
    keys = list(names)
    if sort in names:
        rows.sort(key=lambda row: _order(row.cells[keys.index(sort)], "strength"))
    headings = [Heading(key, name, place) for place, (key, name) in enumerate(names.items(), start=1)]
    return HeatMap(tuple(headings), tuple(rows))


def finding(fitted: Collection[FittedRun], names: Mapping[str, str]) -> str:
    """In one or two sentences which values come first, said and done, and which moves most between the two; empty without a rank.

    Unsteered runs only, and of a target and mode the newest. Mean ranks count from 1.
    """
    ranks = _ranks(fitted)
    sentences = []
    for mode, verb in ((SAID, "Asked (multiple choice)"), (DONE, "In conversation (simulated user)")):
        of_mode = [by_value for (_, which), by_value in ranks.items() if which == mode]
        if of_mode:
            sentences.append(f"{verb}, {_first_places(of_mode, names)}.")
    if moved := _furthest(ranks, names):
        sentences.append(moved)
    return " ".join(sentences)


def _row(one: FittedRun, results: Mapping[str, Any], variant: str, measure: Measure, size: int) -> Row:
    column = results["strengths"] if measure == "strength" else results["ranks"]
    own = results is one.shown.results
    marks = [f"Penalised fit: {one.ranking.results['reason']}"] if own and one.penalised else []
    warnings = results["warnings"] if own else one.corrected.results["warnings"] if one.corrected else ()
    return Row(
        run=one.run,
        variant=variant,
        cells=tuple(Cell(estimate, _step(estimate["value"], measure, size)) for estimate in column),
        marks=(*marks, *warnings),
        reason=results["reason"],
    )


def _step(value: float | None, measure: Measure, size: int) -> int | None:
    if value is None:
        return None
    if measure == "strength":
        share = (min(max(value, -DEEPEST), DEEPEST) + DEEPEST) / (2 * DEEPEST)
    else:
        share = (size - value) / max(size - 1, 1)
    return round(share * (STEPS - 1))


def _order(cell: Cell, measure: Measure) -> tuple[bool, float]:
    value = cell.estimate["value"]
    return value is None, 0.0 if value is None else value if measure == "rank" else -value


def _ranks(fitted: Collection[FittedRun]) -> dict[tuple[str, str], dict[str, float]]:
    """Ranks by value for each target and mode that has a plain fit."""
    ranks = {}
    for fitted_run in sorted(fitted, key=lambda each: each.run.pk):
        if fitted_run.run.steering_id is None and not fitted_run.ranking.results["reason"]:
            results = fitted_run.ranking.results
            places = zip(results["values"], results["ranks"], strict=True)
            ranks[fitted_run.run.target.label, str(fitted_run.run.mode)] = {
                key: rank["value"] for key, rank in places if rank["value"] is not None
            }
    return ranks


def _first_places(of_mode: Sequence[Mapping[str, float]], names: Mapping[str, str]) -> str:
    first = Counter(names[key] for by_value in of_mode for key, rank in by_value.items() if rank == 1)
    (best, count), *others = first.most_common(3)
    if len(of_mode) == 1:
        return f"{best} comes first" if not others else f"{' and '.join(first)} share the first place"
    if count == len(of_mode) and not others:
        return f"{best} comes first with all {count} targets"
    return ", ".join(
        [f"{best} comes first with {count} of {len(of_mode)} targets", *(f"{name} with {n}" for name, n in others)]
    )


def _furthest(ranks: Mapping[tuple[str, str], Mapping[str, float]], names: Mapping[str, str]) -> str:
    """The value whose mean rank differs most between the modes, over targets that have both."""
    both = [target for target, mode in ranks if mode == SAID and (target, str(DONE)) in ranks]
    if not both:
        return ""
    said_ranks: dict[str, list[float]] = defaultdict(list)
    done_ranks: dict[str, list[float]] = defaultdict(list)
    for target in both:
        for key, rank in ranks[target, str(SAID)].items():
            if key in ranks[target, str(DONE)]:
                said_ranks[key].append(rank)
                done_ranks[key].append(ranks[target, str(DONE)][key])
    if not said_ranks:
        return ""
    key = max(said_ranks, key=lambda key: abs(fmean(done_ranks[key]) - fmean(said_ranks[key])))
    before, after = fmean(said_ranks[key]), fmean(done_ranks[key])
    if before == after:
        return "No value's mean rank differs between saying and doing."
    over = "on 1 target" if len(both) == 1 else f"over {len(both)} targets"
    verb = "loses" if after > before else "gains"
    return (
        f"{names[key]} {verb} most from saying to doing: mean rank {before:.1f} to {after:.1f} {over}, counted from 1."
    )
