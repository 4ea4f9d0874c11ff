"""Coverage of the intervals of differences: said and done, steered and not, one side and another in the mean, people and llms."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from coverage_ranking import FOUR, RESAMPLES, Floats, Tally, World, lines_of
from scipy.special import expit

from conflictscope.stats.contrasts import mean_contrast
from conflictscope.stats.correction import Decided, corrected_mean, corrected_shift, corrected_steering
from conflictscope.stats.distance import among_people, corrected_distance, distance, parting_pairs
from conflictscope.stats.shifts import kendall_tau_b, paired_shift, ranks_of
from conflictscope.stats.steering import Alignments, steering_effect
from conflictscope.stats.tallies import Tallies, tally_trials

GROUPS = {"v0": "own", "v1": "own", "v2": "others", "v3": "others"}
OWN = np.array([0.5, 0.5, 0.0, 0.0])


class Shifted:
    """Said and done on the same scenarios: paired, and with a judge of what was done."""

    said = World(FOUR, scenarios=40, spread=1.0)

    def __init__(self, done: tuple[float, ...]) -> None:
        self.done = World(done, scenarios=40, spread=1.0)

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        own = rng.normal(size=len(self.said.pairs) * self.said.scenarios)
        expressed, revealed = self.said.draw(rng, own), self.done.draw(rng, own)
        truth = self.done.truth()[0] - self.said.truth()[0]
        plain = paired_shift(expressed.tallies(), revealed.tallies(), rng=rng, groups=GROUPS, resamples=RESAMPLES)
        tally.see("paired bootstrap", "shift", plain.strengths, truth)
        if plain.groups:
            tally.see("paired bootstrap", "group", plain.groups[0].strength, OWN @ truth)
            said, done = (world.truth()[0] for world in (self.said, self.done))
            gap = ranks_of(done) - ranks_of(said)
            tally.see("percentiles", "rank", plain.ranks, gap)
            tally.see("percentiles", "group_rank", plain.groups[0].rank, OWN @ gap)
            tally.see("all pairs together", "tau", plain.tau, kendall_tau_b(said, done))
        judge, people = revealed.judged("value-specific", rng), revealed.tallies(revealed.sampled(20, rng))
        alone = paired_shift(expressed.tallies(), judge.tallies(), rng=rng, resamples=RESAMPLES)
        tally.see("judge alone", "shift", alone.strengths, truth)
        shift = corrected_shift(Decided(expressed.tallies()), Decided(judge.tallies(), people), groups=GROUPS)
        tally.see("corrected", "shift", shift.strengths, truth)
        if shift.groups:
            tally.see("corrected", "group", shift.groups[0][1], OWN @ truth)


class Steered:
    """The steering effect with four trials a scenario, and a lenient judge of the steered run."""

    truth = 0.4

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        base = rng.beta(2, 2, size=120)
        default = rng.binomial(4, base).astype(float)
        steered = rng.binomial(4, base + (1 - base) * self.truth).astype(float)
        counts = Alignments(tuple(range(120)), default, steered, np.full(120, 4.0))
        tally.see(
            "paired bootstrap", "effect", steering_effect(counts, rng=rng, resamples=RESAMPLES).effect, self.truth
        )
        judged = steered + rng.binomial((4 - steered).astype(int), 0.3)
        judge = np.column_stack([default, judged, np.full(120, 4.0)])
        people = np.column_stack([default, steered, np.full(120, 4.0)])
        people[rng.permutation(120)[40:]] = np.nan
        alone = steering_effect(
            Alignments(counts.scenarios, default, judged, counts.trials), rng=rng, resamples=RESAMPLES
        )
        tally.see("judge alone", "effect", alone.effect, self.truth)
        tally.see("corrected", "effect", corrected_steering(judge, people), self.truth)
        # Observed agreement by the judge and by people, as a mean by scenario.
        agreed = np.where(rng.random(120) < 0.7, 1.0, 1 / 3)
        seen = np.where(rng.random(120) < 0.25, 1.0, agreed)
        by_people = np.where(rng.permutation(120) < 40, agreed, np.nan)
        tally.see("corrected", "agreement", corrected_mean(seen, by_people), 0.7 + 0.3 / 3)


class Contrasted:
    """The mean difference over three llms, which share their scenarios: of the same scenarios, or of two sets of them."""

    def __init__(self, *, paired: bool, llms: int = 3) -> None:
        self.paired = paired
        strengths = [(FOUR, (0.4, 0.4, -0.2, -0.6)), ((0.5, -0.5, 0.5, -0.5), (0.0, 0.0, 0.0, 0.0)), (FOUR[::-1], FOUR)]
        self.twos = [tuple(World(side, scenarios=25, spread=1.0) for side in two) for two in strengths[:llms]]

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        size = len(self.twos[0][0].pairs) * 25
        own = [rng.normal(size=size) for _ in range(2)]
        effects = (own[0], own[0] if self.paired else own[1])
        tables = [
            tuple(world.draw(rng, effect).tallies() for world, effect in zip(two, effects, strict=True))
            for two in self.twos
        ]
        found = mean_contrast(tables, paired=self.paired, groups=GROUPS)
        truth = np.mean([second.truth()[0] - first.truth()[0] for first, second in self.twos], axis=0)
        tally.see("sandwich by scenario", "difference", found.strengths, truth)
        if found.groups:
            tally.see("sandwich by scenario", "group", found.groups[0][1], OWN @ truth)


class Apart:
    """People and an llm on the same scenarios: three answers and one decision of each, of a judge as well."""

    values = ("v0", "v1", "v2")

    def __init__(self, scenarios: int) -> None:
        self.scenarios = scenarios
        self.should, self.does = np.array([0.8, 0.0, -0.8]), np.array([-0.3, 0.0, 0.3])
        self.pairs = list(combinations(range(3), 2))
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        weights = weights / weights.sum()
        p, q = (self._chance(theta, nodes[None]) for theta in (self.should, self.does))
        self.truth = float(np.mean((p * (1 - q) + q * (1 - p)) @ weights))
        self.among = float(np.mean((2 * p * (1 - p)) @ weights))
        self.gap = (q - p) @ weights
        self.share = p @ weights

    def _chance(self, theta: Floats, own: Floats) -> Floats:
        """Of each pair and scenario; what makes a scenario easy for people makes it easy for the llm by half."""
        eta = np.array([theta[a] - theta[b] for a, b in self.pairs])[:, None]
        chance: Floats = expit(eta + (own if theta is self.should else 0.5 * own))
        return chance

    def __call__(self, rng: np.random.Generator, tally: Tally) -> None:
        own = rng.normal(size=(3, self.scenarios))
        answers = rng.random((3, 3, self.scenarios)) < self._chance(self.should, own)
        did = rng.random((1, 3, self.scenarios)) < self._chance(self.does, own)
        seen = did ^ (rng.random(did.shape) < np.where(did, 0.35, 0.05))
        people, llm, judge = (self._tallies(won) for won in (answers, did, seen))
        tally.see("by scenario", "distance", distance(people, llm), self.truth)
        tally.see("by scenario", "among_people", among_people(people), self.among)
        tally.see("judge alone", "distance", distance(people, judge), self.truth)
        whole = rng.permutation(3 * self.scenarios) < self.scenarios
        deciders = llm.take(whole)
        tally.see("corrected", "distance", corrected_distance(people, judge, deciders, whole), self.truth)
        pairs = parting_pairs(people, [llm])
        tally.see("by pair", "people", [pair.people for pair in pairs], self.share)
        tally.see("by pair", "difference", [pair.difference for pair in pairs], self.gap)

    def _tallies(self, won: Any) -> Tallies:
        rows = [
            (f"{p}-{s}", self.values[a], self.values[b], "value_1" if won[t, p, s] else "value_2")
            for p, (a, b) in enumerate(self.pairs)
            for s in range(self.scenarios)
            for t in range(len(won))
        ]
        return tally_trials(*zip(*rows, strict=True), values=self.values)


def cases() -> Iterator[tuple[str, Any]]:
    """Name and simulation of each case."""
    yield "say-do shift", Shifted((-0.3, 0.0, 0.1, 0.2))
    yield "say-do shift, the order kept", Shifted((1.2, 0.3, -0.4, -1.1))
    yield "steering", Steered()
    yield "two targets", Contrasted(paired=True, llms=1)
    yield "mean over 3 targets, the same scenarios", Contrasted(paired=True)
    yield "mean over 3 targets, two sets of scenarios", Contrasted(paired=False)
    for scenarios in (12, 40):
        yield f"people and a target, {scenarios} scenarios a pair", Apart(scenarios)


def lines(simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """One line for each case and method, in order."""
    yield from lines_of(__name__, simulations, seed)
