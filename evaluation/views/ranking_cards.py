"""Rankings as their page shows them: a snapshot's columns turned into rows, with the way back to the responses."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from evaluation.models import Comparison, Ranking, Run
from evaluation.rankings.consistency import contradicted
from evaluation.rankings.fitting import FittedRun, stale_runs
from evaluation.rankings.tables import fit_sentence
from evaluation.running.variants import variants


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value's place. Strengths and ranks are estimates as a snapshot holds them; beside them those of people alone and of the judge
    corrected by people, if people decided some.

    `relative`: what can be said of it where there is no finite fit. `rank_set`: the ranks it may have, all values together.
    """

    name: str
    strength: Mapping[str, Any]
    rank: Mapping[str, Any]
    relative: Mapping[str, Any] | None = None
    rank_set: Mapping[str, Any] | None = None
    by_people: Mapping[str, Any] | None = None
    corrected: Mapping[str, Any] | None = None
    corrected_rank: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair's win share, the share that the strengths imply, and where its responses are."""

    value_1: str
    value_2: str
    share: Mapping[str, Any]
    fitted: float | None
    breaks_the_order: bool
    scenarios: int
    decided: int
    href: str


@dataclass(frozen=True, slots=True)
class RankingCard:
    """One run's ranking. `strengths` says whether there are any to show; `reason` why there is no plain fit."""

    run: Run
    label: str
    ranking: Ranking
    strengths: bool
    reason: str
    penalised: bool
    values: tuple[ValueRow, ...]
    pairs: tuple[PairRow, ...]
    counts: Mapping[str, Any]
    corrected: Mapping[str, Any] | None
    fit: str
    warnings: tuple[str, ...]
    covariates: tuple[Mapping[str, Any], ...]
    position: Mapping[str, Any] | None
    acting: Mapping[str, Any] | None
    stale: bool
    contradicted: tuple[str, ...] = ()

    @property
    def breaking(self) -> int:
        """How many pairs break the order."""
        return sum(pair.breaks_the_order for pair in self.pairs)

    @property
    def bounded(self) -> bool:
        """Whether values without a finite strength have bounds to show."""
        return any(value.relative for value in self.values)


def cards_of(fitted: Collection[FittedRun], names: Mapping[str, str]) -> list[RankingCard]:
    """One card for each fitted run, values from the most to the least supported."""
    labels = variants([fitted_run.run for fitted_run in fitted])
    stale = stale_runs([fitted_run.run for fitted_run in fitted])
    return [
        _card(fitted_run, names, label=labels[fitted_run.run.pk], stale=fitted_run.run.pk in stale)
        for fitted_run in fitted
    ]


def _card(one: FittedRun, names: Mapping[str, str], *, label: str, stale: bool) -> RankingCard:
    results = one.shown.results
    columns = zip(results["values"], results["strengths"], results["ranks"], strict=True)
    plain = one.ranking.results
    relative = plain.get("relative") or [None] * len(names)
    sets = plain.get("rank_sets") or [None] * len(names)
    people, corrected = one.by("people"), one.by("corrected")
    nothing = [None] * len(names)
    theirs = zip(
        people["strengths"] if people else nothing,
        corrected["strengths"] if corrected else nothing,
        corrected["ranks"] if corrected else nothing,
        strict=True,
    )
    values = [
        ValueRow(names.get(key, key), strength, rank, *more, *beside)
        for (key, strength, rank), more, beside in zip(columns, zip(relative, sets, strict=True), theirs, strict=True)
    ]
    values.sort(key=lambda value: value.rank["value"] or math.inf)
    return RankingCard(
        run=one.run,
        label=label,
        ranking=one.shown,
        strengths=any(value.strength["value"] is not None for value in values),
        reason=one.ranking.results["reason"],
        penalised=one.penalised is not None,
        values=tuple(values),
        pairs=tuple(_pair(one.run, pair, names) for pair in results["pairs"]),
        counts=results["counts"],
        corrected=one.corrected.results if one.corrected else None,
        fit=fit_sentence(results["fit"]),
        warnings=tuple(results["warnings"]),
        covariates=tuple(plain.get("covariates", ())),
        position=plain.get("position"),
        acting=plain.get("acting"),
        stale=stale,
        contradicted=contradicted(one, names),
    )


def _pair(run: Run, pair: Mapping[str, Any], names: Mapping[str, str]) -> PairRow:
    first, second = pair["value_1"], pair["value_2"]
    page = reverse("evaluation:run", args=[run.study.slug, run.pk])
    return PairRow(
        value_1=names.get(first, first),
        value_2=names.get(second, second),
        share=pair["share"],
        fitted=pair["fitted"],
        breaks_the_order=pair["residual"] is not None and abs(pair["residual"]) > 2,
        scenarios=pair["scenarios"],
        decided=pair["decided"],
        href=f"{page}?pair={first}~{second}",
    )


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One value: where it stands when the target is asked and when it acts, and the difference (corrected: by people's decisions)."""

    name: str
    said: float
    done: float
    rank_said: int
    rank_done: int
    shift: Mapping[str, Any]
    corrected: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ShiftCard:
    """Said against done; `reason` says why there is no comparison."""

    comparison: Comparison
    rows: tuple[ShiftRow, ...]
    reason: str

    @property
    def corrected(self) -> bool:
        return any(row.corrected for row in self.rows)


def shift_of(comparison: Comparison | None, names: Mapping[str, str]) -> ShiftCard | None:
    """The snapshot as rows, the value that gained most first; None where nothing was compared."""
    if comparison is None:
        return None
    shift, corrected = comparison.results["shift"], comparison.results["corrected"]
    if shift["reason"]:
        return ShiftCard(comparison, (), shift["reason"])
    people = corrected["strengths"] if corrected and not corrected["reason"] else [None] * len(shift["values"])
    columns = zip(
        *(shift["values"], shift["first"], shift["second"], shift["first_ranks"], shift["second_ranks"]),
        *(shift["strengths"], people),
        strict=True,
    )
    rows = [ShiftRow(names.get(key, key), *rest) for key, *rest in columns]
    rows.sort(key=lambda row: -row.shift["value"])
    return ShiftCard(comparison, tuple(rows), "")
