"""Coverage of the intervals of agreement: two raters, panels, judges side by side, sets, groups, with scenarios as the unit.

A scenario's items go together: each copies the scenario's own pair of answers with probability `COPIED` and is drawn by itself
otherwise, so that two items of a scenario have a correlation of `COPIED` squared and the truth stays that of the table.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from conflictscope.stats import tables
from conflictscope.stats.agreement import Agreement, judge_agreement
from conflictscope.stats.clusters import Sample
from conflictscope.stats.consistency import drift, self_consistency
from conflictscope.stats.judge_pairs import compare_judges
from conflictscope.stats.labels import Codes
from conflictscope.stats.panels import one_against_one
from conflictscope.stats.reliability import fleiss_kappa, krippendorff_alpha
from conflictscope.stats.response_sets import compare_by_sets, response_sets, set_agreement
from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]

RESAMPLES = 300
CHUNK = 100
COPIED = 0.47
# An interval is of the conservative or of the warned kind where at least this part of the simulations says so.
OFTEN_CONSERVATIVE, OFTEN_WARNED = 0.1, 0.5

VERDICTS = ("fail", "pass")
CHOICES = ("value_1", "value_2", "both", "neither")
SHARES = ("raw", "prevalence_people", "positive_agreement", "negative_agreement", "precision", "recall")

Found = dict[str, tuple[Estimate, float]]


class Simulation(Protocol):
    """Draws data once, and returns what was estimated with the truth, by method and name."""

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]: ...


@dataclass(frozen=True)
class Case:
    case: str
    simulate: Simulation


def drawn(shares: Floats, scenarios: int, items: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Cells of scenarios times items, from their shares, alike within a scenario as `COPIED` says."""
    cells = rng.choice(shares.size, size=scenarios * items, p=shares.reshape(-1))
    if items == 1:
        return cells
    own = np.repeat(cells[::items], items)
    return np.where(rng.random(len(cells)) < COPIED, own, cells)


def sample_of(scenarios: int, items: int) -> Sample | None:
    return None if items == 1 else Sample.of(scenarios * items, scenarios=np.repeat(np.arange(scenarios), items))


def table_of(prevalence: float, first: float, second: float) -> Floats:
    """Shares of the cells of two raters of these accuracies on a binary truth: fail, pass."""
    right = np.array([[first * second, first * (1 - second)], [(1 - first) * second, (1 - first) * (1 - second)]])
    return (1 - prevalence) * right + prevalence * right[::-1, ::-1]


def two_raters(found: Agreement, shares: Floats, weights: str | None = None) -> dict[str, Found]:
    """What `judge_agreement` says with the truth of each figure."""
    size, at = len(shares), found.categories.index(found.positive) if found.positive is not None else None
    kappa_of = partial(tables.kappa, weights=weights)
    corrected = {"kappa": (found.kappa, float(kappa_of(shares)))}
    if weights is None:
        corrected["ac1"] = (found.ac1, float(tables.ac1(shares)))
    ratios = {"raw": tables.raw_ratio(size)}
    if at is not None:
        ratios |= {
            "prevalence_people": tables.used_by_second(size, at),
            "positive_agreement": tables.specific_agreement(size, at),
            "negative_agreement": tables.rest_agreement(size, at),
            "precision": tables.precision(size, at),
            "recall": tables.recall(size, at),
        }
    return {
        "chance-corrected": corrected,
        "share": {name: (getattr(found, name), float(ratio(shares))) for name, ratio in ratios.items()},
    }


