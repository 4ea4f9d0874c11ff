"""Coverage of the intervals of rankings: strengths, ranks, shares, bias, and what people correct."""

from __future__ import annotations

import importlib
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from conflictscope.stats import comparisons
from conflictscope.stats.bias import action_share, position_bias
from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from conflictscope.stats.correction import corrected_ranking
from conflictscope.stats.datasets import observed_agreement
from conflictscope.stats.intervals import ratio
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

THREE, FOUR = (0.6, 0.0, -0.6), (0.9, 0.3, -0.3, -0.9)
RESAMPLES = 300
DRAWS = 200
CHUNK = 50
# Chance that a judge is wrong: everywhere alike, mostly towards the pair's second value, or by the value that lost.
JUDGES = {"symmetric": (0.2,) * 4, "one-sided": (), "value-specific": (0.45, 0.25, 0.1, 0.02)}
# What a page shows, as 95 % unless it says otherwise; the others are here to be compared with.
NOT_SHOWN = {"judge alone", "order left out", "normal"}


@dataclass
class Tally:
    """Hits and tries by method and name; which methods warned, and which have limits that may cover more."""

    counts: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    warned: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    conservative: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    runs: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def see(self, method: str, name: str, estimates: Any, truths: Any) -> None:
        """Count, for estimates that have limits, whether these hold the truth; a missing limit is none at its side."""
        ones = [estimates] if isinstance(estimates, Estimate) else list(estimates)
        for estimate, truth in zip(ones, np.atleast_1d(truths), strict=True):
            if estimate.low is None and estimate.high is None:
                continue
            low = -np.inf if estimate.low is None else estimate.low
            high = np.inf if estimate.high is None else estimate.high
            self.note(method, name, bool(low - 1e-9 <= truth <= high + 1e-9))
        self.runs[method] += 1
        self.warned[method] += any(estimate.warning for estimate in ones)
        self.conservative[method] += any(estimate.conservative for estimate in ones)

    def note(self, method: str, name: str, hit: bool) -> None:
        self.counts[method, name][0] += hit
        self.counts[method, name][1] += 1

    def add(self, other: Tally) -> None:
        for key, (hits, tries) in other.counts.items():
            self.counts[key][0] += hits
            self.counts[key][1] += tries
        for mine, theirs in (
            (self.warned, other.warned), (self.conservative, other.conservative), (self.runs, other.runs)
        ):  # fmt: skip
            for method, count in theirs.items():
                mine[method] += count


