"""Coverage of the intervals of rankings: strengths, ranks, pair shares, bias, and what people correct."""

from __future__ import annotations

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]
Outcome = dict[str, list[bool]]

STRENGTHS = np.array([0.6, 0.0, -0.6])
RESAMPLES = 300
CHUNK = 50


@dataclass(frozen=True)
class Case:
    """One line: `simulate` draws data once and says which limits held, by name, and whether the function warned."""

    case: str
    method: str
    simulate: Callable[[np.random.Generator], tuple[Outcome, bool]]
    nominal: bool = True
    conservative: bool = False


def held(estimate: Estimate, truth: float) -> list[bool]:
    """Whether the limits hold the truth; nothing where there are none. A missing limit is none at that side."""
    if estimate.low is None and estimate.high is None:
        return []
    low = -np.inf if estimate.low is None else estimate.low
    high = np.inf if estimate.high is None else estimate.high
    return [bool(low - 1e-9 <= truth <= high + 1e-9)]


def strength_cases() -> Iterator[Case]:
    for trials in (1, 4):
        for interval in ("bootstrap", "sandwich"):
            yield Case(f"strengths, {trials} trials a scenario", interval, Strengths(trials, interval))


@dataclass(frozen=True)
class Strengths:
    """Three values, 20 scenarios a pair that differ by sd 1, 10 % undecided."""

    trials: int
    interval: str
    spread: float = 1.0

    def __call__(self, rng: np.random.Generator) -> tuple[Outcome, bool]:
        pairs = np.array(list(combinations(range(len(STRENGTHS)), 2)))
        pair = np.repeat(np.arange(len(pairs)), 20)
        eta = (STRENGTHS[pairs[:, 0]] - STRENGTHS[pairs[:, 1]])[pair] + self.spread * rng.normal(size=len(pair))
        scenario = np.repeat(np.arange(len(pair)), self.trials)
        choice = np.where(rng.random(len(scenario)) < expit(eta[scenario]), "value_1", "value_2").astype(object)
        choice[rng.random(len(scenario)) < 0.1] = "neither"
        names = np.array(["a", "b", "c"])
        ends = names[pairs[pair[scenario]]]
        tallies = tally_trials(list(scenario), list(ends[:, 0]), list(ends[:, 1]), list(choice), values=list(names))
        found = fit_ranking(tallies, rng=rng, interval=self.interval, resamples=RESAMPLES)
        truth = marginal_strengths(STRENGTHS, self.spread)
        return {"theta": [hit for k, one in enumerate(found.strengths) for hit in held(one, truth[k])]}, bool(
            found.warnings
        )


def marginal_strengths(strengths: Floats, spread: float) -> Floats:
    """What the same fit gives on infinitely many scenarios that differ by a normal of this sd, shape (K,)."""
    size = len(strengths)
    pairs = np.array(list(combinations(range(size), 2)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    eta = (strengths[pairs[:, 0]] - strengths[pairs[:, 1]])[:, None] + spread * nodes
    share = expit(eta) @ weights / weights.sum()
    return comparisons.fit(np.ones((1, len(pairs))), share[None], pairs, size)[0][0]


def cases() -> Iterator[Case]:
    yield from strength_cases()


def _chunk(work: tuple[int, int, int]) -> tuple[dict[str, list[int]], int, int]:
    """Hits and tries by name, how many warned, how many were simulated."""
    index, count, seed = work
    case = list(cases())[index]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    warned = 0
    for rng in np.random.default_rng([seed, index]).spawn(count):
        outcome, told = case.simulate(rng)
        warned += told
        for name, hits in outcome.items():
            counts[name][0] += sum(hits)
            counts[name][1] += len(hits)
    return dict(counts), warned, count


def lines(simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """One line for each case and method, in order."""
    sizes = [CHUNK] * (simulations // CHUNK) + ([simulations % CHUNK] if simulations % CHUNK else [])
    with multiprocessing.get_context("spawn").Pool(min(2, os.cpu_count() or 1)) as pool:
        for index, case in enumerate(cases()):
            work = [(index, size, seed + 1000 * number) for number, size in enumerate(sizes)]
            counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
            warned = 0
            for found, told, _ in pool.imap(_chunk, work):
                warned += told
                for name, (hits, tries) in found.items():
                    counts[name][0] += hits
                    counts[name][1] += tries
            yield {
                "case": case.case,
                "method": case.method,
                "nominal": case.nominal,
                "warned": 2 * warned > simulations,
                "warned_share": round(warned / simulations, 3),
                "conservative": case.conservative,
                "simulations": simulations,
                "coverage": {name: round(hits / tries, 4) for name, (hits, tries) in counts.items() if tries},
            }