@dataclass(frozen=True)
class Binary:
    """Judge and people on a binary question."""

    scenarios: int
    items: int
    prevalence: float
    accuracy: float = 0.9

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        shares = table_of(self.prevalence, self.accuracy, self.accuracy)
        cells = drawn(shares, self.scenarios, self.items, rng)
        first, second = (cells // 2).astype(np.int8), (cells % 2).astype(np.int8)
        agreement = judge_agreement(
            first,
            second,
            categories=VERDICTS,
            positive="pass",
            rng=rng,
            sample=sample_of(self.scenarios, self.items),
            resamples=RESAMPLES,
        )
        return two_raters(agreement, shares)


@dataclass(frozen=True)
class Choices:
    """Judge and people on which action was taken: four answers, two of them rare."""

    scenarios: int
    items: int
    accuracy: float

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        says = np.eye(4) * self.accuracy + (1 - np.eye(4)) * (1 - self.accuracy) / 3
        shares = np.einsum("t,ta,tb->ab", np.array([0.45, 0.45, 0.05, 0.05]), says, says)
        cells = drawn(shares, self.scenarios, self.items, rng)
        agreement = judge_agreement(
            (cells // 4).astype(np.int8),
            (cells % 4).astype(np.int8),
            categories=CHOICES,
            rng=rng,
            sample=sample_of(self.scenarios, self.items),
            resamples=RESAMPLES,
        )
        return two_raters(agreement, shares)


@dataclass(frozen=True)
class Scale:
    """Judge and people on a scale of seven, normal underneath, shifted to its end where lopsided."""

    scenarios: int
    items: int
    shift: float

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        shares = seven(self.shift)
        cells = drawn(shares, self.scenarios, self.items, rng)
        agreement = judge_agreement(
            (cells // 7).astype(np.int8),
            (cells % 7).astype(np.int8),
            categories=range(7),
            weights="quadratic",
            rng=rng,
            sample=sample_of(self.scenarios, self.items),
            resamples=RESAMPLES,
        )
        return two_raters(agreement, shares, "quadratic")


_SEVEN: dict[float, Floats] = {}


def seven(shift: float) -> Floats:
    """Shares of the cells of two raters with a correlation of 0.7, worked out once."""
    if shift not in _SEVEN:
        rng = np.random.default_rng(7)
        common = rng.normal(size=400_000)
        ratings = [
            np.clip(np.round(4 + shift + 1.6 * (0.7**0.5 * common + 0.3**0.5 * rng.normal(size=len(common)))), 1, 7)
            for _ in range(2)
        ]
        cells = ((ratings[0] - 1) * 7 + ratings[1] - 1).astype(np.int64)
        _SEVEN[shift] = np.bincount(cells, minlength=49).reshape(7, 7) / len(cells)
    return _SEVEN[shift]


@dataclass(frozen=True)
class Weighted:
    """Passed scenarios sampled at a quarter of the rate of rejected ones, by stratum, and weighted back."""

    scenarios: int
    items: int
    strata: int = 2

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        shares = table_of(0.8, 0.9, 0.9)
        rejected = shares[0].sum()
        parts = rejected, (1 - rejected) / 4
        few = round(self.scenarios * parts[0] / sum(parts))
        sizes = few, self.scenarios - few
        # As many as are sampled of each outcome of the judge, whose own share is known.
        cells = np.concatenate(
            [
                row * 2 + drawn(shares[row] / shares[row].sum(), size, self.items, rng)
                for row, size in zip((0, 1), sizes, strict=True)
            ]
        )
        weight = np.repeat([rejected / sizes[0], (1 - rejected) / sizes[1]], [self.items * size for size in sizes])
        outcome = np.repeat([0, 1], [self.items * size for size in sizes])
        scenario = np.repeat(np.arange(self.scenarios), self.items)
        stratum = outcome * self.strata + scenario % (self.strata // 2) if self.strata > 2 else outcome
        agreement = judge_agreement(
            (cells // 2).astype(np.int8),
            (cells % 2).astype(np.int8),
            categories=VERDICTS,
            positive="pass",
            rng=rng,
            sample=Sample.of(len(cells), scenarios=scenario, strata=stratum, weights=weight * len(cells)),
            resamples=RESAMPLES,
        )
        return two_raters(agreement, shares)


@dataclass(frozen=True)
class Panel:
    """Three people of equal skill, a tenth of the answers missing."""

    scenarios: int
    items: int
    prevalence: float

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        accuracy = 0.9
        truth = drawn(np.array([1 - self.prevalence, self.prevalence]), self.scenarios, self.items, rng)
        right = rng.random((len(truth), 3)) < accuracy
        codes: Codes = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
        passes = self.prevalence * accuracy + (1 - self.prevalence) * (1 - accuracy)
        chance = 2 * passes * (1 - passes)
        corrected = 1 - 2 * accuracy * (1 - accuracy) / chance
        sample = sample_of(self.scenarios, self.items)
        whole = fleiss_kappa(codes, categories=VERDICTS, rng=rng, sample=sample, resamples=RESAMPLES)
        codes = np.where(rng.random(codes.shape) < 0.1, -1, codes).astype(np.int8)
        alpha = krippendorff_alpha(codes, categories=VERDICTS, rng=rng, sample=sample, resamples=RESAMPLES)
        return {"chance-corrected": {"alpha": (alpha, corrected), "fleiss": (whole, corrected)}}


@dataclass(frozen=True)
class People:
    """Alpha of people who differ in skill, taken as a sample of people."""

    people: int
    scenarios: int = 200

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        skills = rng.beta(12, 3, self.people)
        truth = rng.integers(0, 2, self.scenarios)
        right = rng.random((self.scenarios, self.people)) < skills
        codes: Codes = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
        # Two people drawn from them agree with a chance of s t + (1 - s)(1 - t): the mean skill is 0.8.
        corrected = 1 - 2 * 0.8 * 0.2 / 0.5
        alpha = krippendorff_alpha(codes, categories=VERDICTS, rng=rng, resamples=RESAMPLES, people_too=True)
        return {"people too": {"alpha": (alpha, corrected)}}


@dataclass(frozen=True)
class Beside:
    """Judge and three people of different skill, on the same footing; and two judges against one of the people."""

    scenarios: int
    items: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        # The judge is right 0.9 of the time, people 0.85, the second judge 0.8, on answers that are even.
        skills = np.array([0.9, 0.85, 0.85, 0.85, 0.8])
        truth = drawn(np.array([0.5, 0.5]), self.scenarios, self.items, rng)
        hard = rng.normal(size=self.scenarios)[np.arange(len(truth)) // self.items]
        # Some scenarios are harder for everybody; on the whole each is right as often as said.
        right = ndtr(ndtri(skills) * np.sqrt(1 + HARDER**2) + HARDER * hard[:, None]) > rng.random((len(truth), 5))
        codes: Codes = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
        sample = sample_of(self.scenarios, self.items)
        agree = alike(skills)
        people, judge, second = agree[1, 2], agree[0, 1], agree[4, 1]
        options = {"categories": VERDICTS, "rng": rng, "sample": sample, "resamples": RESAMPLES}
        single = one_against_one(codes[:, 0], codes[:, 1:4], **options)
        pair = compare_judges(codes[:, 0], codes[:, 4], codes[:, 1], **options)
        # Half of the answers are of each kind, so that kappa is twice the agreement less one.
        return {
            "side by side": {
                "raw_judge": (single.raw.judge, judge),
                "raw_people": (single.raw.people, people),
                "raw_difference": (single.raw.difference, judge - people),
                "kappa_judge": (single.kappa.judge, 2 * judge - 1),
                "kappa_people": (single.kappa.people, 2 * people - 1),
                "kappa_difference": (single.kappa.difference, 2 * (judge - people)),
            },
            "two judges": {
                "raw_difference": (pair.raw.difference, judge - second),
                "kappa_difference": (pair.kappa.difference, 2 * (judge - second)),
            },
        }


HARDER = 0.7
_ALIKE: dict[tuple[float, ...], Floats] = {}


def alike(skills: Floats) -> Floats:
    """How often two raters of these skills agree when scenarios differ in how hard they are, worked out once."""
    key = tuple(skills.tolist())
    if key not in _ALIKE:
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        right = ndtr(ndtri(skills) * np.sqrt(1 + HARDER**2) + HARDER * nodes[:, None])
        both = right[:, :, None] * right[:, None, :] + (1 - right)[:, :, None] * (1 - right)[:, None, :]
        _ALIKE[key] = np.einsum("n,nab->ab", weights / weights.sum(), both)
    return _ALIKE[key]


@dataclass(frozen=True)
class Itself:
    """A judge's samples, and its answers to the same anchors at two dates; sets that allow a second answer now and then."""

    scenarios: int
    items: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Found]:
        prevalence, accuracy = 0.7, 0.9
        truth = drawn(np.array([1 - prevalence, prevalence]), self.scenarios, self.items, rng)
        right = rng.random((len(truth), 4)) < np.array([accuracy, accuracy, accuracy, 0.8])
        codes: Codes = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
        sample = sample_of(self.scenarios, self.items)
        options = {"categories": VERDICTS, "rng": rng, "sample": sample, "resamples": RESAMPLES}
        itself = self_consistency(codes[:, :3], **options)
        moved = drift(codes[:, 0], codes[:, 3], **options)
        also = np.zeros((len(truth), 1, 2), dtype=bool)
        both = rng.random(len(truth)) < 0.3
        also[both, 0, 1 - codes[both, 1]] = True
        sets = response_sets(codes[:, 1:2], categories=VERDICTS, also=also)
        in_sets = set_agreement(codes[:, 0], sets, **options)
        beside = compare_by_sets(codes[:, 0], codes[:, 3], sets, **options)
        raw = accuracy**2 + (1 - accuracy) ** 2
        says = prevalence * accuracy + (1 - prevalence) * (1 - accuracy)
        later = prevalence * 0.8 + (1 - prevalence) * 0.2
        chance = says**2 + (1 - says) ** 2
        return {
            "itself": {
                "raw": (itself.raw, raw),
                "kappa": (itself.kappa, (raw - chance) / (1 - chance)),
                "shift": (dict(moved.shifts)["pass"], later - says),
            },
            "sets": {
                "agreement": (in_sets.agreement, 0.3 + 0.7 * raw),
                "above_shuffled": (in_sets.above_shuffled, 0.7 * (raw - chance)),
                "mean_size": (in_sets.mean_size, 1.3),
                "difference": (beside.difference, 0.7 * (raw - (accuracy * 0.8 + (1 - accuracy) * 0.2))),
            },
        }


def cases() -> Iterator[Case]:
    for scenarios in (50, 200, 1000):
        for items in (1, 4, 17):
            for prevalence in (0.5, 0.8, 0.95):
                name = f"two raters, {scenarios} scenarios, {items} responses each, prevalence {prevalence}"
                yield Case(name, Binary(scenarios, items, prevalence))
    for accuracy in (0.8, 0.97):
        for scenarios, items in ((50, 1), (50, 4), (200, 1), (200, 4)):
            for prevalence in (0.5, 0.8):
                name = f"two raters right {accuracy}, {scenarios} scenarios, {items} responses each, prevalence {prevalence}"
                yield Case(name, Binary(scenarios, items, prevalence, accuracy))
    yield Case("two raters, 3 scenarios, 17 responses each, prevalence 0.8", Binary(3, 17, 0.8))
    for scenarios, items in ((50, 1), (50, 4), (200, 1), (200, 4)):
        yield Case(f"which action, {scenarios} scenarios, {items} responses each", Choices(scenarios, items, 0.87))
    for scenarios, items in ((50, 1), (100, 1), (200, 1), (400, 1), (200, 4)):
        for shift, kind in ((0.0, "even"), (2.0, "lopsided"), (3.0, "very lopsided")):
            yield Case(f"scale, {kind}, {scenarios} scenarios, {items} responses each", Scale(scenarios, items, shift))
    for scenarios, items, strata in ((50, 1, 2), (200, 1, 2), (1200, 1, 2), (50, 4, 2), (200, 4, 2), (48, 1, 12)):
        name = f"weighted, {scenarios} scenarios in {strata} strata, {items} responses each"
        yield Case(name, Weighted(scenarios, items, strata))
    for scenarios, items in ((50, 1), (50, 4), (200, 1), (200, 4)):
        for prevalence in (0.5, 0.8, 0.95):
            name = f"three people, {scenarios} scenarios, {items} responses each, prevalence {prevalence}"
            yield Case(name, Panel(scenarios, items, prevalence))
    for scenarios, items in ((50, 1), (50, 4), (200, 1), (200, 4), (1000, 1)):
        yield Case(f"judge beside people, {scenarios} scenarios, {items} responses each", Beside(scenarios, items))
        yield Case(f"judge and itself, {scenarios} scenarios, {items} responses each", Itself(scenarios, items))
    for people in (4, 8, 20):
        yield Case(f"{people} people as a sample of people, 200 scenarios", People(people))


# Of each name: intervals that hold the truth, intervals, warnings, conservative intervals, estimates.
Counts = dict[tuple[str, str], list[int]]


def _chunk(work: tuple[int, int, int]) -> Counts:
    index, count, seed = work
    case = list(cases())[index]
    counts: Counts = defaultdict(lambda: [0] * 5)
    for rng in np.random.default_rng([seed, index]).spawn(count):
        for method, figures in case.simulate(rng).items():
            for name, (estimate, truth) in figures.items():
                row = counts[method, name]
                row[4] += 1
                row[2] += bool(estimate.warning)
                if estimate.low is not None and estimate.high is not None:
                    row[0] += estimate.low - 1e-9 <= truth <= estimate.high + 1e-9
                    row[1] += 1
                    row[3] += estimate.conservative
    return dict(counts)


def lines(simulations: int, seed: int) -> Iterator[dict[str, Any]]:
    """One line for each case and method, apart where the function warned and where it gave conservative limits."""
    sizes = [CHUNK] * (simulations // CHUNK) + ([simulations % CHUNK] if simulations % CHUNK else [])
    with multiprocessing.get_context("spawn").Pool(min(2, os.cpu_count() or 1)) as pool:
        for index, case in enumerate(cases()):
            counts: Counts = defaultdict(lambda: [0] * 5)
            for chunk in pool.imap(_chunk, [(index, size, seed + 1000 * number) for number, size in enumerate(sizes)]):
                for key, row in chunk.items():
                    counts[key] = [ours + theirs for ours, theirs in zip(counts[key], row, strict=True)]
            yield from _lines(case, counts, simulations)


def _lines(case: Case, counts: Counts, simulations: int) -> Iterator[dict[str, Any]]:
    apart: dict[tuple[str, bool, bool], dict[str, list[int]]] = defaultdict(dict)
    for (method, name), row in counts.items():
        if row[1]:
            warned, conservative = row[2] / row[4] >= OFTEN_WARNED, row[3] / row[1] >= OFTEN_CONSERVATIVE
            apart[method, warned, conservative][name] = row
    for (method, warned, conservative), rows in apart.items():
        yield {
            "case": case.case,
            "method": method,
            "nominal": True,
            "warned": warned,
            "conservative": conservative,
            "simulations": simulations,
            "coverage": {name: round(row[0] / row[1], 4) for name, row in rows.items()},
            "warned_share": {name: round(row[2] / row[4], 3) for name, row in rows.items()},
            "conservative_share": {name: round(row[3] / row[1], 3) for name, row in rows.items()},
        }
