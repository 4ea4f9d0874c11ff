"""When enough has been labelled: a rule for a wanted width, and limits that may be looked at after every label.

Looking at a plain interval while labels come in, and stopping when one likes it, breaks it: over 1,500 labels it excludes the
truth at some time in 41-43 % of simulations. Both rules here hold when labels are served in random order within strata.
Everything is given by scenario, in the order of serving up to the first unfinished one (`finished`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from conflictscope.stats.clusters import Flags, Floats, Integers, Statistic, slopes
from conflictscope.stats.types import Result

# What the estimated width owes to having been looked at; without it coverage is 0.917-0.943.
LOOKED_AT = 1.1
FEWEST_SCENARIOS, FEWEST_RARE, FEWEST_DISAGREEING = 50, 10, 5
# Where scenarios have several items; with 10 the sequence excludes the truth in 8 % at a prevalence of 0.9.
FEWEST_RARE_CLUSTERED = 20


@dataclass(frozen=True, eq=False)
class RunningFigure:
    """A figure after each scenario, in serving order.

    Attributes: all of shape (n,) (or (runs, n)).
        value: nan while undefined. error: its standard error. scenarios: how many there are by then.
        rare: how many equal scenarios hold the answers outside the most frequent one; disagreeing: the disagreements.
        clustered: whether a scenario has several items.
    """

    value: Floats
    error: Floats
    scenarios: Integers
    rare: Floats
    disagreeing: Floats
    clustered: bool

    @property
    def fewest_rare(self) -> int:
        return FEWEST_RARE_CLUSTERED if self.clustered else FEWEST_RARE


@dataclass(frozen=True)
class StoppingPoint(Result):
    """Where the width rule stops.

    Attributes:
        stopped: whether it has. scenarios: at which number; all there are where it has not.
        value, half_width: of the figure there; the half-width is the wanted one once stopped, else the plain one x 1.1.
        reason: what is still lacking; empty once stopped.
    """

    stopped: bool
    scenarios: int
    value: float | None
    half_width: float | None
    reason: str


@dataclass(frozen=True)
class ThresholdDecision(Result):
    """Whether a figure lies above or below a threshold, by a confidence sequence.

    Attributes:
        above: True or False once decided, None before. scenarios: at which number; all there are before.
        value, low, high: of the figure there; low and high hold at all numbers of scenarios together.
    """

    above: bool | None
    scenarios: int
    value: float | None
    low: float | None
    high: float | None


def finished(complete: ArrayLike) -> int:
    """How many scenarios in serving order are complete before the first that is not.

    Args: complete: of each scenario in serving order, whether all its labels are there.
    """
    done = np.asarray(complete, dtype=bool)
    return len(done) if done.all() else int((~done).argmax())


def running(tables: ArrayLike, statistic: Statistic) -> RunningFigure:
    """The figure and its standard error after each scenario.

    Args:
        tables: what each scenario adds, judge by people, in serving order: shape (n, q, q), or (runs, n, q, q).
        statistic: of tables (..., q, q), such as `tables.kappa`, that does not change when a table is multiplied.
    Raises: ValueError: another shape.
    """
    by_scenario = np.asarray(tables, dtype=float)
    if by_scenario.ndim not in (3, 4) or by_scenario.shape[-1] != by_scenario.shape[-2]:
        raise ValueError(f"tables by scenario have shape (n, q, q), got {by_scenario.shape}")
    size = by_scenario.shape[-1]
    total = np.cumsum(by_scenario, axis=-3)
    flat = by_scenario.reshape(*by_scenario.shape[:-2], size**2)
    # Scores of a figure that ignores scale add up to 0, so that their squares are all their variance needs.
    products = np.cumsum(flat[..., :, None] * flat[..., None, :], axis=-3)
    slope = slopes(statistic, total, 2).reshape(flat.shape)
    square = np.einsum("...i,...ij,...j->...", slope, products, slope)
    count = np.arange(1, by_scenario.shape[-3] + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.maximum(square, 0) * np.where(count > 1, count / np.maximum(count - 1, 1), np.nan))
    # By scenario: what lies outside each category, of both raters, and what disagrees.
    answers = (by_scenario.sum(-1) + by_scenario.sum(-2)) / 2
    outside = answers.sum(-1, keepdims=True) - answers
    common = (total.sum(-1) + total.sum(-2)).argmax(-1)[..., None]
    rare = np.take_along_axis(_equal(outside, axis=-2), common, axis=-1)[..., 0]
    apart = _equal(by_scenario.sum((-2, -1)) - np.trace(by_scenario, axis1=-2, axis2=-1), axis=-1)
    return RunningFigure(
        value=statistic(total),
        error=error,
        scenarios=np.broadcast_to(count, error.shape),
        rare=rare,
        disagreeing=apart,
        clustered=bool(by_scenario.size) and bool((by_scenario.sum((-2, -1)) > 1 + 1e-9).any()),
    )


def ready(run: RunningFigure) -> Flags:
    """Whether enough is there to look at all: 50 scenarios, 10 with the rarer answer (20 of several items), 5 that disagree."""
    enough = (
        (run.scenarios >= FEWEST_SCENARIOS) & (run.rare >= run.fewest_rare) & (run.disagreeing >= FEWEST_DISAGREEING)
    )
    known: Flags = enough & np.isfinite(run.value) & np.isfinite(run.error)
    return known


def first_narrow(run: RunningFigure, half_width: float, *, level: float = 0.95) -> NDArray[np.int64]:
    """Index of the first scenario at which the width rule stops, -1 where it does not; one for each run.

    Source: Chow & Robbins (1965), Ann. Math. Stat. 36(2):457-462.
    """
    narrow = ready(run) & (_z(level) * run.error * LOOKED_AT <= half_width)
    return np.where(narrow.any(axis=-1), narrow.argmax(axis=-1), -1)


def at_width(run: RunningFigure, half_width: float, *, level: float = 0.95) -> StoppingPoint:
    """Whether labelling may stop, the wanted half-width being reached; the interval to report is then plus and minus it.

    It stops at the *first* scenario at which the plain half-width x 1.1 is at most the wanted one, and stays stopped.

    Args: run: of shape (n,); half_width: above 0.
    Raises: ValueError: a half-width not above 0, several runs.
    """
    if half_width <= 0:
        raise ValueError(f"a half-width must be above 0, got {half_width}")
    if run.value.ndim != 1:
        raise ValueError("one run at a time can be told; `first_narrow` takes several")
    index = int(first_narrow(run, half_width, level=level)) if len(run.value) else -1
    if index >= 0:
        return StoppingPoint(True, index + 1, float(run.value[index]), half_width, "")
    count = len(run.value)
    lacking = []
    if count < FEWEST_SCENARIOS:
        lacking.append(f"{FEWEST_SCENARIOS - count} more scenarios")
    for have, want, what in (
        (run.rare, run.fewest_rare, "with the rarer answer"),
        (run.disagreeing, FEWEST_DISAGREEING, "with a disagreement"),
    ):
        there = math.floor(have[-1] + 1e-9) if count else 0
        if there < want:
            lacking.append(f"{want - there} more {what}")
    here = float(run.error[-1]) * _z(level) * LOOKED_AT if count else math.nan
    reason = f"at least {', '.join(lacking)} before it can be told" if lacking else "the interval is still too wide"
    value = float(run.value[-1]) if count and math.isfinite(run.value[-1]) else None
    return StoppingPoint(False, count, value, here if math.isfinite(here) else None, reason)


def confidence_sequence(run: RunningFigure, *, expected: int, level: float = 0.95) -> tuple[Floats, Floats]:
    """Limits that hold at all numbers of scenarios together, narrowest near the `expected` one; nan before it is `ready`.

    At the expected number they are 1.55 times as wide as a plain interval: for deciding, not for reporting.

    Args: expected: the number of scenarios at which the limits are to be narrowest, 1 or more.
    Raises: ValueError: expected below 1.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), arXiv 2103.06476 (asymptotic confidence sequences).
    """
    if expected < 1:
        raise ValueError(f"the expected number of scenarios is 1 or more, got {expected}")
    alpha = 1 - level
    narrowest = -2 * math.log(alpha)
    mixed = (narrowest + math.log(narrowest + 1)) / expected
    scaled = run.scenarios * mixed
    wide = run.error * np.sqrt(2 * (scaled + 1) / scaled * np.log(np.sqrt(scaled + 1) / alpha))
    half = np.where(ready(run), wide, np.nan)
    return run.value - half, run.value + half


def decided(run: RunningFigure, threshold: float, *, expected: int, level: float = 0.95) -> ThresholdDecision:
    """Whether the figure is above or below a threshold, at the first scenario at which the sequence excludes it.

    Args: run: of shape (n,).
    Raises: ValueError: several runs; as `confidence_sequence`.
    """
    if run.value.ndim != 1:
        raise ValueError("one run at a time can be decided")
    low, high = confidence_sequence(run, expected=expected, level=level)
    out = (low > threshold) | (high < threshold)
    index = int(out.argmax()) if out.any() else len(out) - 1
    if index < 0:
        return ThresholdDecision(None, 0, None, None, None)
    value, bottom, top = (float(each[index]) if math.isfinite(each[index]) else None for each in (run.value, low, high))
    above = bool(low[index] > threshold) if out.any() else None
    return ThresholdDecision(above, index + 1, value, bottom, top)


def _equal(amounts: Floats, axis: int) -> Floats:
    """After each scenario, how many with equal amounts would weigh as much: (sum x)^2 / sum x^2."""
    sums, squares = np.cumsum(amounts, axis=axis), np.cumsum(amounts**2, axis=axis)
    count: Floats = np.divide(sums**2, squares, out=np.zeros_like(squares), where=squares > 0)
    return count


def _z(level: float) -> float:
    return float(ndtri((1 + level) / 2))
