"""Agreement of more than two raters: Fleiss' kappa and Krippendorff's alpha."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import evalica
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # evalica takes its frames
from scipy.special import stdtrit
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss_kappa

from conflictscope.stats.clusters import Floats, Kinds, Sample, Statistic, accelerated, variance_of, whole
from conflictscope.stats.consensus import votes_of
from conflictscope.stats.crossing import (
    DELTA_CLUSTERS,
    DELTA_RARE,
    DELTA_SCENARIOS,
    FEW_RARE,
    FEW_SCENARIOS,
    MOST_RESAMPLED,
    exact_limits,
)
from conflictscope.stats.intervals import z_of
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode_table
from conflictscope.stats.tables import divide
from conflictscope.stats.types import Estimate

Metric = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2000
# Simulated with people who differ: 0.92 with 4 of them, 0.94 with 8.
FEW_PEOPLE = 6
# evalica builds a matrix of items by raters: above this many answers our own formula, which the tests hold to it, is used.
MOST_ANSWERS = 20_000


def fleiss_kappa(
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    sample: Sample | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Estimate:
    """Fleiss' kappa over the items that every rater answered; its interval speaks for this panel of raters.

    Args: labels: n items by r raters, None = not asked, or codes (int8). sample: scenario, stratum and weight of each item.
    Returns: n = items used; undefined without such an item, with one rater, or with one category only.
    Raises: ValueError: as `encode_table`.
    Source: Fleiss (1971), Psychol. Bull. 76(5):378-382.
    """
    codes = encode_table(labels, categories)
    sample = _matched(sample, len(codes))
    all_answered = (codes != MISSING).all(axis=1) if codes.shape[1] > 1 else np.zeros(len(codes), dtype=bool)
    if not all_answered.any():
        return Estimate.undefined("no item was answered by two or more raters, and by all of them", level=level)
    codes, sample = codes[all_answered], sample.part(all_answered)
    votes = votes_of(codes, len(categories)).astype(float)
    if (votes.sum(axis=0) > 0).sum() == 1:
        return Estimate.undefined("only one category was used", len(codes), level=level)
    statistic = partial(chance_corrected, costs=_costs("nominal", categories), paired=False)
    kinds = kinds_of(votes, sample)
    point = float(statistic(kinds.total))
    if not sample.weighted:
        point = float(statsmodels_fleiss_kappa(votes))
    return _with_interval(point, statistic, kinds, sample, rng, resamples, level, scale=False)


def krippendorff_alpha(
    labels: Sequence[Answers] | Codes,
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    metric: Metric = "nominal",
    sample: Sample | None = None,
    people_too: bool = False,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's alpha over the items with two answers or more; its interval speaks for this panel of raters.

    With `people_too` it speaks for other people like these as well: to the variance over scenarios comes that of leaving
    out one rater after the other, and the limits take the t of both together.

    Args:
        labels: n items by r raters, None = not asked, or codes (int8).
        categories: in order, which "ordinal" uses; numbers, which "interval" uses.
        metric: "nominal", "ordinal" or "interval". sample: scenario, stratum and weight of each item.
    Returns: n = items used; undefined without one, or with one category only; with a warning where nearly all answers
        are the same: then alpha is near 0 however much people agree (one dissent among equal answers gives exactly 0).
    Raises: ValueError: unknown metric, "interval" with categories that are no numbers; as `encode_table`.
    Source: Krippendorff (2018), Content Analysis, 4th ed., chapter 12; raters: Gwet (2008), Psychometrika 73(3):407-430.
    """
    costs = _costs(metric, categories)
    codes = encode_table(labels, categories)
    sample = _matched(sample, len(codes))
    shared = (codes != MISSING).sum(axis=1) >= 2
    if not shared.any():
        return Estimate.undefined("no item was answered by two raters", level=level)
    codes, sample = codes[shared], sample.part(shared)
    size = len(categories)
    votes = votes_of(codes, size).astype(float)
    if (votes.sum(axis=0) > 0).sum() == 1:
        return Estimate.undefined("only one category was used", len(codes), level=level)
    statistic = partial(chance_corrected, costs=costs, paired=True)
    kinds = kinds_of(votes, sample)
    point = float(statistic(kinds.total))
    if not sample.weighted and codes.size <= MOST_ANSWERS:
        scale = np.asarray(categories, dtype=float) if metric == "interval" else np.arange(size, dtype=float)
        ratings = np.where(codes == MISSING, np.nan, scale[codes])
        point = float(evalica.alpha(pd.DataFrame(ratings.T), distance=metric).alpha)
    alpha = _with_interval(point, statistic, kinds, sample, rng, resamples, level, scale=metric != "nominal")
    return _with_people(alpha, statistic, codes, votes, sample) if people_too else alpha


