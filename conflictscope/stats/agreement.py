"""Agreement: a judge with people, and people with each other, never a kappa without its raw agreement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix
from statsmodels.stats.inter_rater import cohens_kappa

from conflictscope.stats import tables
from conflictscope.stats.consensus import leave_one_out
from conflictscope.stats.intervals import percentiles, wilson, z_of
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode, encode_table
from conflictscope.stats.tables import Floats
from conflictscope.stats.types import Estimate, Result

RESAMPLES = 2000

# From this many items on the delta method gives kappa's interval, provided that this many items disagree
# and this many lie outside the most frequent category: below it the bootstrap holds its level better.
DELTA_ITEMS, DELTA_RARE = 100, 10

# Where simulation shows that a nominal 95 % interval of kappa may cover less than 93 %.
FEW_ITEMS, FEW_RARE = 20, 5

LOPSIDED = 0.9


@dataclass(frozen=True)
class Agreement(Result):
    """How well a first rater (the judge) agrees with a second (people) on the items that both answered.

    Attributes:
        n: items that both answered; left_out: items where one or both answers are missing.
        categories: the labels, in the order of the table.
        confusion: rows = first rater, columns = second; counts, or sums of item weights where these were given.
        raw, kappa, ac1: raw agreement, Cohen's kappa, Gwet's AC1 (with all categories counted).
        positive: the positive category, None when there is none; the fields below are then undefined and say so.
        prevalence_judge, prevalence_people: share of the positive category.
        positive_agreement, negative_agreement: specific agreement on the positive category and on the rest.
        precision, recall, f1: of the first rater, the second taken as truth.
        weights: None, or "quadratic" for a weighted kappa.
        interval: how kappa's interval was made, "bootstrap" or "delta"; empty where there is none.
        warnings: sentences to show with the numbers.
    """

    n: int
    left_out: int
    categories: tuple[Label, ...]
    confusion: tuple[tuple[float, ...], ...]
    raw: Estimate
    kappa: Estimate
    ac1: Estimate
    positive: Label | None
    prevalence_judge: Estimate
    prevalence_people: Estimate
    positive_agreement: Estimate
    negative_agreement: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    weights: str | None
    interval: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class LeaveOneOut(Result):
    """Judge and one annotator, each against the consensus of the other annotators, on the same items."""

    judge: Agreement
    annotator: Agreement


def cohen_kappa(
    first: Answers, second: Answers, *, categories: Sequence[Label], weights: str | None = None
) -> float | None:
    """Cohen's kappa of two raters; None where undefined (no common item, or one category only). See `tables.kappa`."""
    return _number(tables.kappa(_crossed(first, second, categories), weights))


def gwet_ac1(first: Answers, second: Answers, *, categories: Sequence[Label]) -> float | None:
    """Gwet's AC1 of two raters with q = len(categories); None without a common item. See `tables.ac1`."""
    return _number(tables.ac1(_crossed(first, second, categories)))


