"""The difference of two corrected rankings: said and done, steered and not, two targets."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.bradley_terry.task import Task
from conflictscope.stats.correction.estimate import Fit, Frame, NoFit, corrected
from conflictscope.stats.correction.sample import CorrectionSample, align
from conflictscope.stats.intervals import z_of
from conflictscope.stats.tallies import Tallies, matched
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decided:
    """Who decided one side: the judge on all scenarios, people on some; without people the decisions are the truth.

    Multiple choice is parsed, not judged: then there is nothing to correct.

    Attributes:
        chance: by scenario, how likely people were to get it on this side, as in `corrected_ranking`; None where all were as likely.
            Two campaigns may have drawn the two sides in different ways.
    """

    judge: Tallies
    people: Tallies | None = None
    chance: Mapping[Hashable, float] | None = None


@dataclass(frozen=True)
class CorrectedShift(Result):
    """Second minus first, each corrected with its own lambda.

    Attributes:
        first, second: strengths on the scenarios that both have.
        strengths: the differences with their intervals; n = scenarios that people decided on (all, where none were judged).
        groups: mean difference of each group of values.
        lam: of the two sides. together: whether the same scenarios were labelled on both sides, so that the differences are
            paired; otherwise the variances add up.
        scenarios: shared. reason: why there is no comparison.
    """

    values: tuple[str, ...]
    first: tuple[float, ...] | None
    second: tuple[float, ...] | None
    strengths: tuple[Estimate, ...]
    groups: tuple[tuple[str, Estimate], ...]
    lam: tuple[float, float] | None
    together: bool
    scenarios: int
    reason: str


def corrected_shift(
    first: Decided,
    second: Decided,
    *,
    groups: Mapping[str, str] | None = None,
    stratum: Mapping[Hashable, Hashable] | None = None,
    covariates: tuple[str, ...] | None = None,
    level: float = 0.95,
) -> CorrectedShift:
    """Second minus first on the scenarios that both have, corrected for the judge on either side.

    With g_s = N_c (H_b^-1 x_c u^b - H_a^-1 x_c u^a) by people and by lambda times the judge, the covariance is
    sum_c {Cov(g^Y) / N_c + (1/m_c - 1/N_c) Cov(g^Y - g^F)}; where other scenarios were labelled on the two sides, or
    drawn with other chances, the sum of the two sides' covariances.

    Args:
        stratum: by scenario, as in `corrected_ranking`; covariates: for each side where they occur both ways.
    Raises: ValueError: as `matched`, `align`; a value without a group.
    """
    values = first.judge.values
    if groups is not None and set(values) - set(groups):
        raise ValueError(f"every value needs a group, {sorted(set(values) - set(groups))} have none")
    common_first, common_second = matched(first.judge, second.judge, decided=False)
    sides = []
    for side, judge in ((first, common_first), (second, common_second)):
        names = Task(judge, "mle", 0.01, level, covariates).covariates if len(judge.pair) else ()
        strata = None if stratum is None else [stratum[name] for name in judge.scenarios]
        chances = None if side.chance is None else [side.chance[name] for name in judge.scenarios]
        people = judge if side.people is None else _inside(side.people, judge)
        plain = side.people is None
        sample = align(
            judge, people, covariates=names, stratum=None if plain else strata, chance=None if plain else chances
        )
        sides.append((sample, names, 1.0 if plain else None))
    fits = [_fit(*side) for side in sides]
    n = min(int(sample.labelled.sum()) for sample, _, _ in sides)
    for fit, which in zip(fits, ("first", "second"), strict=True):
        if isinstance(fit, NoFit):
            reason = f"the {which} has no strengths to compare: {fit.reason}"
            none = (Estimate.undefined(reason, n, level=level),) * len(values)
            return CorrectedShift(values, None, None, none, (), None, False, len(common_first.scenarios), reason)
    a, b = (fit for fit in fits if isinstance(fit, Fit))
    covariance, together = _covariance(a, b)
    gap = b.theta - a.theta
    z = z_of(level)

    def estimate(weights: Floats) -> Estimate:
        point, half = float(weights @ gap), z * math.sqrt(max(float(weights @ covariance @ weights), 0.0))
        return Estimate(point, point - half, point + half, n=n, level=level)

    group_of = [groups[value] for value in values] if groups else []
    means = {group: np.array([name == group for name in group_of], dtype=float) for group in dict.fromkeys(group_of)}
    return CorrectedShift(
        values=values,
        first=tuple(map(float, a.theta)),
        second=tuple(map(float, b.theta)),
        strengths=tuple(estimate(row) for row in np.eye(len(values))),
        groups=tuple((group, estimate(inside / inside.sum())) for group, inside in means.items()),
        lam=(a.lam, b.lam),
        together=together,
        scenarios=len(common_first.scenarios),
        reason="",
    )


def _inside(people: Tallies, judge: Tallies) -> Tallies:
    known = set(judge.scenarios)
    return people.take(np.array([name in known for name in people.scenarios], dtype=bool))


def _fit(sample: CorrectionSample, covariates: Sequence[str], lam: float | None) -> Fit | NoFit:
    if not sample.labelled.any():
        return NoFit("no scenario was labelled whole by people")
    return corrected(Frame.of(sample, tuple(covariates)), lam)


def _covariance(a: Fit, b: Fit) -> tuple[Floats, bool]:
    """Covariance of the difference of strengths, shape (K, K), and whether it is paired."""
    frames = (a.frame, b.frame)
    census = [bool(frame.sample.labelled.all()) for frame in frames]
    same = np.array_equal(frames[0].design.weights, frames[1].design.weights)  # the same scenarios, drawn alike
    borrows = any((frame.borrows & (frame.labels < frame.design.total)).any() for frame in frames)
    if borrows or not (same or any(census)):
        return a.theta_covariance + b.theta_covariance, False
    # The side with fewer labels says where both are known.
    design = frames[0].design if census[1] else frames[1].design
    people_scores, left = [], []
    for fit in (a, b):
        through = (fit.frame.plane @ fit.bread).T
        people_scores.append(fit.told @ through)
        left.append((fit.told - fit.lam * fit.judged) @ through)
    by_people, residual = people_scores[1] - people_scores[0], left[1] - left[0]
    parts = design.within(by_people) / np.maximum(design.total, 1)[:, None, None] + design.sampling(residual, residual)
    if np.isnan(parts).any():
        return a.theta_covariance + b.theta_covariance, False
    return np.asarray(parts.sum(axis=0)), True
