"""Agreement: a judge with people, and people with each other, never a kappa without its raw agreement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from conflictscope.stats import tables
from conflictscope.stats.clusters import Flags, Sample, whole
from conflictscope.stats.consensus import plurality_of_others
from conflictscope.stats.crossing import Crossing
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode, encode_table
from conflictscope.stats.tables import Floats, Ratio
from conflictscope.stats.types import Estimate, Result

RESAMPLES = 2000

LOPSIDED = 0.9
# Weights that leave less than this part of the scenarios' worth are worth a sentence.
MUCH_WEIGHT = 0.8


@dataclass(frozen=True)
class Agreement(Result):
    """How well a first rater (the judge) agrees with a second (people) on the items that both answered.

    Attributes:
        n: items that both answered; left_out: items where one or both answers are missing.
        scenarios: how many scenarios they belong to, which is what intervals go by.
        effective: how many scenarios of equal weight say as much, (sum w)^2 / sum w^2, which is what warnings go by.
        design_effect: variance of kappa by scenario over that of as many independent items; None where undefined.
        categories: the labels, in the order of the table.
        confusion: rows = first rater, columns = second; counts, or sums of item weights where these were given.
        raw, kappa, ac1: raw agreement, Cohen's kappa, Gwet's AC1 (with all categories counted).
        positive: the positive category, None when there is none; the fields below are then undefined and say so.
        prevalence_judge, prevalence_people: share of the positive category.
        positive_agreement, negative_agreement: specific agreement on the positive category and on the rest; n = items to
            which either rater gave it.
        precision, recall, f1: of the first rater, the second taken as truth; n = items in the denominator.
        weights: None, or "quadratic" for a weighted kappa.
        interval: how kappa's interval was made, "bootstrap", "delta" or "exact"; empty where there is none.
        warnings: sentences to show with the numbers.
    """

    n: int
    left_out: int
    scenarios: int
    effective: float
    design_effect: float | None
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
    """Judge and one annotator, each against the consensus of the other annotators, on the same items.

    Attributes:
        tied: items that both answered where the others tie, left out.
        sizes: how many others answered, and on how many of the items compared.
    """

    judge: Agreement
    annotator: Agreement
    tied: int
    sizes: tuple[tuple[int, int], ...]


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
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Agreement:
    """Everything that is said about two raters, with intervals in which the scenario is the unit.

    How the intervals of shares are made says `Crossing.share`, of kappa and AC1 `Crossing.corrected`.

    Args:
        judge, people: labels of the same n items, None = no answer, or their codes (int8); an item lacking either is
            left out.
        categories: all labels that can be given, in order; their number is AC1's q.
        positive: the category that precision, recall, prevalence and specific agreement are about.
        weights: None, or "quadratic": kappa's cost of a disagreement is the squared distance in the categories' order.
        sample: scenario, stratum and weight of each item; without it each is a scenario of its own, all weigh the same.
    Returns: undefined estimates carry a reason: no common item, one category only, a category never used.
    Raises: ValueError: different lengths, an unknown label, a positive category that is none of them.
    """
    if positive is not None and positive not in categories:
        raise ValueError(f"the positive category {positive!r} is none of {list(categories)}")
    size = len(categories)
    crossing = Crossing.of(encode(judge, categories), encode(people, categories), size, sample)
    worst = float(tables.disagreement_weights(size, weights).max())
    raw = crossing.share(tables.raw_ratio(size), reason="", level=level)
    kappa_of, chance_of = partial(tables.kappa, weights=weights), partial(tables.kappa_chance, weights=weights)
    kappa, interval = crossing.corrected(
        kappa_of,
        chance_of,
        rng=rng,
        resamples=resamples,
        level=level,
        worst=worst,
        reason="both raters gave one and the same answer to every item",
    )
    ac1, _ = crossing.corrected(tables.ac1, tables.ac1_chance, rng=rng, resamples=resamples, level=level)
    about_positive = _about(crossing, positive, categories, level)
    return Agreement(
        n=crossing.n,
        left_out=crossing.left_out,
        scenarios=crossing.sample.scenarios,
        effective=crossing.sample.effective,
        design_effect=crossing.design_effect(kappa_of),
        categories=tuple(categories),
        confusion=_rows(crossing.table, whole=not crossing.sample.weighted),
        raw=raw,
        kappa=kappa,
        ac1=ac1,
        positive=positive,
        weights=weights,
        interval=interval,
        warnings=_warnings(crossing, kappa, about_positive["prevalence_people"]),
        **about_positive,
    )


def pairwise_agreement(
    labels: Sequence[Answers] | Codes,
    *,
    raters: Sequence[str],
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    weights: str | None = None,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> dict[tuple[str, str], Agreement]:
    """Agreement of each pair of raters on the items that both answered, keyed by the two names in the given order.

    Args: labels: n items by r raters, None = not asked; raters: r names. Others as `judge_agreement`.
    Raises: ValueError: a row has not one cell for each rater; as `judge_agreement`.
    """
    codes = _columns(labels, raters, categories)
    return {
        (raters[i], raters[j]): judge_agreement(
            codes[:, i],
            codes[:, j],
            categories=categories,
            rng=rng,
            positive=positive,
            weights=weights,
            sample=sample,
            resamples=resamples,
            level=level,
        )
        for i, j in combinations(range(len(raters)), 2)
    }


def leave_one_out_agreement(
    judge: Answers,
    labels: Sequence[Answers] | Codes,
    *,
    raters: Sequence[str],
    categories: Sequence[Label],
    rng: np.random.Generator,
    positive: Label | None = None,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> dict[str, LeaveOneOut]:
    """Judge and annotator on the same footing: each against the consensus of the *other* annotators.

    For each annotator the items are those that they answered, that the judge answered, and where the others have a
    strict plurality (one vote is enough, a tie drops the item). A judge compared with the majority of all annotators
    looks better than a person compared with a person, because a majority is less noisy: compare within one row here.

    Args: judge: n labels; labels: n items by r annotators, None = not asked. Others as `judge_agreement`.
    """
    codes, by_judge = _columns(labels, raters, categories), encode(judge, categories)
    if len(by_judge) != len(codes):
        raise ValueError(f"judge and annotators need the same items, got {len(by_judge)} and {len(codes)}")
    compared = {}
    for index, rater in enumerate(raters):
        others = plurality_of_others(codes, index, len(categories))
        both = (by_judge != MISSING) & (codes[:, index] != MISSING)
        usable = both & (others.answer != MISSING)

        def against_others(answers: Codes, others: Codes = others.answer, usable: Flags = usable) -> Agreement:
            return judge_agreement(
                answers[usable],
                others[usable],
                categories=categories,
                rng=rng,
                positive=positive,
                sample=None if sample is None else sample.part(usable),
                resamples=resamples,
                level=level,
            )

        compared[rater] = LeaveOneOut(
            judge=against_others(by_judge),
            annotator=against_others(codes[:, index]),
            tied=int((both & others.tied).sum()),
            sizes=sizes_of(others.votes[usable]),
        )
    return compared


def sizes_of(votes: np.ndarray) -> tuple[tuple[int, int], ...]:
    """How many people answered, and how many items: pairs in ascending order."""
    sizes, counts = np.unique(votes, return_counts=True)
    return tuple(zip(sizes.tolist(), counts.tolist(), strict=True))


def _about(
    crossing: Crossing, positive: Label | None, categories: Sequence[Label], level: float
) -> dict[str, Estimate]:
    """The figures about the positive category."""
    if positive is None:
        none = Estimate.undefined("there is no positive category", crossing.n, level=level)
        return dict.fromkeys(_ABOUT_POSITIVE, none)
    size, at = len(categories), list(categories).index(positive)
    shares: dict[str, tuple[Ratio, str]] = {
        "prevalence_judge": (tables.used_by_first(size, at), ""),
        "prevalence_people": (tables.used_by_second(size, at), ""),
        "positive_agreement": (tables.specific_agreement(size, at), f"nobody answered {positive}"),
        "negative_agreement": (tables.rest_agreement(size, at), f"everybody answered {positive}"),
        "precision": (tables.precision(size, at), f"the judge never answered {positive}"),
        "recall": (tables.recall(size, at), f"people never answered {positive}"),
    }
    figures = {name: crossing.share(ratio, reason=reason, level=level) for name, (ratio, reason) in shares.items()}
    return figures | {"f1": figures["positive_agreement"]}


_ABOUT_POSITIVE = (
    "prevalence_judge",
    "prevalence_people",
    "positive_agreement",
    "negative_agreement",
    "precision",
    "recall",
    "f1",
)


def _columns(labels: Sequence[Answers] | Codes, raters: Sequence[str], categories: Sequence[Label]) -> Codes:
    """Codes of n items by r raters. Raises ValueError where a row has another number of cells."""
    if any(len(row) != len(raters) for row in labels):
        raise ValueError(f"every item needs {len(raters)} cells, one for each rater")
    codes = encode_table(labels, categories)
    return codes if len(codes) else codes.reshape(0, len(raters))


def _crossed(first: Answers, second: Answers, categories: Sequence[Label]) -> Floats:
    """The table of two raters over the items that both answered."""
    return Crossing.of(encode(first, categories), encode(second, categories), len(categories)).table


def _number(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)


def _warnings(crossing: Crossing, kappa: Estimate, prevalence: Estimate) -> tuple[str, ...]:
    """Sentences that belong beside the numbers."""
    sentences = [kappa.warning] if kappa.warning else []
    share = prevalence.value
    if share is not None and not kappa.warning and not LOPSIDED > share > 1 - LOPSIDED:
        sentences.append(
            f"people gave the positive answer to {share:.0%} of the items: "
            "kappa is low here even for good raters, read it beside AC1"
        )
    sample = crossing.sample
    if sample.weighted:
        sentences.append("items are weighted by one over their inclusion probability")
    if sample.n and sample.effective < MUCH_WEIGHT * sample.scenarios:
        sentences.append(
            f"{sample.scenarios} scenarios say as much as {whole(sample.effective)} of equal weight would: "
            "their weights or their numbers of responses differ"
        )
    return tuple(sentences)


def _rows(table: Floats, *, whole: bool) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(cell) if whole else float(cell) for cell in row) for row in table)