def coincidences(votes: Floats) -> Floats:
    """What each item adds to the coincidence matrix: its ordered pairs of answers over (answers - 1).

    Args: votes: answers in each category, shape (n, q), two or more in each row. Returns: shape (n, q, q).
    """
    answers = votes.sum(axis=1)
    pairs = votes[:, :, None] * votes[:, None, :]
    diagonal = np.arange(votes.shape[1])
    pairs[:, diagonal, diagonal] -= votes
    matrices: Floats = pairs / (answers - 1)[:, None, None]
    return matrices


def kinds_of(votes: Floats, sample: Sample) -> Kinds:
    """Scenarios by their coincidence matrices (q, q): each pattern of votes is worked out once."""
    base = int(votes.max()) + 1
    key = votes.astype(np.int64) @ base ** np.arange(votes.shape[1])
    first, code = np.unique(key, return_index=True, return_inverse=True)[1:]
    return sample.kinds(code.reshape(-1), coincidences(votes[first]))


def _with_interval(
    point: float,
    statistic: Statistic,
    kinds: Kinds,
    sample: Sample,
    rng: np.random.Generator,
    resamples: int,
    level: float,
    *,
    scale: bool,
) -> Estimate:
    """The figure with BCa limits over scenarios, by the delta method where there are plenty."""
    n = sample.n
    used = kinds.cells.sum(axis=2)
    rare = kinds.kish(used.sum(axis=1) - used[:, kinds.total.sum(axis=1).argmax()])
    warning = _warning(n, kinds, sample, rare)
    if not scale and np.isclose(np.trace(kinds.total), kinds.total.sum(), rtol=1e-12):
        # All agree: as many scenarios as there are may still hide this much disagreement.
        chance = 1 - float(((kinds.total.sum(axis=1) / kinds.total.sum()) ** 2).sum())
        alike, _ = exact_limits(sample.effective, sample.effective, level)
        low = max(1 - (1 - alike) / chance, -1.0)
        return Estimate(point, low, 1.0, n, warning=warning, level=level, conservative=True)
    enough = DELTA_CLUSTERS if scale or sample.clustered else DELTA_SCENARIOS
    apart = kinds.kish(used.sum(axis=1) - np.trace(kinds.cells, axis1=1, axis2=2))
    resampled = sample.weighted and sample.scenarios <= MOST_RESAMPLED
    if sample.effective >= enough and min(rare, apart) >= DELTA_RARE and not resampled:
        half = z_of(level) * math.sqrt(variance_of(statistic, kinds))
        return Estimate(point, point - half, min(point + half, 1.0), n, warning=warning, level=level)
    limits = accelerated(
        statistic,
        kinds,
        rng=rng,
        resamples=resamples,
        level=level,
        smoothing=0.0 if scale else sample.smoothing,
    )
    if limits is None:
        return Estimate(point, n=n, warning="too few scenarios differ: no interval", level=level)
    return Estimate(point, min(limits[0], point), max(limits[1], point), n, warning=warning, level=level)