@dataclass(frozen=True)
class World:
    """What is simulated: strengths, scenarios a pair that differ by sd `spread`, samples, orders, effects, undecided trials."""

    strengths: tuple[float, ...] = THREE
    scenarios: int = 25
    samples: int = 1
    spread: float = 0.0
    undecided: float = 0.0
    both_orders: bool = False
    order: float = 0.0
    action: float = 0.0

    @property
    def pairs(self) -> NDArray[np.int64]:
        return np.array(list(combinations(range(len(self.strengths)), 2)))

    @property
    def values(self) -> list[str]:
        return [f"v{k}" for k in range(len(self.strengths))]

    def draw(self, rng: np.random.Generator, own: Floats | None = None) -> Trials:
        """Decisions as they are; `own`, shape (S,), are the scenarios' own effects."""
        pairs = self.pairs
        pair = np.repeat(np.arange(len(pairs)), self.scenarios)
        theta = np.array(self.strengths)
        own = rng.normal(size=len(pair)) if own is None else own
        eta = (theta[pairs[:, 0]] - theta[pairs[:, 1]])[pair] + self.spread * own
        per = self.samples * (2 if self.both_orders else 1)
        scenario = np.repeat(np.arange(len(pair)), per)
        order = np.tile([0.5, -0.5], len(scenario) // 2) if self.both_orders else np.zeros(len(scenario))
        action = rng.choice([0.5, -0.5], len(pair))[scenario] if self.both_orders else np.zeros(len(scenario))
        won = rng.random(len(scenario)) < expit(eta[scenario] + self.order * order + self.action * action)
        return Trials(self, scenario, pairs[pair[scenario]], won, rng.random(len(won)) < self.undecided, order, action)

    @cache  # noqa: B019 -- a handful of frozen worlds
    def truth(self) -> tuple[Floats, Floats, Floats]:
        """What the same fit gives on infinitely many scenarios: strengths, effects of order and action, pair shares."""
        pairs, size = self.pairs, len(self.strengths)
        theta = np.array(self.strengths)
        sides = [(o, a) for o in (0.5, -0.5) for a in (0.5, -0.5)] if self.both_orders else [(0.0, 0.0)]
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        rows, shares = [], []
        for o, a in sides:
            eta = (
                (theta[pairs[:, 0]] - theta[pairs[:, 1]])[:, None]
                + self.spread * nodes
                + self.order * o
                + self.action * a
            )
            shares.append(expit(eta) @ weights / weights.sum())
            effects = np.tile([o, a], (len(pairs), 1)) if self.both_orders else np.zeros((len(pairs), 0))
            rows.append(np.column_stack([comparisons.design(pairs, size), effects]))
        X, share = np.concatenate(rows), np.concatenate(shares)
        plane = np.column_stack([comparisons.basis(size), np.zeros((size, X.shape[1] - size + 1))])
        beta = comparisons.solve(np.ones((1, len(X))), share[None], X, plane)[0][0]
        return plane @ beta, beta[size - 1 :], np.mean(shares, axis=0)


@dataclass(frozen=True)
class Trials:
    """Trials of a world: scenario, its two values, whether the first won, whether undecided, order, action; shape (T,)."""

    world: World
    scenario: NDArray[np.int64]
    ends: NDArray[np.int64]
    won: Flags
    blank: Flags
    order: Floats
    action: Floats

    def tallies(self, keep: Flags | None = None) -> Tallies:
        some = np.ones(len(self.won), dtype=bool) if keep is None else keep
        names = np.array(self.world.values)
        choice = np.where(self.blank, "neither", np.where(self.won, "value_1", "value_2"))[some]
        sides = [
            np.where(side[some] > 0, "value_1", "value_2").tolist() if self.world.both_orders else None
            for side in (self.order, self.action)
        ]
        first, second = names[self.ends[some]].T
        return tally_trials(
            self.scenario[some].tolist(),
            first.tolist(),
            second.tolist(),
            choice.tolist(),
            values=self.world.values,
            shown_first=sides[0],
            acting=sides[1],
        )

    def judged(self, judge: str, rng: np.random.Generator) -> Trials:
        """The same as a judge sees it, right in about 80 % of trials (kappa about 0.6)."""
        lost = np.where(self.won, self.ends[:, 1], self.ends[:, 0])
        wrong = np.array(JUDGES[judge])[lost] if JUDGES[judge] else np.where(self.won, 0.38, 0.02)
        won = self.won ^ (rng.random(len(wrong)) < wrong)
        blank = (self.blank & (rng.random(len(wrong)) < 0.8)) | (rng.random(len(wrong)) < 0.2 * self.world.undecided)
        return Trials(self.world, self.scenario, self.ends, won, blank, self.order, self.action)

    def sampled(self, labels: int, rng: np.random.Generator) -> Flags:
        """Trials of a random sample of so many scenarios a pair."""
        pairs, n = len(self.world.pairs), self.world.scenarios
        chosen = rng.random((pairs, n)).argsort(axis=1) < labels
        return chosen.ravel()[self.scenario]


class Strengths:
    """Strengths, ranks, rank sets, pair shares and the undecided rate."""

    def __init__(self, world: World, interval: str) -> None:
        self.world, self.interval = world, interval

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        ranking = fit_ranking(self.world.draw(rng).tallies(), rng=rng, interval=self.interval, resamples=RESAMPLES)
        theta, _, shares = self.world.truth()
        tally.see(self.interval, "theta", ranking.strengths, theta)
        if self.interval == "bootstrap":
            tally.see("by scenario", "pair_share", [pair.share for pair in ranking.pairs], shares)
            tally.see("by scenario", "undecided", ranking.counts.undecided, self.world.undecided)
            _see_ranks(tally, ranking.rank_sets, theta)


class Biased:
    """Both orders asked, with and without the covariate."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        tallies = self.world.draw(rng).tallies()
        theta, effects, _ = self.world.truth()
        for method, interval, covariates in (
            ("bootstrap", "bootstrap", None), ("sandwich", "sandwich", None), ("order left out", "sandwich", ("action",))
        ):  # fmt: skip
            ranking = fit_ranking(tallies, rng=rng, interval=interval, resamples=RESAMPLES, covariates=covariates)
            tally.see(method, "theta", ranking.strengths, theta)
            for covariate in ranking.covariates:
                tally.see(method, covariate.name, covariate.effect, effects[("order", "action").index(covariate.name)])
        tally.see("by scenario", "position_effect", position_bias(tallies).effect, self.world.order)
        if not self.world.action:
            tally.see("by scenario", "acting", action_share(tallies), 0.5)


class Share:
    """A share by scenario, of scenarios that differ."""

    def __init__(self, eta: float, samples: int, spread: float) -> None:
        self.eta, self.samples, self.spread = eta, samples, spread
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        self.truth = float(expit(eta + spread * nodes) @ weights / weights.sum())

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        chance = expit(self.eta + self.spread * rng.normal(size=30))
        decided = rng.binomial(self.samples, 0.9, size=30)
        won = rng.binomial(decided, chance)
        share = ratio(won / self.samples, decided / self.samples, decided=decided)
        tally.see("ratio", f"share_{self.truth:.2f}", share, self.truth)


class Agreement:
    """Observed agreement of four llms that mostly choose alike."""

    def __init__(self, alike: float) -> None:
        self.alike = alike
        p = 0.25
        # Four llms: pairs agree with p^2 + (1 - p)^2 where they differ at all, nearly always elsewhere.
        self.truth = alike + (1 - alike) * (p**2 + (1 - p) ** 2)

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        chance = np.where(rng.random(40) < self.alike, 0.0, 0.25)
        chosen = np.where(rng.random((40, 4)) < chance[:, None], "value_1", "value_2")
        rows = [(s, 0, llm, chosen[s, llm]) for s in range(40) for llm in range(4)]
        tally.see("by scenario", "agreement", observed_agreement(*zip(*rows, strict=True)).mean, self.truth)


class Bound:
    """A value that hardly ever wins: where it never does, its distance to the others lies below the bound."""

    world = World((-2.6, 1.3, 1.3), scenarios=12)

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        ranking = fit_ranking(self.world.draw(rng).tallies(), rng=rng, interval="sandwich", resamples=RESAMPLES)
        theta, _, _ = self.world.truth()
        if ranking.cut_off == ("v0",) and ranking.relative[0].high is not None:
            tally.see("profile likelihood", "bound", ranking.relative[0], theta[0] - theta[1:].mean())
        _see_ranks(tally, ranking.rank_sets, theta)


class Corrected:
    """A judge alone, people alone, and the judge corrected."""

    def __init__(self, world: World, judge: str, labels: int) -> None:
        self.world, self.judge, self.labels = world, judge, labels

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        trials = self.world.draw(rng)
        judged = trials.judged(self.judge, rng)
        people = trials.tallies(trials.sampled(self.labels, rng))
        ranking = corrected_ranking(judged.tallies(), people, rng=rng, draws=DRAWS)
        theta, effects, shares = self.world.truth()
        tally.see("judge alone", "theta", ranking.judge.strengths, theta)
        tally.see("people alone", "theta", ranking.people.strengths, theta)
        tally.see("corrected", "theta", ranking.corrected.strengths, theta)
        for covariate in ranking.corrected.covariates:
            tally.see("corrected", covariate.name, covariate.effect, effects[("order", "action").index(covariate.name)])
        if ranking.pairs:
            tally.see("corrected share, t", "pair_share", [pair.share for pair in ranking.pairs], shares)
        if ranking.corrected.rank_sets[0].low is not None:
            _see_ranks(tally, ranking.corrected.rank_sets, theta)


def _see_ranks(tally: Tally, sets: Any, theta: Floats) -> None:
    """Whether all sets hold all ranks that their values have, equal strengths sharing theirs."""
    if not sets or sets[0].low is None:
        return
    gap = theta[None, :] - theta[:, None]
    best, worst = 1 + (gap > 1e-9).sum(axis=1), len(theta) - (gap < -1e-9).sum(axis=1)
    hit = all(rank_set.low <= b and w <= rank_set.high for rank_set, b, w in zip(sets, best, worst, strict=True))
    tally.note("simultaneous", "rank_sets", hit)
    tally.runs["simultaneous"] += 1
    tally.conservative["simultaneous"] += 1


def cases() -> Iterator[tuple[str, Any]]:
    """Name and simulation of each case."""
    for samples in (1, 4):
        world = World(scenarios=20, samples=samples, spread=1.0, undecided=0.1)
        for interval in ("bootstrap", "sandwich"):
            yield f"strengths, {samples} trials a scenario, 10 % undecided", Strengths(world, interval)
    yield "equal strengths", Strengths(World((0.0, 0.0, 0.0), scenarios=15), "bootstrap")
    for order, action in ((0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (4.0, 1.0)):
        yield (
            f"both orders, beta of position {order:g}, of action {action:g}",
            Biased(World(both_orders=True, order=order, action=action)),
        )
    for eta in (0.0, 2.5, 4.5):
        for samples, spread in ((1, 0.0), (4, 1.5)):
            yield f"share, {samples} trials a scenario", Share(eta, samples, spread)
    for alike in (0.5, 0.95):
        yield f"observed agreement, {alike:.0%} unanimous", Agreement(alike)
    yield "a value that never wins", Bound()
    plain = World(FOUR, scenarios=50)
    several = World(FOUR, scenarios=50, samples=4, spread=1.0, undecided=0.18)
    for judge in JUDGES:
        yield f"{judge} judge, 24 labels a pair", Corrected(plain, judge, 24)
    yield "value-specific judge, 12 labels a pair", Corrected(plain, "value-specific", 12)
    yield "value-specific judge, 24 labels a pair, 4 trials, 18 % undecided", Corrected(several, "value-specific", 24)
    yield "value-specific judge, 12 labels a pair, 4 trials, 18 % undecided", Corrected(several, "value-specific", 12)
    ordered = World(FOUR, scenarios=50, both_orders=True, order=1.0, action=0.5)
    yield "value-specific judge, 24 labels a pair, both orders", Corrected(ordered, "value-specific", 24)


def _chunk(work: tuple[str, int, int, int]) -> Tally:
    module, index, count, seed = work
    simulate = list(importlib.import_module(module).cases())[index][1]
    tally = Tally()
    for rng in np.random.default_rng([seed, index]).spawn(count):
        simulate(rng, tally)
    tally.counts, tally.warned = dict(tally.counts), dict(tally.warned)
    tally.conservative, tally.runs = dict(tally.conservative), dict(tally.runs)
    return tally


def lines(simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """One line for each case and method, in order."""
    yield from lines_of(__name__, simulations, seed)


def lines_of(module: str, simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """The lines of a module's `cases()`."""
    sizes = [CHUNK] * (simulations // CHUNK) + ([simulations % CHUNK] if simulations % CHUNK else [])
    with multiprocessing.get_context("spawn").Pool(min(2, os.cpu_count() or 1)) as pool:
        for index, (case, _) in enumerate(importlib.import_module(module).cases()):
            total = Tally()
            for chunk in pool.imap(
                _chunk, [(module, index, size, seed + 1000 * number) for number, size in enumerate(sizes)]
            ):
                total.add(chunk)
            for method in dict.fromkeys(method for method, _ in total.counts):
                runs = max(total.runs[method], 1)
                counts = {name: count for (its_method, name), count in total.counts.items() if its_method == method}
                yield {
                    "case": case,
                    "method": method,
                    "nominal": method not in NOT_SHOWN,
                    "warned": 2 * total.warned[method] > runs,
                    "warned_share": round(total.warned[method] / runs, 3),
                    "conservative": 2 * total.conservative[method] > runs,
                    "simulations": simulations,
                    "limits": {name: tries for name, (_, tries) in counts.items()},
                    "coverage": {name: round(hits / tries, 4) for name, (hits, tries) in counts.items()},
                }
