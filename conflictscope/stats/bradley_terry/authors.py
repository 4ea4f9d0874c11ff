"""The paper's own computation, trial by trial in the order of the file, to compare with the numbers it prints."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats import comparisons
from conflictscope.stats.types import Result

Floats = NDArray[np.float64]

RESAMPLES = 1000
ALPHA = 0.01
LABEL = (
    "computed as the paper's script does, in the order of the file: whatever is not value 1 counts for value 2, and trials count "
    "as independent"
)


@dataclass(frozen=True)
class AuthorsRanking(Result):
    """Strengths as the paper's script has them, with percentile limits of rows drawn anew; `label` goes with them."""

    values: tuple[str, ...]
    strengths: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    ranks: tuple[int, ...]
    trials: int
    resamples: int
    label: str = LABEL


def authors_ranking(
    value_1: Sequence[str],
    value_2: Sequence[str],
    choice: Sequence[str | None],
    *,
    values: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
    alpha: float = ALPHA,
    level: float = 0.95,
) -> AuthorsRanking:
    """Fit choix' penalised strengths to rows, and to rows drawn with replacement by their place in the file.

    Args: value_1, value_2, choice: T trials in the order of the file; every choice but "value_1" counts for value_2.
        seed: of NumPy's legacy generator, with which data frames are sampled; the same rows in the same order with the same
            seed draw the same rows.
    Raises: ValueError: no trial, lengths differ, an unknown value.
    Source: Liu et al. (2026), arXiv 2509.25369; Maystre & Grossglauser (2015), NeurIPS 28 (choix).
    """
    trials = len(choice)
    if not trials or not len(value_1) == len(value_2) == trials:
        raise ValueError("value_1, value_2 and choice need one entry for each of one or more trials")
    place = {value: k for k, value in enumerate(values)}
    unknown = (set(value_1) | set(value_2)) - set(place)
    if unknown or len(place) < 2:
        raise ValueError(f"unknown values {sorted(unknown)}; known are {list(values)}")
    size = len(place)
    first, second = (np.array([place[name] for name in column]) for column in (value_1, value_2))
    won = np.array([answer == "value_1" for answer in choice])
    code = np.where(won, first * size + second, second * size + first)
    pairs = np.array([(i, j) for i in range(size) for j in range(i + 1, size)])
    generator = np.random.RandomState(seed)
    counts = np.stack(
        [np.bincount(code, minlength=size**2)]
        + [np.bincount(code[generator.randint(0, trials, trials)], minlength=size**2) for _ in range(resamples)]
    ).reshape(-1, size, size)
    ahead = counts[:, pairs[:, 0], pairs[:, 1]].astype(float)
    weight = ahead + counts[:, pairs[:, 1], pairs[:, 0]].astype(float)
    share = np.where(weight > 0, ahead / np.where(weight > 0, weight, 1.0), 0.5)
    theta = comparisons.fit(weight, share, pairs, size, alpha=alpha)[0]
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(theta[1:], [tail, 100 - tail], axis=0) if resamples else (theta[0], theta[0])
    ranks = 1 + (theta[0][None, :] - theta[0][:, None] > 1e-9).sum(axis=1)
    return AuthorsRanking(
        values=tuple(values),
        strengths=tuple(map(float, theta[0])),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
        ranks=tuple(map(int, ranks)),
        trials=trials,
        resamples=resamples,
    )
