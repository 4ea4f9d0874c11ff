"""Single figures corrected for the judge: means by scenario, and smooth functions of such means."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from conflictscope.stats.correction.design import Design
from conflictscope.stats.intervals import ratio
from conflictscope.stats.types import Estimate

Floats = NDArray[np.float64]

FEWEST_LABELLED = 20
ROUNDS = 3
EQUAL = 1e-12


def corrected_mean(
    judge: ArrayLike,
    people: ArrayLike,
    *,
    stratum: Sequence[Hashable] | None = None,
    chance: Sequence[float] | None = None,
    level: float = 0.95,
) -> Estimate:
    """lambda mean_all(F) + mean_labelled(Y - lambda F), of a figure that each scenario has, such as observed agreement.

    Args:
        judge: shape (N,), by the judge's decisions; people: shape (N,), by people's, nan where they did not decide all
            responses of the scenario.
    Returns: inside 0 to 1 where all figures are; n = labelled scenarios. Where the labelled ones do not vary, the exact limits
        of a share on their number stand, marked conservative.
    """
    F, Y = (np.asarray(x, dtype=float) for x in (judge, people))
    estimate = corrected_function(
        F[:, None], Y[:, None], lambda means: float(means[0]), np.ones_like, stratum=stratum, chance=chance, level=level
    )
    shares = bool((F >= 0).all() and (F <= 1).all())
    if not estimate.defined or not shares or estimate.low is None or estimate.high is None or estimate.value is None:
        return estimate
    known = Y[~np.isnan(Y)]
    value = min(max(estimate.value, 0.0), 1.0)
    if np.ptp(known) < EQUAL and known[0] in (0.0, 1.0):
        exact = ratio(known, np.ones(len(known)), level=level)
        return Estimate(
            value,
            min(exact.low or 0.0, value),
            max(exact.high or 0.0, value),
            estimate.n,
            level=level,
            conservative=True,
        )
    return Estimate(
        value, max(estimate.low, 0.0), min(estimate.high, 1.0), n=estimate.n, warning=estimate.warning, level=level
    )


def corrected_steering(
    judge: ArrayLike,
    people: ArrayLike,
    *,
    stratum: Sequence[Hashable] | None = None,
    chance: Sequence[float] | None = None,
    level: float = 0.95,
) -> Estimate:
    """The steering effect by the judge's decisions, corrected by people's: delta method.

    Args: judge, people: shape (N, 3), per scenario the trials aligned by default, aligned when steered, and decided in both
        runs (see `alignments`), by the judge and by people; nan where people did not decide all trials of both runs.
    Returns: (b - a) / (1 - a); undefined where a is not below 1.
    """

    def effect(means: Floats) -> float:
        a, b = means[0] / means[2], means[1] / means[2]
        return float((b - a) / (1 - a)) if 1 - a > EQUAL else float("nan")

    def gradient(means: Floats) -> Floats:
        a, b = means[0] / means[2], means[1] / means[2]
        if 1 - a <= EQUAL:
            return np.full(3, np.nan)
        by_a, by_b = -(1 - b) / (1 - a) ** 2, 1 / (1 - a)
        slope: Floats = np.array([by_a, by_b, -(by_a * a + by_b * b)]) / means[2]
        return slope

    return corrected_function(judge, people, effect, gradient, stratum=stratum, chance=chance, level=level)


def corrected_function(
    judge: ArrayLike,
    people: ArrayLike,
    value: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    *,
    stratum: Sequence[Hashable] | None = None,
    chance: Sequence[float] | None = None,
    level: float = 0.95,
) -> Estimate:
    """A smooth function of means over scenarios, the means corrected with the lambda that is best for it.

    Args: judge: shape (N, R); people: shape (N, R), rows of nan where unlabelled; value, gradient: of the R means.
    Returns: value +- t(m - 1) se by the delta method; n = labelled scenarios; with a warning below 20 of them.
    Raises: ValueError: shapes differ, as `Design`.
    """
    F, Y = (np.asarray(x, dtype=float) for x in (judge, people))
    if F.shape != Y.shape or F.ndim != 2:
        raise ValueError(f"judge and people need one shape (scenarios, figures), got {F.shape} and {Y.shape}")
    labelled = ~np.isnan(Y).any(axis=1)
    n = int(labelled.sum())
    if n < 2:
        return Estimate.undefined(f"people decided {n} scenarios whole: no correction", n, level=level)
    design = Design(np.zeros(len(F), dtype=np.int64), labelled, stratum=stratum, chance=chance)
    by_people = np.where(labelled[:, None], Y, 0.0)
    lam = 1.0
    for _ in range(ROUNDS):
        means = _means(design, F, by_people, lam)
        slope = gradient(means)
        if not np.isfinite(slope).all():
            break
        first, second = (by_people @ slope)[:, None], (F @ slope)[:, None]
        bottom = float(design.frame(second, second)[0, 0, 0])
        together = float(np.nan_to_num(design.sampling(first, second))[0, 0, 0])
        lam = float(np.clip(together / bottom, 0.0, 1.0)) if bottom > EQUAL else 0.0
    means = _means(design, F, by_people, lam)
    point, slope = value(means), gradient(means)
    if not np.isfinite(point) or not np.isfinite(slope).all():
        return Estimate.undefined("the corrected shares leave the figure undefined", n, level=level)
    left, first = ((by_people - lam * F) @ slope)[:, None], (by_people @ slope)[:, None]
    variance = float((design.within(first)[0] / len(F) + design.sampling(left, left)[0])[0, 0])
    half = float(t.ppf((1 + level) / 2, n - 1)) * float(np.sqrt(max(variance, 0.0)))
    warning = f"{n} labelled scenarios only: the interval is likely too narrow" if n < FEWEST_LABELLED else ""
    return Estimate(point, point - half, point + half, n=n, warning=warning, level=level)


def _means(design: Design, F: Floats, told: Floats, lam: float) -> Floats:
    means: Floats = lam * F.mean(axis=0) + design.weights @ (told - lam * F)
    return means
