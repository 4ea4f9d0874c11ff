"""Agreement of more than two raters: Fleiss' kappa and Krippendorff's alpha."""

from collections.abc import Sequence
from typing import Literal

import evalica
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # evalica takes its frames
from numpy.typing import NDArray
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss_kappa

from conflictscope.stats.intervals import percentiles
from conflictscope.stats.labels import MISSING, Answers, Codes, Label, encode_table
from conflictscope.stats.tables import divide, replicates
from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]
Metric = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2000
FEW_ITEMS, FEW_RARE = 20, 5


def fleiss_kappa(
    labels: Sequence[Answers],
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Estimate:
    """Fleiss' kappa over the items that every rater answered, with an item bootstrap.

    Args: labels: n items by r raters, None = not asked.
    Returns: n = items used; undefined without such an item, with one rater, or with one category only.
    Raises: ValueError: as `encode_table`.
    Source: Fleiss (1971), Psychol. Bull. 76(5):378-382.
    """
    codes = encode_table(labels, categories)
    size = len(categories)
    codes = codes[(codes != MISSING).all(axis=1)]
    if codes.shape[1] < 2 or len(codes) == 0:
        return Estimate.undefined("no item was answered by two or more raters, and by all of them", level=level)
    counts = (codes[:, :, None] == np.arange(size)).sum(axis=1)
    if (counts.sum(axis=0) > 0).sum() == 1:
        return Estimate.undefined("only one category was used", len(codes), level=level)
    point = float(statsmodels_fleiss_kappa(counts))
    drawn = _chance_corrected(_drawn(codes, size, rng, resamples), _costs("nominal", categories), paired=False)
    return _enclosing(point, drawn, codes, size, level)


def krippendorff_alpha(
    labels: Sequence[Answers],
    *,
    categories: Sequence[Label],
    rng: np.random.Generator,
    metric: Metric = "nominal",
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's alpha over the items with two answers or more, with an item bootstrap.

    Args:
        labels: n items by r raters, None = not asked.
        categories: in order, which "ordinal" uses; numbers, which "interval" uses.
        metric: "nominal", "ordinal" or "interval".
    Returns: n = items used; undefined without one, or with one category only; with a warning where nearly all answers
        are the same: then alpha is near 0 however much people agree (one dissent among equal answers gives exactly 0).
    Raises: ValueError: unknown metric, "interval" with categories that are no numbers; as `encode_table`.
    Source: Krippendorff (2018), Content Analysis, 4th ed., chapter 12.
    """
    costs = _costs(metric, categories)
    codes = encode_table(labels, categories)
    size = len(categories)
    codes = codes[(codes != MISSING).sum(axis=1) >= 2]
    if len(codes) == 0:
        return Estimate.undefined("no item was answered by two raters", level=level)
    used = np.unique(codes[codes != MISSING])
    if len(used) == 1:
        return Estimate.undefined("only one category was used", len(codes), level=level)
    scale = np.asarray(categories, dtype=float) if metric == "interval" else np.arange(size, dtype=float)
    ratings = np.where(codes == MISSING, np.nan, scale[codes])
    point = float(evalica.alpha(pd.DataFrame(ratings.T), distance=metric).alpha)
    drawn = _chance_corrected(_drawn(codes, size, rng, resamples), costs, paired=True)
    return _enclosing(point, drawn, codes, size, level)


def coincidences(codes: Codes, size: int) -> Floats:
    """What each item adds to the coincidence matrix: its ordered pairs of answers over (answers - 1).

    Args: codes: shape (n, r), -1 = missing, two answers or more in each row. Returns: shape (n, q, q).
    """
    counts = (codes[:, :, None] == np.arange(size)).sum(axis=1).astype(float)
    answers = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(size)
    matrices: Floats = pairs / (answers - 1)[:, None, None]
    return matrices


def _drawn(codes: Codes, size: int, rng: np.random.Generator, resamples: int) -> Floats:
    """Coincidence matrices of bootstrap replicates over items, shape (resamples, q, q)."""
    patterns, counts = np.unique(np.sort(codes, axis=1), axis=0, return_counts=True)
    return replicates(coincidences(patterns, size), counts.astype(float), rng=rng, resamples=resamples)


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


def _chance_corrected(matrices: Floats, costs: Floats | None, *, paired: bool) -> Floats:
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


def _enclosing(point: float, drawn: Floats, codes: Codes, size: int, level: float) -> Estimate:
    low, high = percentiles(drawn, level=level)
    return Estimate(
        point,
        min(float(low), point),
        max(float(high), point),
        n=len(codes),
        warning=_warning(codes, size),
        level=level,
    )


def _warning(codes: Codes, size: int) -> str:
    if len(codes) < FEW_ITEMS:
        return f"{len(codes)} items only: the interval may miss the truth more often than it says"
    votes = np.array([(codes == category).sum() for category in range(size)])
    rare = int(votes.sum() - votes.max())
    if rare < FEW_RARE:
        return f"only {rare} of {votes.sum()} answers differ from the most frequent one: the figure is unstable"
    return ""
