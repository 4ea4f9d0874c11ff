"""Agreement by response sets: a judge is right where its answer is one that people find defensible.

Source: Guerdan et al. (2025), Validating LLM-as-a-judge systems under rating indeterminacy, NeurIPS, arXiv 2503.05965.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.clusters import Flags, Floats, Sample, Statistic
from conflictscope.stats.crossing import Crossing
from conflictscope.stats.figures import RESAMPLES, figure, patterns
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode, encode_table
from conflictscope.stats.panels import SideBySide
from conflictscope.stats.tables import used_by_first
from conflictscope.stats.types import Estimate, Result

# An answer is in the set where at least this part of those who answered marked it, first or also.
ENOUGH = 0.5
# What smooths the bootstrap where answers differ seldom, in items: a scenario of several needs less.
HALF_AN_ITEM = 0.5
NO_SET = "no item has both a set and an answer of the judge"


@dataclass(frozen=True, eq=False)
class ResponseSets:
    """The answers that people allow.

    Attributes:
        allowed: whether each of q answers is in the item's set, shape (n, q).
        answered: how many people gave the item an answer, shape (n,). unsure: how many said that they cannot tell.
    """

    allowed: Flags
    answered: NDArray[np.int64]
    unsure: NDArray[np.int64]


@dataclass(frozen=True)
class SetAgreement(Result):
    """A judge against the sets of answers that people allow.

    Attributes:
        n: items compared; empty: items whose set is empty (everybody unsure, or no answer marked by half), left out;
            unread: items with a set that the judge did not answer.
        agreement: share of items whose judge's answer is in the set.
        shuffled: the same, expected were the judge's answers dealt out at random; above_shuffled: the difference.
        mean_size: mean number of answers in a set: 1 is forced choice, all answers make everybody right.
        unsure: share of the answers asked for that were "unsure", over all items.
    """

    n: int
    empty: int
    unread: int
    agreement: Estimate
    shuffled: float | None
    above_shuffled: Estimate
    mean_size: Estimate
    unsure: Estimate


def response_sets(
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    also: Flags | None = None,
    unsure: Flags | None = None,
) -> ResponseSets:
    """The set of each item: what at least half of those who answered marked, first or as also defensible.

    Args:
        labels: first answers of n items by r annotators, None = not asked or unsure; or codes (int8).
        also: shape (n, r, q), answers marked as defensible besides; only where there is a first one.
        unsure: shape (n, r), who said that they cannot tell; they gave no answer.
    Raises: ValueError: other shapes, an answer beside "unsure", something also defensible without a first answer.
    """
    codes = encode_table(labels, categories)
    size = len(categories)
    marked = codes[:, :, None] == np.arange(size)
    has_answer = codes != MISSING
    if also is not None:
        more = np.asarray(also, dtype=bool)
        if more.shape != marked.shape:
            raise ValueError(f"what is also defensible has shape {marked.shape}, got {more.shape}")
        if (more.any(axis=2) & ~has_answer).any():
            raise ValueError("an answer is also defensible only beside a first one")
        marked = marked | more
    doubts = np.zeros(codes.shape, dtype=bool) if unsure is None else np.asarray(unsure, dtype=bool)
    if doubts.shape != codes.shape:
        raise ValueError(f"who was unsure has shape {codes.shape}, got {doubts.shape}")
    if (doubts & has_answer).any():
        raise ValueError("who is unsure gives no answer")
    answered = has_answer.sum(axis=1)
    allowed = (marked.sum(axis=1) >= ENOUGH * answered[:, None]) & (answered > 0)[:, None]
    return ResponseSets(allowed, answered, doubts.sum(axis=1))


def set_agreement(
    judge: Answers,
    sets: ResponseSets,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> SetAgreement:
    """How often the judge's answer is in the set, with what chance and the size of the sets would give.

    Args: judge: n labels, None = no answer, or codes (int8). sample: scenario, stratum and weight of each item.
    Raises: ValueError: another number of items; as `encode`.
    """
    codes = encode(judge, categories)
    if len(codes) != len(sets.allowed):
        raise ValueError(f"judge and sets need the same items, got {len(codes)} and {len(sets.allowed)}")
    sample = Sample.of(len(codes)) if sample is None else sample
    asked = sets.answered + sets.unsure
    there = sets.allowed.any(axis=1)
    usable = there & (codes != MISSING)
    part = sample.part(usable)
    allowed = sets.allowed[usable]
    # Each item adds: one, a hit, which answer the judge gave, which answers are allowed.
    rows, code = patterns(np.column_stack([codes[usable], allowed]))
    size = len(categories)
    chosen = np.eye(size)[rows[:, 0]]
    kinds = part.kinds(
        code,
        np.column_stack(
            [np.ones(len(rows)), (chosen * rows[:, 1:]).sum(axis=1), rows[:, 1:].sum(axis=1), chosen, rows[:, 1:]]
        ).astype(float),
    )
    n = int(usable.sum())
    right = allowed[np.arange(n), codes[usable]].astype(np.int8)

    def hits(t: Floats) -> Floats:
        return t[..., 1] / t[..., 0]

    def dealt(t: Floats) -> Floats:
        return np.asarray((t[..., 3 : 3 + size] * t[..., 3 + size :]).sum(-1) / t[..., 0] ** 2)

    def told(statistic: Statistic, bounds: tuple[float, float]) -> Estimate:
        if not n:
            return Estimate.undefined(NO_SET, level=level)
        return figure(statistic, kinds, part, rng=rng, n=n, reason="", resamples=resamples, level=level, bounds=bounds)

    everything = sample.kinds(*_counted(sets.unsure, asked))
    doubts = Estimate.undefined("nobody was asked", level=level)
    if asked.sum():
        doubts = figure(
            hits,
            everything,
            sample,
            rng=rng,
            n=int(asked.sum()),
            reason="",
            resamples=resamples,
            level=level,
            bounds=(0.0, 1.0),
        )
    return SetAgreement(
        n=n,
        empty=int(((asked > 0) & ~there).sum()),
        unread=int((there & (codes == MISSING)).sum()),
        agreement=Crossing.of(right, right, 2, part).share(used_by_first(2, 1), reason=NO_SET, level=level),
        shuffled=float(dealt(kinds.total)) if n else None,
        above_shuffled=told(lambda t: hits(t) - dealt(t), (-1.0, 1.0)),
        mean_size=told(lambda t: t[..., 2] / t[..., 0], (0.0, float(size))),
        unsure=doubts,
    )


def compare_by_sets(
    first: Answers,
    second: Answers,
    sets: ResponseSets,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> SideBySide:
    """Two judges against the same sets, on the items that both answered: which of them may lose by one answer what it wins by sets.

    Args: first, second: n labels each, None = no answer, or codes (int8). Others as `set_agreement`.
    Returns: of the first judge, of the second (`people`), and the first less the second.
    Raises: ValueError: another number of items; as `encode`.
    """
    codes = [encode(answers, categories) for answers in (first, second)]
    if any(len(each) != len(sets.allowed) for each in codes):
        raise ValueError(f"both judges and the sets need the same items, got {[*map(len, codes), len(sets.allowed)]}")
    sample = Sample.of(len(sets.allowed)) if sample is None else sample
    usable = sets.allowed.any(axis=1) & (codes[0] != MISSING) & (codes[1] != MISSING)
    if not usable.any():
        none = Estimate.undefined(NO_SET, level=level)
        return SideBySide(none, none, none)
    part, n = sample.part(usable), int(usable.sum())
    right = [sets.allowed[usable][np.arange(n), each[usable]].astype(np.int8) for each in codes]
    rows, code = patterns(np.column_stack(right))
    kinds = part.kinds(code, np.column_stack([np.ones(len(rows)), rows]).astype(float))

    def difference(t: Floats) -> Floats:
        return (t[..., 1] - t[..., 2]) / t[..., 0]

    shares = [Crossing.of(each, each, 2, part).share(used_by_first(2, 1), reason=NO_SET, level=level) for each in right]
    apart = figure(
        difference,
        kinds,
        part,
        rng=rng,
        n=n,
        reason="",
        resamples=resamples,
        level=level,
        # Simulated at 50 scenarios: without smoothing it covers 0.92, with that of two raters 0.99 to 1.
        smoothing=HALF_AN_ITEM * part.scenarios / part.n,
    )
    return SideBySide(shares[0], shares[1], apart)


def _counted(unsure: NDArray[np.int64], asked: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    rows, code = patterns(np.column_stack([asked, unsure]))
    return code, rows.astype(float)
