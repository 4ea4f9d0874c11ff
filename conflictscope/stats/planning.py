"""How many labels a figure of agreement needs: for an interval of a wanted width, or to show that kappa is high enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from conflictscope.stats import tables
from conflictscope.stats.clusters import Floats, Statistic
from conflictscope.stats.crossing import unit_variance
from conflictscope.stats.types import Estimate, Result

FIGURES: dict[str, Statistic] = {
    "raw": tables.raw_agreement,
    "kappa": tables.kappa,
    "ac1": tables.ac1,
    "positive_agreement": tables.specific_agreement(2, 0),
    "negative_agreement": tables.rest_agreement(2, 0),
    "precision": tables.precision(2, 0),
    "recall": tables.recall(2, 0),
}


@dataclass(frozen=True)
class Needed(Result):
    """A number of labels: items, the scenarios they belong to, and what clustering multiplied them by."""

    items: int
    scenarios: int
    design_effect: float


def design_effect(per_scenario: float, correlation: float) -> float:
    """By how much more items are needed when a scenario has several: 1 + (m - 1) correlation.

    Args: per_scenario: items of a scenario, 1 or more; correlation: of two items of one scenario, from 0 to 1.
    Raises: ValueError: out of range.
    Source: Kish (1965), Survey Sampling, section 5.4.
    """
    if per_scenario < 1 or not 0 <= correlation <= 1:
        raise ValueError(f"{per_scenario} items a scenario with a correlation of {correlation} cannot be planned for")
    return 1 + (per_scenario - 1) * correlation


def expected_table(kappa: float, prevalence: float) -> Floats:
    """Shares of the cells (positive, negative) of two raters who say positive equally often.

    Raises: ValueError: prevalence not between 0 and 1, or a kappa that they cannot have.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, got {prevalence}")
    apart = (1 - kappa) * prevalence * (1 - prevalence)
    table = np.array([[prevalence - apart, apart], [apart, 1 - prevalence - apart]])
    if kappa > 1 or table.min() < 0:
        raise ValueError(f"kappa cannot be {kappa} at a prevalence of {prevalence}")
    return table


def needed_for_width(
    figure: str,
    half_width: float,
    *,
    kappa: float,
    prevalence: float,
    per_scenario: float = 1,
    correlation: float = 0.0,
    level: float = 0.95,
) -> Needed:
    """How many items give the figure an interval of about plus and minus `half_width`, by its large-sample variance.

    Args:
        figure: one of `FIGURES`. kappa, prevalence: what is expected, of two raters who say positive equally often.
        per_scenario, correlation: as `design_effect`.
    Raises: ValueError: an unknown figure, a half-width not above 0, other numbers out of range.
    Source: of kappa Fleiss, Cohen & Everitt (1969), Psychol. Bull. 72(5):323-327; the others by the delta method.
    """
    if figure not in FIGURES:
        raise ValueError(f"the figure is one of {', '.join(FIGURES)}, got {figure!r}")
    if half_width <= 0:
        raise ValueError(f"a half-width must be above 0, got {half_width}")
    variance = unit_variance(FIGURES[figure], expected_table(kappa, prevalence))
    z = float(ndtri((1 + level) / 2))
    return _needed(variance * (z / half_width) ** 2, per_scenario, correlation)


def needed_to_show(
    kappa: float,
    threshold: float,
    *,
    prevalence: float,
    power: float = 0.8,
    per_scenario: float = 1,
    correlation: float = 0.0,
    level: float = 0.95,
) -> Needed:
    """How many items show with this power that kappa is above a threshold, by a one-sided test at 1 - level.

    Args: kappa: what it is expected to be, above the threshold. Others as `needed_for_width`.
    Raises: ValueError: kappa not above the threshold, a power not between 0 and 1; as `expected_table`.
    Source: Cantor (1996), Psychol. Methods 1(2):150-153.
    """
    if kappa <= threshold:
        raise ValueError(f"a kappa of {kappa} is not above {threshold}")
    if not 0 < power < 1:
        raise ValueError(f"a power lies between 0 and 1, got {power}")
    at_threshold, expected = (math.sqrt(_of_kappa(value, prevalence)) for value in (threshold, kappa))
    root = (float(ndtri(level)) * at_threshold + float(ndtri(power)) * expected) / (kappa - threshold)
    return _needed(root**2, per_scenario, correlation)


def power_to_show(
    kappa: float,
    threshold: float,
    items: int,
    *,
    prevalence: float,
    per_scenario: float = 1,
    correlation: float = 0.0,
    level: float = 0.95,
) -> float:
    """The chance that so many items show that kappa is above a threshold; see `needed_to_show`."""
    worth = items / design_effect(per_scenario, correlation)
    at_threshold, expected = (math.sqrt(_of_kappa(value, prevalence)) for value in (threshold, kappa))
    reached = ((kappa - threshold) * math.sqrt(worth) - float(ndtri(level)) * at_threshold) / expected
    return float(ndtr(reached))


def more_scenarios(estimate: Estimate, scenarios: int, half_width: float) -> int | None:
    """How many further scenarios like those labelled would bring the interval to plus and minus `half_width`.

    The measured interval holds what clustering, weights and prevalence do: its width shrinks with the root of scenarios.

    Returns: 0 where it is as narrow already; None without an interval.
    Raises: ValueError: a half-width not above 0.
    """
    if half_width <= 0:
        raise ValueError(f"a half-width must be above 0, got {half_width}")
    if estimate.low is None or estimate.high is None:
        return None
    here = (estimate.high - estimate.low) / 2
    return max(0, math.ceil(round(scenarios * (here / half_width) ** 2, 6)) - scenarios)


def _of_kappa(kappa: float, prevalence: float) -> float:
    return unit_variance(tables.kappa, expected_table(kappa, prevalence))


def _needed(alone: float, per_scenario: float, correlation: float) -> Needed:
    effect = design_effect(per_scenario, correlation)
    # The rounding keeps an exact quotient from becoming one item more.
    items = max(1, math.ceil(round(alone * effect, 6)))
    scenarios = math.ceil(round(items / per_scenario, 6))
    return Needed(items, scenarios, effect)
