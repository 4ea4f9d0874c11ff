"""A judge beside a panel of people, like compared with like, and never without its ties.

Against the *majority* of three a judge looks better than a person against a person, because a majority is less noisy; and
where two people tie there is no majority, so that only what they agree on is left. Here judge and people stand on the same
footing, over the same items: each against single people, or each against the consensus of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from conflictscope.stats import tables
from conflictscope.stats.agreement import Agreement, judge_agreement, sizes_of
from conflictscope.stats.clusters import Floats, Integers, Sample
from conflictscope.stats.consensus import plurality, votes_of
from conflictscope.stats.figures import RESAMPLES, figure, patterns
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode, encode_table
from conflictscope.stats.types import Estimate, Result

NOTHING = "no item was answered by the judge and by two people"
ONE_CATEGORY = "only one category was used"
# Simulated at 50 scenarios of one item each: 0.91-0.97.
FEW_SCENARIOS = 60
# From this share of ties on, a figure against the majority is worth a sentence.
MANY_TIES = 0.02


@dataclass(frozen=True)
class SideBySide(Result):
    """One figure of the judge, the same of people, and the judge's less that of people, all over the same items."""

    judge: Estimate
    people: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Footing(Result):
    """Judge and people on the same footing.

    Attributes:
        n: items compared, each counted once however many people answered it; scenarios: of these items.
        tied: items left out because all possible consensuses of the others tie (0 where there is no consensus).
        sizes: how many people answered, and how many of the items.
        raw, kappa, ac1: each for judge, people and their difference.
    """

    n: int
    scenarios: int
    tied: int
    sizes: tuple[tuple[int, int], ...]
    raw: SideBySide
    kappa: SideBySide
    ac1: SideBySide


@dataclass(frozen=True)
class MajorityAgreement(Result):
    """The judge against the majority of people, with what that hides.

    Attributes:
        tied: items that the judge answered and on which people tie, left out of `agreement`.
        sizes: how many people the majority is of, and on how many items; warnings: what to say with it.
    """

    agreement: Agreement
    tied: int
    sizes: tuple[tuple[int, int], ...]
    warnings: tuple[str, ...]


