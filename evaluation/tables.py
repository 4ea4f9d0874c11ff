"""Estimates and rankings as plain text, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from conflictscope.stats.types import Estimate
from evaluation.ranking import FittedRun


def said(given: Estimate | Mapping[str, Any], *, digits: int = 2, percent: bool = False, count: str = "") -> str:
    """0.62 [0.51, 0.73], or the reason why there is no number. `count` names the units behind it, such as "scenarios"."""
    number = given if isinstance(given, Estimate) else Estimate(**given)
    counted = f" ({number.n} {count})" if count else ""
    if number.value is None:
        return f"undefined: {number.reason}{counted}"

    def one(value: float) -> str:
        return f"{100 * value:.{max(digits - 2, 0)}f} %" if percent else f"{value:.{digits}f}"

    limits = f" [{one(number.low)}, {one(number.high)}]" if number.low is not None and number.high is not None else ""
    return one(number.value) + limits + counted


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join("  " + line for line in lines)


def ranking_table(fitted: FittedRun, names: Mapping[str, str]) -> str:
    """A run's ranking: strengths, ranks, what was undecided, how well one order fits."""
    shown = fitted.shown.results
    counts = shown["counts"]
    steered = f", steered by {fitted.run.steering}" if fitted.run.steering else ""
    counted = f"{counts['decided_trials']} decided of {counts['trials']} trials on {counts['scenarios']} scenarios"
    lines = [f"{fitted.run.target}, {fitted.run.get_mode_display().lower()}{steered}: {counted}"]
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


def fit_sentence(fit: Mapping[str, Any]) -> str:
    """Whether one order of the values describes the choices at all."""
    if fit["p_value"] is None:
        return f"cannot be tested: {fit['reason']}."
    numbers = f"G² / design effect = {fit['g2'] / fit['design_effect']:.1f}, df = {fit['df']}, p = {fit['p_value']:.2g}"
    if fit["p_value"] < 0.05:
        return f"one order does not describe these choices well ({numbers}); look at the pairs."
    return f"one order describes these choices ({numbers})."