def judge_agreement(
    judge: Answers,
    people: Answers,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    weights: str | None = None,
    item_weights: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Agreement:
    """Everything that is said about two raters, with intervals.

    Shares of items (raw agreement, prevalence, precision, recall) have Wilson intervals. Kappa has the smoothed item
    bootstrap of `tables.replicates` below 100 items, with weights, or where disagreement or all but one category is
    rare; otherwise the delta method (Fleiss, Cohen & Everitt 1969). The others have the bootstrap. With item weights
    every interval is a bootstrap.

    Args:
        judge, people: labels of the same n items, None = no answer; an item lacking either is left out.
        categories: all labels that can be given, in order; their number is AC1's q.
        positive: the category that precision, recall, prevalence and specific agreement are about.
        weights: None, or "quadratic": kappa's cost of a disagreement is the squared distance in the categories' order.
        item_weights: shape (n,), one over the inclusion probability of each item, above 0.
    Returns: undefined estimates carry a reason: no common item, one category only, a category never used.
    Raises: ValueError: different lengths, an unknown label, weights not above 0.
    """
    first, second = encode(judge, categories), encode(people, categories)
    if len(first) != len(second):
        raise ValueError(f"both raters need the same items, got {len(first)} and {len(second)} answers")
    if positive is not None and positive not in categories:
        raise ValueError(f"the positive category {positive!r} is none of {list(categories)}")
    both = (first != MISSING) & (second != MISSING)
    heft = np.ones(len(first)) if item_weights is None else np.asarray(item_weights, dtype=float)
    if heft.shape != first.shape or not np.all(heft[both] > 0):
        raise ValueError("item weights must be above 0, one for each item")
    first, second, heft = first[both], second[both], heft[both]
    size, n = len(categories), len(first)

    table = confusion_matrix(first, second, labels=range(size), sample_weight=heft) if n else np.zeros((size, size))
    table = np.asarray(table, dtype=float)
    kinds, counts = _kinds(first, second, heft, size)
    drawn = tables.replicates(kinds, counts, rng=rng, resamples=resamples) if n else np.zeros((0, size, size))

    def booted(statistic: Callable[[Floats], Floats], reason: str) -> Estimate:
        return _estimate(statistic(table), statistic(drawn), n, reason, level)

    def share(top: Callable[[Floats], Floats], bottom: Callable[[Floats], Floats], reason: str) -> Estimate:
        if item_weights is not None:
            return booted(lambda t: tables.divide(top(t), bottom(t)), reason)
        of = int(bottom(table))
        return wilson(int(top(table)), of, level=level) if of else Estimate.undefined(reason, level=level)

    def total(t: Floats) -> Floats:
        return np.asarray(t.sum((-2, -1)))

    nothing = "no item was answered by both"
    raw = share(lambda t: np.trace(t, axis1=-2, axis2=-1), total, nothing)
    kappa, interval = _kappa_estimate(table, drawn, n, weights, item_weights is not None, level)
    chance_corrected = booted(tables.ac1, nothing)
    if positive is None:
        none = Estimate.undefined("there is no positive category", n, level=level)
        about_positive = dict.fromkeys(_ABOUT_POSITIVE, none)
    else:
        at = list(categories).index(positive)
        nobody = f"nobody answered {positive}"

        def by_judge(t: Floats) -> Floats:
            return np.asarray(t[..., at, :].sum(-1))

        def by_people(t: Floats) -> Floats:
            return np.asarray(t[..., :, at].sum(-1))

        def hits(t: Floats) -> Floats:
            return np.asarray(t[..., at, at])

        about_positive = {
            "prevalence_judge": share(by_judge, total, nothing),
            "prevalence_people": share(by_people, total, nothing),
            "positive_agreement": booted(lambda t: tables.specific_agreement(t, at), nobody if n else nothing),
            "negative_agreement": booted(
                lambda t: tables.rest_agreement(t, at), f"everybody answered {positive}" if n else nothing
            ),
            "precision": share(hits, by_judge, f"the judge never answered {positive}" if n else nothing),
            "recall": share(hits, by_people, f"people never answered {positive}" if n else nothing),
            "f1": booted(lambda t: tables.specific_agreement(t, at), nobody if n else nothing),
        }
    return Agreement(
        n=n,
        left_out=int((~both).sum()),
        categories=tuple(categories),
        confusion=_rows(table, whole=item_weights is None),
        raw=raw,
        kappa=kappa,
        ac1=chance_corrected,
        positive=positive,
        weights=weights,
        interval=interval,
        warnings=_warnings(table, n, kappa, about_positive["prevalence_people"], item_weights is not None),
        **about_positive,
    )


def pairwise_agreement(
    labels: Sequence[Answers],
    *,
    raters: Sequence[str],
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    weights: str | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> dict[tuple[str, str], Agreement]:
    """Agreement of each pair of raters on the items that both answered, keyed by the two names in the given order.

    Args: labels: n items by r raters, None = not asked; raters: r names. Others as `judge_agreement`.
    Raises: ValueError: a row has not one cell for each rater; as `judge_agreement`.
    """
    columns = columns_of(labels, len(raters))
    return {
        (raters[i], raters[j]): judge_agreement(
            columns[i],
            columns[j],
            categories=categories,
            rng=rng,
            positive=positive,
            weights=weights,
            resamples=resamples,
            level=level,
        )
        for i, j in combinations(range(len(raters)), 2)
    }


def leave_one_out_agreement(
    judge: Answers,
    labels: Sequence[Answers],
    *,
    raters: Sequence[str],
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> dict[str, LeaveOneOut]:
    """Judge and annotator on the same footing: each against the consensus of the *other* annotators.

    For each annotator the items are those that they answered, that the judge answered, and where the others have a
    strict plurality (one vote is enough, a tie drops the item). A judge compared with the majority of all annotators
    looks better than a person compared with a person, because a majority is less noisy: compare within one row here.

    Args: judge: n labels; labels: n items by r annotators, None = not asked. Others as `judge_agreement`.
    """
    columns = columns_of(labels, len(raters))
    if len(judge) != len(labels):
        raise ValueError(f"judge and annotators need the same items, got {len(judge)} and {len(labels)}")
    compared = {}
    for index, rater in enumerate(raters):
        others = leave_one_out(labels, rater=index, categories=categories)
        own = columns[index]
        usable = [i for i in range(len(judge)) if judge[i] is not None and own[i] is not None and others[i] is not None]

        def against_others(
            answers: Answers, others: Answers = others, usable: Sequence[int] = tuple(usable)
        ) -> Agreement:
            return judge_agreement(
                [answers[i] for i in usable],
                [others[i] for i in usable],
                categories=categories,
                rng=rng,
                positive=positive,
                resamples=resamples,
                level=level,
            )

        compared[rater] = LeaveOneOut(judge=against_others(judge), annotator=against_others(own))
    return compared


_ABOUT_POSITIVE = (
    "prevalence_judge",
    "prevalence_people",
    "positive_agreement",
    "negative_agreement",
    "precision",
    "recall",
    "f1",
)


def columns_of(labels: Sequence[Answers], width: int) -> list[list[Label | None]]:
    """One list of answers for each rater. Raises ValueError where a row has another number of cells."""
    if any(len(row) != width for row in labels):
        raise ValueError(f"every item needs {width} cells, one for each rater")
    return [[row[column] for row in labels] for column in range(width)]


def _crossed(first: Answers, second: Answers, categories: Sequence[Label]) -> Floats:
    """The table of two raters over the items that both answered."""
    if len(first) != len(second):
        raise ValueError(f"both raters need the same items, got {len(first)} and {len(second)} answers")
    codes = encode_table(list(zip(first, second, strict=True)), categories).reshape(-1, 2)
    codes = codes[(codes != MISSING).all(axis=1)]
    table = np.zeros((len(categories), len(categories)))
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    return table


def _kinds(first: Codes, second: Codes, heft: Floats, size: int) -> tuple[Floats, Floats]:
    """The different items (cell and weight), shape (m, q, q), and how many there are of each: order plays no part."""
    rows, counts = np.unique(np.column_stack([first, second, heft]), axis=0, return_counts=True)
    kinds = np.zeros((len(rows), size, size))
    kinds[np.arange(len(rows)), rows[:, 0].astype(int), rows[:, 1].astype(int)] = rows[:, 2]
    return kinds, counts.astype(float)


def _number(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)


def _estimate(value: Floats, drawn: Floats, n: int, reason: str, level: float) -> Estimate:
    """A point with the percentiles of its replicates, which are made to enclose it."""
    point = _number(value)
    if point is None:
        return Estimate.undefined(reason, n, level=level)
    low, high = percentiles(drawn, level=level)
    if np.isnan(low):
        return Estimate(point, n=n, warning="no resample defines it: no interval", level=level)
    return Estimate(point, min(float(low), point), max(float(high), point), n=n, level=level)


def _kappa_estimate(
    table: Floats, drawn: Floats, n: int, weights: str | None, weighted_items: bool, level: float
) -> tuple[Estimate, str]:
    """Kappa with its interval and the way that was made."""
    point = _number(tables.kappa(table, weights))
    if n == 0:
        return Estimate.undefined("no item was answered by both", level=level), ""
    if point is None:
        return Estimate.undefined("both raters gave one and the same answer to every item", n, level=level), ""
    warning = "" if weighted_items else _kappa_warning(table, n)
    disagreeing, rare = n - np.trace(table), _outside_the_commonest(table)
    plenty = n >= DELTA_ITEMS and disagreeing >= DELTA_RARE and rare >= DELTA_RARE
    if plenty and weights is None and not weighted_items:
        half = z_of(level) * float(np.sqrt(cohens_kappa(table).var_kappa))
        return Estimate(point, point - half, min(point + half, 1.0), n=n, warning=warning, level=level), "delta"
    booted = _estimate(np.asarray(point), tables.kappa(drawn, weights), n, "", level)
    return Estimate(point, booted.low, booted.high, n=n, warning=warning, level=level), "bootstrap"


def _outside_the_commonest(table: Floats) -> float:
    """How many items, on average of both raters, lie outside the most frequent category."""
    used = (table.sum(0) + table.sum(1)) / 2
    return float(used.sum() - used.max())


def _kappa_warning(table: Floats, n: int) -> str:
    if n < FEW_ITEMS:
        return f"{n} items only: kappa's interval may miss the truth more often than it says"
    rare = _outside_the_commonest(table)
    if rare < FEW_RARE:
        return f"only {rare:g} of {n} items lie outside the most frequent answer: kappa and its interval are unstable"
    return ""


def _warnings(table: Floats, n: int, kappa: Estimate, prevalence: Estimate, weighted: bool) -> tuple[str, ...]:
    """Sentences that belong beside the numbers."""
    said = [kappa.warning] if kappa.warning else []
    share = prevalence.value
    if share is not None and n >= FEW_ITEMS and not LOPSIDED > share > 1 - LOPSIDED:
        said.append(
            f"people gave the positive answer to {share:.0%} of the items: "
            "kappa is low here even for good raters, read it beside AC1"
        )
    if weighted:
        said.append("items are weighted by one over their inclusion probability")
    return tuple(said)


def _rows(table: Floats, *, whole: bool) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(cell) if whole else float(cell) for cell in row) for row in table)
