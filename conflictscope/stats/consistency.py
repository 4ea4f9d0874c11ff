"""A judge against itself: over samples, over the two orders of the options, over time on the same anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import fdtrc

from conflictscope.stats.agreement import Agreement, judge_agreement
from conflictscope.stats.clusters import Floats, Sample, covariance
from conflictscope.stats.consensus import votes_of
from conflictscope.stats.crossing import Crossing
from conflictscope.stats.figures import RESAMPLES, figure, patterns
from conflictscope.stats.labels import Answers, Codes, Label, encode, encode_table
from conflictscope.stats.panels import ONE_CATEGORY
from conflictscope.stats.reliability import chance_corrected
from conflictscope.stats.tables import Ratio
from conflictscope.stats.types import Estimate, Result

# What smooths the bootstrap where answers differ seldom, in items: a scenario of several needs less.
HALF_AN_ITEM = 0.5


@dataclass(frozen=True)
class SelfConsistency(Result):
    """Two answers of one judge to the same item, drawn at random of its samples.

    Attributes:
        n: items with two answers or more; scenarios: of these; unread: share of the samples asked for without an answer.
        raw: chance that they are alike; kappa: the same beyond chance (both answers are spread as all are).
    """

    n: int
    scenarios: int
    raw: Estimate
    kappa: Estimate
    unread: Estimate


@dataclass(frozen=True)
class PositionConsistency(Result):
    """Answers of one judge to the two orders of the options, as what was chosen, not as where it stood.

    Attributes:
        agreement: first order against second: raw agreement, kappa and the rest.
        followed_first: of the items on which the two orders chose one option each, the share that chose what stood first
            both times; above one half the judge leans to the first place, below to the last.
    """

    agreement: Agreement
    followed_first: Estimate


@dataclass(frozen=True)
class Drift(Result):
    """Answers of one judge to the same anchors at two dates.

    Attributes:
        agreement: earlier against later. shifts: of each category, the share later less the share earlier.
        p: that no share has changed; None where it cannot be tested, and `reason` says why.
    """

    agreement: Agreement
    shifts: tuple[tuple[Label, Estimate], ...]
    p: float | None
    reason: str


def self_consistency(
    readings: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> SelfConsistency:
    """Agreement of a judge's samples with each other; each item counts once however many samples it has.

    Args: readings: n items by k samples, None = no answer that could be read; or codes (int8).
    Raises: ValueError: as `encode_table`.
    """
    codes = encode_table(readings, categories)
    sample = Sample.of(len(codes)) if sample is None else sample
    size = len(categories)
    votes = votes_of(codes, size)
    answered = votes.sum(axis=1)
    usable = answered >= 2
    n = int(usable.sum())
    unread = Estimate.undefined("nothing was asked", level=level)
    if codes.size:
        rows, code = patterns(answered[:, None])
        unread = figure(
            lambda t: t[..., 0] / t[..., 1],
            sample.kinds(
                code, np.column_stack([codes.shape[1] - rows[:, 0], np.full(len(rows), codes.shape[1])]) * 1.0
            ),
            sample,
            rng=rng,
            n=codes.size,
            reason="",
            resamples=resamples,
            level=level,
            bounds=(0.0, 1.0),
        )
    if not n:
        none = Estimate.undefined("no item has two answers", level=level)
        return SelfConsistency(0, 0, none, none, unread)
    part = sample.part(usable)
    rows, code = patterns(votes[usable])
    answers = rows.sum(axis=1)[:, None, None]
    pairs = (rows[:, :, None] * rows[:, None, :] - rows[:, :, None] * np.eye(size)) / (answers * (answers - 1))
    kinds = part.kinds(code, pairs)
    kappa = partial(chance_corrected, costs=1.0 - np.eye(size), paired=False)
    raw_of = Ratio(np.eye(size), np.ones((size, size)))
    raw, beyond = (
        figure(
            statistic,
            kinds,
            part,
            rng=rng,
            n=n,
            reason=ONE_CATEGORY,
            resamples=resamples,
            level=level,
            # Two answers of one judge differ seldom: with the smoothing of two raters limits cover 0.98 at 50 scenarios.
            smoothing=HALF_AN_ITEM * part.scenarios / part.n,
        )
        for statistic in (raw_of, kappa)
    )
    return SelfConsistency(n, part.scenarios, raw, beyond, unread)


def position_consistency(
    first_order: Answers,
    second_order: Answers,
    *,
    categories: Sequence[Label],
    options: tuple[Label, Label],
    rng: np.random.Generator,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> PositionConsistency:
    """Whether a judge says the same when the options change places.

    Args:
        first_order: what it chose with `options[0]` shown first; second_order: with `options[1]` shown first.
        options: the two that change places; the other categories (both, neither) have no place.
    Raises: ValueError: an option that is no category; as `judge_agreement`.
    """
    if options[0] == options[1] or not set(options) <= set(categories):
        raise ValueError(f"the options {list(options)} must be two of {list(categories)}")
    size = len(categories)
    code_1, code_2 = (list(categories).index(option) for option in options)
    first, second = encode(first_order, categories), encode(second_order, categories)
    agreement = judge_agreement(
        first, second, categories=categories, rng=rng, sample=sample, resamples=resamples, level=level
    )
    stayed_first, moved = np.zeros((size, size)), np.zeros((size, size))
    stayed_first[code_1, code_2] = moved[code_1, code_2] = moved[code_2, code_1] = 1
    followed = Crossing.of(first, second, size, sample).share(
        Ratio(stayed_first, moved), reason="no item was decided differently in the two orders", level=level
    )
    return PositionConsistency(agreement, followed)


def drift(
    earlier: Answers,
    later: Answers,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Drift:
    """Whether a judge answers the same anchors as it did before, item by item and on the whole.

    Args: earlier, later: answers to the same n anchors at two dates.
    Returns: p of the test that all shares are what they were, by scenario (McNemar's, for more categories).
    Raises: ValueError: as `judge_agreement`.
    Source: Bhapkar (1966), J. Am. Stat. Assoc. 61(313):228-235, over scenarios and with Hotelling's F.
    """
    before, after = encode(earlier, categories), encode(later, categories)
    agreement = judge_agreement(
        before, after, categories=categories, rng=rng, sample=sample, resamples=resamples, level=level
    )
    crossing = Crossing.of(before, after, len(categories), sample)
    if not crossing.n:
        none = Estimate.undefined("no anchor was answered at both dates", level=level)
        return Drift(agreement, tuple((category, none) for category in categories), None, none.reason)

    def shift(place: int, t: Floats) -> Floats:
        moved: Floats = (t[..., :, place].sum(-1) - t[..., place, :].sum(-1)) / t.sum((-2, -1))
        return moved

    shifts = tuple(
        (
            category,
            figure(
                partial(shift, place),
                crossing.kinds,
                crossing.sample,
                rng=rng,
                n=crossing.n,
                reason="",
                resamples=resamples,
                level=level,
                smoothing=crossing.sample.smoothing,
            ),
        )
        for place, category in enumerate(categories)
    )
    p, reason = _moved(crossing)
    return Drift(agreement, shifts, p, reason)


def _moved(crossing: Crossing) -> tuple[float | None, str]:
    """p of the test that both margins are equal, with the reason where there is none."""
    if not crossing.disagreeing:
        return None, "every anchor was answered as before"
    cells = crossing.kinds.cells
    moves = cells.sum(-2) - cells.sum(-1)
    total = crossing.kinds.times @ moves
    matrix = covariance(moves, crossing.kinds)
    moving = np.flatnonzero(np.diag(matrix) > 1e-12)
    if not len(moving):
        return None, "too few scenarios to test it"
    # Shares add up to one: one of those that move says nothing new.
    rank = int(np.linalg.matrix_rank(matrix, hermitian=True))
    scenarios = crossing.sample.scenarios
    if scenarios <= rank + 1:
        return None, "too few scenarios to test it"
    wald = float(total @ np.linalg.pinv(matrix, hermitian=True) @ total)
    freedom = scenarios - rank
    return float(fdtrc(rank, freedom, wald * freedom / (rank * (scenarios - 1)))), ""
