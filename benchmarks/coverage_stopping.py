"""Coverage of the two rules for stopping: what is reported at the stopping moment, and limits looked at after every label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats import tables
from conflictscope.stats.stopping import confidence_sequence, first_narrow, ready, running

Floats = NDArray[np.float64]

KAPPA = 0.62
# Labels until which a run is looked at.
LOOKED_AT = 1_500
Z = 1.959964
CHUNK = 50


def table_of(kappa: float, prevalence: float) -> Floats:
    apart = (1 - kappa) * prevalence * (1 - prevalence)
    return np.array([[prevalence - apart, apart], [apart, 1 - prevalence - apart]])


def served(shares: Floats, runs: int, scenarios: int, items: int, rng: np.random.Generator) -> Floats:
    """Tables of scenarios in serving order, shape (runs, scenarios, 2, 2); items of a scenario are alike as often as not."""
    cells = rng.choice(4, size=(runs, scenarios, items), p=shares.reshape(-1))
    if items > 1:
        cells = np.where(rng.random(cells.shape) < 0.47, cells[..., :1], cells)
    return np.eye(4)[cells].sum(axis=2).reshape(runs, scenarios, 2, 2)


def lines(simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """One line for each prevalence and width of the width rule, then for each prevalence of the confidence sequence."""
    for items in (1, 4):
        for prevalence in (0.5, 0.8, 0.9):
            for width in (0.15, 0.10):
                yield at_width(simulations, seed, prevalence, width, items)
    for items in (1, 4):
        for prevalence in (0.5, 0.8, 0.9):
            for expected in (200, 600):
                yield looked_at(simulations, seed, prevalence, expected, items)


def at_width(simulations: int, seed: int, prevalence: float, width: float, items: int) -> dict[str, Any]:
    """How often kappa lies within the wanted half-width when the rule stops, and raw agreement within its own."""
    rng = np.random.default_rng([seed, round(100 * prevalence), round(100 * width), items])
    shares = table_of(KAPPA, prevalence)
    truth, held, moments, never = float(tables.kappa(shares)), 0, [], 0
    plain_held = 0
    for size in _chunks(simulations):
        run = running(served(shares, size, LOOKED_AT, items, rng), tables.kappa)
        at = first_narrow(run, width)
        stopped = np.flatnonzero(at >= 0)
        value = run.value[stopped, at[stopped]]
        held += int((np.abs(value - truth) <= width).sum())
        moments.append(at[stopped] + 1)
        never += size - len(stopped)
        # The same without the factor of 1.1, as a comparison: what a plain interval that one stops at does.
        plain = ready(run) & (Z * run.error <= width)
        first = plain.argmax(axis=1)
        plain_held += int(
            (np.abs(run.value[np.arange(size), first] - truth) <= Z * run.error[np.arange(size), first]).sum()
        )
    scenarios = np.concatenate(moments)
    return {
        "case": f"kappa {KAPPA}, prevalence {prevalence}, {items} responses a scenario, stop at {width}",
        "method": "width rule",
        "nominal": True,
        "warned": False,
        "conservative": False,
        "simulations": simulations,
        "coverage": {"kappa": round(held / len(scenarios), 4)},
        "without_the_factor": round(plain_held / simulations, 4),
        "median_scenarios": float(np.median(scenarios)),
        "never_stopped": never,
    }


def looked_at(simulations: int, seed: int, prevalence: float, expected: int, items: int) -> dict[str, Any]:
    """How often the sequence holds the truth at every label until 1,500, beside a plain interval looked at as often."""
    rng = np.random.default_rng([seed, round(100 * prevalence), expected, items, 1])
    shares = table_of(KAPPA, prevalence)
    truth, held, plain_held = float(tables.kappa(shares)), 0, 0
    for size in _chunks(simulations):
        run = running(served(shares, size, LOOKED_AT, items, rng), tables.kappa)
        low, high = confidence_sequence(run, expected=expected)
        there = ready(run)
        held += int((~(there & ((low > truth) | (high < truth)))).all(axis=1).sum())
        plain_held += int((~(there & (np.abs(run.value - truth) > Z * run.error))).all(axis=1).sum())
    return {
        "case": f"kappa {KAPPA}, prevalence {prevalence}, {items} responses a scenario, 1,500 looks, {expected} expected",
        "method": "confidence sequence",
        "nominal": True,
        "warned": False,
        "conservative": True,
        "simulations": simulations,
        "coverage": {"kappa at every label": round(held / simulations, 4)},
        "plain_interval_at_every_label": round(plain_held / simulations, 4),
    }


def _chunks(simulations: int) -> list[int]:
    return [CHUNK] * (simulations // CHUNK) + ([simulations % CHUNK] if simulations % CHUNK else [])