def majority_agreement(
    judge: Answers,
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> MajorityAgreement:
    """The judge against the strict plurality of the people who answered, ties left out, counted, and warned about.

    Args: judge: n labels; labels: n items by r annotators, None = not asked; or codes (int8). Others as `judge_agreement`.
    Raises: ValueError: as `judge_agreement`.
    """
    by_judge, codes = _same_items(judge, labels, categories)
    people = plurality(votes_of(codes, len(categories)))
    agreement = judge_agreement(
        by_judge,
        people.answer,
        categories=categories,
        rng=rng,
        positive=positive,
        sample=sample,
        resamples=resamples,
        level=level,
    )
    return MajorityAgreement(agreement, *what_a_majority_hides(by_judge, codes, len(categories)))


def what_a_majority_hides(
    by_judge: Codes, codes: Codes, size: int
) -> tuple[int, tuple[tuple[int, int], ...], tuple[str, ...]]:
    """On how many of the items that the judge answered people tie, of how many people the others' majority is, and warnings.

    Args: by_judge: shape (n,); codes: shape (n, r), both with -1 = no answer; size: number of categories.
    Returns: as the last three fields of `MajorityAgreement`.
    """
    people = plurality(votes_of(codes, size))
    answered = by_judge != MISSING
    tied = int((answered & people.tied).sum())
    decided = answered & (people.answer != MISSING)
    sizes = sizes_of(people.votes[decided])
    n = int(decided.sum())
    warnings = []
    if tied > MANY_TIES * (n + tied):
        warnings.append(
            f"people tie on {tied} of {n + tied} items, which are left out: on what they agree about, the judge "
            "agrees more. Compare it with single people, or with the consensus of the others"
        )
    if len(sizes) > 1:
        listed = ", ".join(f"{people} on {items}" for people, items in sizes)
        warnings.append(f"the majority is of different numbers of people ({listed} items): of more, it is less noisy")
    return tied, sizes, tuple(warnings)


def one_against_one(
    judge: Answers,
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    weights: str | None = None,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Footing:
    """The judge against a single person, beside a person against another, on items that it and two people or more answered.

    The tables of all (judge, person) and of all (person, person) of an item are averaged, so that each item counts once;
    nothing ties, and it does not matter how many people a panel has.

    Args: as `majority_agreement`; weights: None, or "quadratic" on a scale.
    """

    def tables_of(by_judge: Integers, votes: Floats) -> Floats:
        people = votes.sum(axis=1)[:, None, None]
        against = np.eye(votes.shape[1])[by_judge][:, :, None] * votes[:, None, :] / people
        among = (votes[:, :, None] * votes[:, None, :] - votes[:, :, None] * np.eye(votes.shape[1])) / (
            people * (people - 1)
        )
        return np.stack([against, among], axis=1)

    return _footing(
        judge,
        labels,
        tables_of,
        categories=categories,
        rng=rng,
        weights=weights,
        sample=sample,
        resamples=resamples,
        level=level,
    )


def against_the_others(
    judge: Answers,
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    weights: str | None = None,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Footing:
    """Judge and each annotator against the consensus of the *other* annotators (strict plurality; a tie drops the pair).

    The tables of an item are averaged over its annotators, so that each item counts once.

    Args: as `one_against_one`.
    """

    def tables_of(by_judge: Integers, votes: Floats) -> Floats:
        size = votes.shape[1]
        counts = np.zeros((len(votes), 2, size, size))
        used = np.zeros(len(votes))
        rows = np.arange(len(votes))
        for own in range(size):
            others = votes.astype(np.int64)
            others[:, own] -= 1
            there = votes[:, own] > 0
            consensus = plurality(np.maximum(others, 0)).answer
            there &= consensus != MISSING
            row, answer, times = rows[there], consensus[there], votes[there, own]
            counts[row, 0, by_judge[there], answer] += times
            counts[row, 1, own, answer] += times
            used[there] += times
        return counts / np.maximum(used, 1)[:, None, None, None]

    return _footing(
        judge,
        labels,
        tables_of,
        categories=categories,
        rng=rng,
        weights=weights,
        sample=sample,
        resamples=resamples,
        level=level,
    )


def _footing(
    judge: Answers,
    labels: Sequence[Answers] | Codes,
    tables_of: Callable[[Integers, Floats], Floats],
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    weights: str | None,
    sample: Sample | None,
    resamples: int,
    level: float,
) -> Footing:
    by_judge, codes = _same_items(judge, labels, categories)
    sample = Sample.of(len(by_judge)) if sample is None else sample
    votes = votes_of(codes, len(categories))
    shared = (by_judge != MISSING) & (votes.sum(axis=1) >= 2)
    rows, code = patterns(np.column_stack([by_judge[shared], votes[shared]]))
    adds = tables_of(rows[:, 0], rows[:, 1:].astype(float))
    # An item of which nothing is left: whoever is left out, the others tie.
    empty = adds.sum((1, 2, 3))[code] == 0 if len(rows) else np.zeros(0, dtype=bool)
    kept = np.flatnonzero(shared)[~empty]
    usable = np.zeros(len(by_judge), dtype=bool)
    usable[kept] = True
    part = sample.part(usable)
    n = len(kept)
    if not n:
        none = Estimate.undefined(NOTHING, level=level)
        nothing = SideBySide(none, none, none)
        return Footing(0, 0, int(empty.sum()), (), nothing, nothing, nothing)
    kinds = part.kinds(code[~empty], adds)
    kappa = partial(tables.kappa, weights=weights)
    size = len(categories)
    # The judge and two people may give any three answers.
    three = np.indices((size,) * 3).reshape(3, -1)
    possible = tables_of(three[0], np.eye(size)[three[1]] + np.eye(size)[three[2]])

    def side_by_side(statistic: Callable[[Floats], Floats]) -> SideBySide:
        def of(which: int) -> Callable[[Floats], Floats]:
            return lambda both: statistic(both[..., which, :, :])

        def difference(both: Floats) -> Floats:
            return statistic(both[..., 0, :, :]) - statistic(both[..., 1, :, :])

        estimates = [
            figure(
                function,
                kinds,
                part,
                rng=rng,
                n=n,
                reason=ONE_CATEGORY,
                resamples=resamples,
                level=level,
                bounds=bounds,
                smoothing=0.0 if weights else part.smoothing,
                possible=possible,
                few=FEW_SCENARIOS,
            )
            for function, bounds in ((of(0), (-1.0, 1.0)), (of(1), (-1.0, 1.0)), (difference, (-2.0, 2.0)))
        ]
        return SideBySide(*estimates)

    return Footing(
        n=n,
        scenarios=part.scenarios,
        tied=int(empty.sum()),
        sizes=sizes_of(votes[usable].sum(axis=1)),
        raw=side_by_side(tables.raw_agreement),
        kappa=side_by_side(kappa),
        ac1=side_by_side(tables.ac1),
    )


def _same_items(judge: Answers, labels: Sequence[Answers] | Codes, categories: Sequence[Label]) -> tuple[Codes, Codes]:
    by_judge, codes = encode(judge, categories), encode_table(labels, categories)
    if len(by_judge) != len(codes):
        raise ValueError(f"judge and annotators need the same items, got {len(by_judge)} and {len(codes)}")
    return by_judge, codes
