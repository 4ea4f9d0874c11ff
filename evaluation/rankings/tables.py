"""Rankings as plain text, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from evaluation.models import Comparison, Ranking
from evaluation.rankings.fitting import FittedRun
from evaluation.tables import aligned, said


def ranking_table(fitted: FittedRun, names: Mapping[str, str]) -> str:
    """A run's ranking: strengths, ranks, what was undecided, how well one order fits."""
    shown = fitted.shown.results
    counts = shown["counts"]
    steered = f", steered by {fitted.run.steering}" if fitted.run.steering else ""
    counted = f"{counts['decided_trials']} decided of {counts['trials']} trials on {counts['scenarios']} scenarios"
    who = "" if fitted.shown.decider == Ranking.Decider.PARSED else f", {fitted.shown.get_decider_display().lower()}"
    lines = [f"{fitted.run.target}, {fitted.run.get_mode_display().lower()}{steered}{who}: {counted}"]
    if fitted.ranking.results["reason"]:
        lines.append(f"  Not estimable: {fitted.ranking.results['reason']}.")
    if fitted.penalised:
        lines.append(f"  Penalised fit (alpha {shown['alpha']:g}) instead:")
    if fitted.penalised or not fitted.ranking.results["reason"]:
        rows = [("rank", "value", "strength θ", "rank [95 %]", "scenarios")]
        for k in sorted(range(len(shown["values"])), key=lambda k: (shown["ranks"][k]["value"] or math.inf, k)):
            rank, strength = shown["ranks"][k], shown["strengths"][k]
            place = "–" if rank["value"] is None else f"{rank['value']:.0f}"
            rows.append((place, names[shown["values"][k]], said(strength), said(rank, digits=0), str(strength["n"])))
        lines.append(aligned(rows))
    lines.append(f"  Undecided: {said(counts['undecided'], percent=True, count='trials')}.")
    lines.append(f"  Fit of one order: {fit_sentence(shown['fit'])}")
    lines += [f"  Note: {warning}." for warning in shown["warnings"]]
    return "\n".join(lines)


def corrected_table(ranking: Ranking, names: Mapping[str, str]) -> str:
    """People alone and the judge corrected by them, or why there is no correction."""
    results = ranking.results
    if results["reason"]:
        return f"  Corrected by people: {results['reason']}."
    rows = [("value", "corrected by people θ", "rank [95 %]", "people alone θ")]
    columns = zip(
        *(results["values"], results["corrected"]["strengths"]),
        *(results["corrected"]["ranks"], results["people"]["strengths"]),
        strict=True,
    )
    rows += [(names[key], said(both), said(rank, digits=0), said(people)) for key, both, rank, people in columns]
    labelled = f"{results['labelled']} of {results['scenarios']} judged scenarios labelled whole by people"
    notes = [f"  Note: {warning}." for warning in results["warnings"]]
    return "\n".join(
        [f"  Corrected by people ({labelled}; λ = {results['corrected']['lam']:.2f}):", aligned(rows), *notes]
    )


def shift_table(comparison: Comparison, target: str, names: Mapping[str, str]) -> str:
    """Done minus said, value by value, on the scenarios that both decided."""
    shift, corrected = comparison.results["shift"], comparison.results["corrected"]
    if shift["reason"]:
        return f"{target}, said against done: not comparable: {shift['reason']}."
    heading = ("value", "said θ", "done θ", "done − said [95 %]", "rank said → done")
    with_people = corrected is not None and not corrected["reason"]
    rows = [(*heading, "corrected by people") if with_people else heading]
    for k, key in enumerate(shift["values"]):
        cells = (
            names[key],
            f"{shift['first'][k]:.2f}",
            f"{shift['second'][k]:.2f}",
            said(shift["strengths"][k]),
            f"{shift['first_ranks'][k]} → {shift['second_ranks'][k]}",
        )
        rows.append((*cells, said(corrected["strengths"][k])) if with_people else cells)
    lines = [f"{target}, said against done on {shift['scenarios']} scenarios; Kendall's τ-b {said(shift['tau'])}:"]
    lines.append(aligned(rows))
    if corrected is not None and corrected["reason"]:
        lines.append(f"  Corrected by people: {corrected['reason']}.")
    if warning := shift["strengths"][0]["warning"]:
        lines.append(f"  Note: {warning}.")
    return "\n".join(lines)


def fit_sentence(fit: Mapping[str, Any]) -> str:
    """Whether one order of the values describes the choices at all."""
    if fit["p_value"] is None:
        return f"cannot be tested: {fit['reason']}."
    numbers = f"G² / design effect = {fit['g2'] / fit['design_effect']:.1f}, df = {fit['df']}, p = {fit['p_value']:.2g}"
    if fit["p_value"] < 0.05:
        return f"one order does not describe these choices well ({numbers}); look at the pairs."
    return f"one order describes these choices ({numbers})."