def _with_people(found: Estimate, statistic: Statistic, codes: Codes, votes: Floats, sample: Sample) -> Estimate:
    """The interval widened by how much the figure hangs on who the raters are."""
    if found.value is None or found.low is None or found.high is None:
        return found
    raters = np.flatnonzero((codes != MISSING).any(axis=0))
    without = []
    for rater in raters:
        rated = codes[:, rater] != MISSING
        left = votes.copy()
        left[rated, codes[rated, rater]] -= 1
        left = np.where(left.sum(axis=1, keepdims=True) >= 2, left, 0.0)
        kept = left.sum(axis=1) > 0
        if kept.any():
            without.append(float(statistic(kinds_of(left[kept], sample.part(kept)).total)))
    if len(without) < 3 or np.isnan(without).any():
        few = "fewer than three raters: nothing can be said of others like them"
        return Estimate(found.value, n=found.n, warning=few, level=found.level)
    count = len(without)
    among_people = (count - 1) / count * float(np.square(np.array(without) - np.mean(without)).sum())
    among_scenarios = ((found.high - found.low) / (2 * z_of(found.level))) ** 2
    together = among_people + among_scenarios
    freedom = together**2 / (among_people**2 / (count - 1) + among_scenarios**2 / max(sample.scenarios - 1, 1))
    half = float(stdtrit(freedom, (1 + found.level) / 2)) * math.sqrt(together)
    few = f"{count} people only: the interval may miss the truth more often than it says" if count < FEW_PEOPLE else ""
    return Estimate(
        found.value,
        found.value - half,
        min(found.value + half, 1.0),
        found.n,
        warning=found.warning or few,
        level=found.level,
    )


def _matched(sample: Sample | None, n: int) -> Sample:
    if sample is None:
        return Sample.of(n)
    if sample.n != n:
        raise ValueError(f"the sample has {sample.n} items, the table {n}")
    return sample


def _costs(metric: Metric, categories: Sequence[Label]) -> Floats | None:
    """Cost of each pair of answers; None for "ordinal", whose costs depend on how often each category is used."""
    size = len(categories)
    if metric == "nominal":
        return 1.0 - np.eye(size)
    if metric == "ordinal":
        return None
    if metric == "interval":
        if not all(isinstance(category, int | float) for category in categories):
            raise ValueError(f"the interval metric needs numbers as categories, got {list(categories)}")
        scale = np.asarray(categories, dtype=float)
        distance: Floats = (scale[:, None] - scale[None, :]) ** 2
        return distance
    raise ValueError(f'the metric is "nominal", "ordinal" or "interval", got {metric!r}')


def chance_corrected(matrices: Floats, costs: Floats | None, *, paired: bool) -> Floats:
    """1 - observed / expected disagreement of coincidence matrices (..., q, q); nan where one category occurs.

    `paired` draws the expected pairs without replacement (Krippendorff), otherwise with (Fleiss).
    """
    used = matrices.sum(-1)
    total = used.sum(-1)
    cost = _ordinal_costs(used) if costs is None else costs
    observed = (cost * matrices).sum((-2, -1)) / total
    chances = total * (total - 1) if paired else total**2
    expected = (cost * used[..., :, None] * used[..., None, :]).sum((-2, -1)) / chances
    corrected: Floats = 1 - divide(observed, expected)
    return corrected


def _ordinal_costs(used: Floats) -> Floats:
    """Squared number of answers between two categories, half of each end counted: shape (..., q, q)."""
    middle = np.cumsum(used, axis=-1) - used / 2
    distance: Floats = (middle[..., :, None] - middle[..., None, :]) ** 2
    return distance


def _warning(n: int, kinds: Kinds, sample: Sample, rare: float) -> str:
    plain = not (sample.clustered or sample.weighted)
    if sample.effective < FEW_SCENARIOS:
        worth = f"{n} items only" if plain else f"as much as {whole(sample.effective)} scenarios only"
        return f"{worth}: the interval may miss the truth more often than it says"
    answers = kinds.total.sum(axis=1)
    if rare < FEW_RARE:
        share = 1 - answers.max() / answers.sum()
        return f"only {share:.1%} of the answers differ from the most frequent one: the figure is unstable"
    return ""
