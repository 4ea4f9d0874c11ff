"""Estimates as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conflictscope.stats.types import Estimate


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
