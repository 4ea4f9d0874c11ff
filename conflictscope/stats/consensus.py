"""One answer out of several: majority with ties, the consensus of the others, Dawid-Skene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp

from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode, encode_table
from conflictscope.stats.types import Result

Floats = NDArray[np.float64]

# A restart must beat the start from pooled shares by more than rounding to be preferred.
LIKELIHOOD_GAIN = 1e-6

SMALLEST = 1e-300


@dataclass(frozen=True)
class Majority(Result):
    """The answer of each item.

    Attributes:
        labels: the most frequent answer; None where nobody answered or where the first place is tied.
        tied: whether the first place is tied and nobody adjudicated: the item waits for adjudication.
        answers: how many people answered the item.
        votes: how many gave each category, in the order of `categories`.
        adjudicated: whether the answer is an adjudicator's.
        categories: all labels.
    """

    labels: tuple[Label | None, ...]
    tied: tuple[bool, ...]
    answers: tuple[int, ...]
    votes: tuple[tuple[int, ...], ...]
    adjudicated: tuple[bool, ...]
    categories: tuple[Label, ...]


@dataclass(frozen=True)
class DawidSkene(Result):
    """Posterior of each item and error rates of each annotator, by maximum likelihood.

    Attributes:
        categories: the classes, q of them.
        posterior: probability of each class per item, shape (n, q); nan rows for items without an answer.
        labels: the most probable class of each item, None where nobody answered or two classes are equally probable.
        class_shares: estimated share of each class among the items, shape (q,).
        confusion: probability that annotator r answers h when the class is g, shape (r, q, q); nan where r answered
            nothing, or where no item belongs to the class.
        log_likelihood: of the kept solution, up to which it is a maximum near its start.
        converged: whether the posterior stopped moving; restarts: how many random starts were tried;
        better_restart: whether a random start beat the start from pooled shares.
        warnings: sentences to show with it.
    """

    categories: tuple[Label, ...]
    posterior: Floats
    labels: tuple[Label | None, ...]
    class_shares: Floats
    confusion: Floats
    log_likelihood: float
    converged: bool
    restarts: int
    better_restart: bool
    warnings: tuple[str, ...]


def majority(
    labels: Sequence[Answers] | Codes, *, categories: Sequence[Label], adjudicated: Answers | None = None
) -> Majority:
    """Most frequent answer of each item over the people who answered it; ties are returned as ties.

    Args:
        labels: n items by r annotators, None = not asked.
        adjudicated: n labels, None = not adjudicated; where given it wins over every vote.
    Raises: ValueError: an unknown label, rows of different lengths, or another number of adjudicated answers.
    """
    votes = votes_of(encode_table(labels, categories), len(categories))
    ruled = [None] * len(labels) if adjudicated is None else list(adjudicated)
    if len(ruled) != len(labels):
        raise ValueError(f"{len(ruled)} adjudicated answers for {len(labels)} items")
    encode(ruled, categories)
    winners = plurality(votes)
    return Majority(
        labels=tuple(
            rule if rule is not None else None if winner == MISSING else categories[winner]
            for rule, winner in zip(ruled, winners.answer.tolist(), strict=True)
        ),
        tied=tuple(rule is None and tied for rule, tied in zip(ruled, winners.tied.tolist(), strict=True)),
        answers=tuple(winners.votes.tolist()),
        votes=tuple(map(tuple, votes.tolist())),
        adjudicated=tuple(rule is not None for rule in ruled),
        categories=tuple(categories),
    )


@dataclass(frozen=True, eq=False)
class Plurality:
    """The most frequent answer of each of n items.

    Attributes:
        answer: its code, shape (n,); -1 where nobody answered or the first place is tied.
        tied: whether the first place is tied, shape (n,). votes: how many answered, shape (n,).
    """

    answer: Codes
    tied: NDArray[np.bool_]
    votes: NDArray[np.int64]


def votes_of(codes: Codes, size: int) -> NDArray[np.int64]:
    """How many answers each category has, shape (n, size), from codes of shape (n, r)."""
    return np.stack([(codes == category).sum(axis=1, dtype=np.int64) for category in range(size)], axis=1)


def plurality(votes: NDArray[np.int64]) -> Plurality:
    """Args: votes: shape (n, q)."""
    most = votes.max(axis=1)
    tied = (votes == most[:, None]).sum(axis=1) > 1
    settled = (most > 0) & ~tied
    answer = np.where(settled, votes.argmax(axis=1), MISSING).astype(np.int8)
    return Plurality(answer, tied & (most > 0), votes.sum(axis=1))


def plurality_of_others(codes: Codes, rater: int, size: int) -> Plurality:
    """What the annotators other than `rater` say, from codes of shape (n, r)."""
    return plurality(votes_of(np.delete(codes, rater, axis=1), size))


def leave_one_out(
    labels: Sequence[Answers] | Codes, *, rater: int, categories: Sequence[Label]
) -> tuple[Label | None, ...]:
    """Strict plurality of the annotators other than `rater`; one vote is enough, a tie or no vote gives None.

    Args: labels: n items by r annotators, None = not asked; rater: the column left out.
    Raises: ValueError: no such column; as `encode_table`.
    """
    codes = encode_table(labels, categories)
    if not 0 <= rater < codes.shape[1]:
        raise ValueError(f"there is no annotator {rater} among {codes.shape[1]}")
    answers = plurality_of_others(codes, rater, len(categories)).answer.tolist()
    return tuple(None if answer == MISSING else categories[answer] for answer in answers)


def dawid_skene(
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    annotators: Sequence[int] | None = None,
    restarts: int = 20,
    tolerance: float = 1e-9,
    max_iterations: int = 5000,
) -> DawidSkene:
    """Latent class of each item and confusion matrix of each annotator, by EM without smoothing.

    EM starts from the pooled shares of votes, then from random posteriors; the best likelihood is kept, the start from
    pooled shares where none is better. Classes are named by matching them to the answers (the assignment with the most
    expected agreement), so that a restart cannot come back with two classes exchanged.

    Args:
        labels: n items by r annotators, None = not asked.
        annotators: of each column the annotator, from 0, where somebody answered the same items several times; each column is
            somebody else by default.
        restarts: random starts beside the first; tolerance: largest change of a posterior at which EM stops.
    Returns: see DawidSkene; with a warning where EM did not converge or items have a single answer.
    Raises: ValueError: no answer at all; as `encode_table`.
    Source: Dawid & Skene (1979), Appl. Stat. 28(1):20-28.
    """
    codes = encode_table(labels, categories)
    if not (codes != MISSING).any():
        raise ValueError("nobody answered anything")
    size = len(categories)
    patterns, kind, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    answered = (patterns != MISSING).any(axis=1)
    one_hot = _by_annotator(_one_hot(patterns[answered], size), annotators)
    weight = counts[answered].astype(float)

    votes = one_hot.sum(axis=1)
    pooled = votes / votes.sum(axis=1, keepdims=True)
    starts = np.concatenate([pooled[None], rng.dirichlet(np.ones(size), size=(restarts, len(weight)))])
    solutions = _expectation_maximisation(one_hot, weight, starts, tolerance, max_iterations)
    best = max(solutions, key=lambda solution: solution.log_likelihood)
    better_restart = best.log_likelihood > solutions[0].log_likelihood + LIKELIHOOD_GAIN
    if not better_restart:
        best = solutions[0]

    order = _class_names(best, one_hot, weight)
    known = np.full((len(patterns), size), np.nan)
    known[answered] = best.posterior[:, order]
    posterior = known[kind.reshape(-1)]
    answers = (codes != MISSING).sum(axis=1)
    warnings = []
    if not best.converged:
        warnings.append(f"the posterior still moved after {max_iterations} iterations")
    if single := int((answers == 1).sum()):
        warnings.append(f"{single} of {len(codes)} items have one answer only")
    return DawidSkene(
        categories=tuple(categories),
        posterior=posterior,
        labels=tuple(_most_probable(row, categories) for row in posterior),
        class_shares=best.shares[order],
        confusion=best.confusion[:, order, :],
        log_likelihood=best.log_likelihood,
        converged=best.converged,
        restarts=restarts,
        better_restart=better_restart,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True)
class _Solution:
    posterior: Floats
    shares: Floats
    confusion: Floats
    log_likelihood: float
    converged: bool


def _expectation_maximisation(
    given: Floats, weight: Floats, starts: Floats, tolerance: float, max_iterations: int
) -> list[_Solution]:
    """EM over the different rows of answers, each standing for `weight` items, from all starts (s, n, q) at once."""
    posterior = starts.copy()
    moving = np.ones(len(starts), dtype=bool)
    for _ in range(max_iterations):
        following, _ = _expect(given, *_maximise(given, weight, posterior[moving]))
        moved = np.abs(following - posterior[moving]).max(axis=(1, 2))
        posterior[moving] = following
        moving[moving] = moved >= tolerance
        if not moving.any():
            break
    shares, confusion = _maximise(given, weight, posterior)
    _, likelihoods = _expect(given, shares, confusion)
    return [
        _Solution(posterior[s], shares[s], confusion[s], float(likelihoods[s] @ weight), not moving[s])
        for s in range(len(starts))
    ]


def _maximise(given: Floats, weight: Floats, posterior: Floats) -> tuple[Floats, Floats]:
    """Class shares (s, q) and confusion matrices (s, r, q, q), nan where a row has no weight."""
    heavy = posterior * weight[:, None]
    size = given.shape[2]
    flat = np.swapaxes(heavy, 1, 2) @ given.reshape(len(given), -1)
    answered = np.swapaxes(flat.reshape(len(heavy), size, -1, size), 1, 2)
    totals = answered.sum(axis=3, keepdims=True)
    confusion = np.where(totals > 0, answered / np.where(totals > 0, totals, 1.0), np.nan)
    return heavy.sum(axis=1) / weight.sum(), confusion


def _expect(given: Floats, shares: Floats, confusion: Floats) -> tuple[Floats, Floats]:
    """Posterior of each row (s, n, q) and its log likelihood (s, n)."""
    # A chance of zero becomes one so small that a row that needs it loses to any other class, without 0 times infinity.
    log_shares, log_confusion = (np.log(np.maximum(np.nan_to_num(chance), SMALLEST)) for chance in (shares, confusion))
    size = given.shape[2]
    by_class = np.swapaxes(log_confusion, 1, 2).reshape(len(shares), size, -1)
    log_joint = log_shares[:, None, :] + given.reshape(len(given), -1) @ np.swapaxes(by_class, 1, 2)
    likelihoods = logsumexp(log_joint, axis=2, keepdims=True)
    return np.exp(log_joint - likelihoods), likelihoods[:, :, 0]


def _class_names(solution: _Solution, given: Floats, weight: Floats) -> NDArray[np.int64]:
    """For each category the latent class that its answers mostly come from (a one-to-one assignment)."""
    together = np.einsum("ng,nrh->gh", solution.posterior * weight[:, None], given)
    classes, names = linear_sum_assignment(-together)
    order: NDArray[np.int64] = classes[np.argsort(names)]
    return order


def _one_hot(codes: Codes, size: int) -> Floats:
    """Shape (n, r, q): one at the answer, all zero where there is none."""
    hot: Floats = (codes[:, :, None] == np.arange(size)).astype(float)
    return hot


def _by_annotator(one_hot: Floats, annotators: Sequence[int] | None) -> Floats:
    """How often each annotator gave each answer, shape (n, annotators, q), from columns of which several may be one person's."""
    if annotators is None:
        return one_hot
    if len(annotators) != one_hot.shape[1]:
        raise ValueError(f"{len(annotators)} annotators for {one_hot.shape[1]} columns")
    whose = np.eye(max(annotators) + 1)[list(annotators)]
    counts: Floats = np.einsum("nrq,ra->naq", one_hot, whose)
    return counts


def _most_probable(posterior: Floats, categories: Sequence[Label]) -> Label | None:
    if np.isnan(posterior).any():
        return None
    first = int(posterior.argmax())
    tied = (posterior > posterior[first] - 1e-9).sum() > 1
    return None if tied else categories[first]
