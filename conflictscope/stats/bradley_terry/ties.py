"""Davidson's model: "both" and "neither" as ties, more likely the closer two values stand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry.task import sums
from conflictscope.stats.intervals import z_of
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]

STEPS = 100
RUN_AWAY = 25.0


@dataclass(frozen=True)
class TiedRanking(Result):
    """Strengths with ties counted for what they are, and the parameter of ties.

    Attributes:
        strengths: summing to zero, with intervals by scenario. log_nu: log of nu, where P(tie) is proportional to
            nu sqrt(w_i w_j); the larger, the more ties. ties: trials tied; reason: why there are no strengths.
    """

    values: tuple[str, ...]
    strengths: tuple[Estimate, ...]
    log_nu: Estimate
    ties: int
    trials: int
    reason: str


def fit_with_ties(tallies: Tallies, *, level: float = 0.95) -> TiedRanking:
    """Maximum likelihood of P(i) : P(j) : P(tie) = w_i : w_j : nu sqrt(w_i w_j), theta = log w.

    Shares of a scenario's trials enter, as in `fit_ranking`; trials that are neither decided nor tied count for nothing.
    Covariance by cluster sandwich, a scenario being a unit.
    Returns: undefined where there is no tie, or where ties or wins leave no finite maximum.
    Source: Davidson (1970), J. Am. Stat. Assoc. 65(329):317-328.
    """
    size, n = len(tallies.values), len(tallies.pair)
    won, tied = tallies.wins / tallies.trials, tallies.ties / tallies.trials
    lost = (tallies.decided - tallies.wins) / tallies.trials
    plane = comparisons.basis(size)
    X = comparisons.design(tallies.pairs, size) if n else np.zeros((0, size - 1))
    pairs = len(tallies.pairs)
    counts = np.stack([sums(tallies.pair, x, pairs) for x in (won, lost, tied)], axis=1)
    # A pair weighs as many as its scenarios with an answer, as elsewhere.
    heard = sums(tallies.pair, (won + lost + tied > 0).astype(float), pairs)
    total = counts.sum(axis=1)
    per = np.where(total > 0, heard / np.where(total > 0, total, 1.0), 0.0)
    ties = int(tallies.ties.sum())
    if not ties:
        return _undefined(tallies, "no trial was tied: the ranking without ties says the same", level)
    beats = comparisons.wins_of(
        total[None] * per,
        ((counts[:, 0] + counts[:, 2] / 2) / np.where(total > 0, total, 1.0))[None],
        tallies.pairs,
        size,
    )[0]
    _, why = comparisons.cut_off(beats, tallies.values)
    if why:
        return _undefined(tallies, f"no finite maximum likelihood fit: {why}", level)
    beta = _maximise(X, counts * per[:, None])
    if np.isnan(beta).any():
        return _undefined(tallies, "no finite maximum likelihood fit: ties are all there is between some values", level)
    chances, rows = _chances(X, beta)
    curve = _curve(rows, chances, (counts * per[:, None]).sum(axis=1))
    expected = (chances[:, :, None] * rows).sum(axis=1)
    answers = np.stack([won, lost, tied], axis=1)
    scores = per[tallies.pair][:, None] * (
        np.einsum("sk,skq->sq", answers, rows[tallies.pair]) - answers.sum(axis=1)[:, None] * expected[tallies.pair]
    )
    bread = np.linalg.inv(curve)
    covariance = bread @ scores.T @ scores @ bread
    theta, half = plane @ beta[:-1], z_of(level) * np.sqrt((plane @ covariance[:-1, :-1] @ plane.T).diagonal())
    nu_half = z_of(level) * float(np.sqrt(covariance[-1, -1]))
    return TiedRanking(
        values=tallies.values,
        strengths=tuple(
            Estimate(float(x), float(x - h), float(x + h), n=n, level=level) for x, h in zip(theta, half, strict=True)
        ),
        log_nu=Estimate(float(beta[-1]), float(beta[-1] - nu_half), float(beta[-1] + nu_half), n=n, level=level),
        ties=ties,
        trials=int(tallies.trials.sum()),
        reason="",
    )


def _chances(X: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """Chances of win, loss and tie by pair, shape (C, 3), and the rows of their log weights, shape (C, 3, q)."""
    zero = np.zeros((len(X), 1))
    rows = np.stack(
        [np.column_stack([X / 2, zero]), np.column_stack([-X / 2, zero]), np.column_stack([0 * X, zero + 1])], axis=1
    )
    eta = rows @ beta
    eta -= eta.max(axis=1, keepdims=True)
    weights = np.exp(eta)
    return weights / weights.sum(axis=1, keepdims=True), rows


def _curve(rows: Floats, chances: Floats, total: Floats) -> Floats:
    mean = (chances[:, :, None] * rows).sum(axis=1)
    square = np.einsum("ck,cki,ckj->cij", chances, rows, rows) - mean[:, :, None] * mean[:, None, :]
    curve: Floats = (total[:, None, None] * square).sum(axis=0)
    return curve


def _maximise(X: Floats, counts: Floats) -> Floats:
    """Newton with halved steps, shape (K,): coordinates and log nu; nan where the maximum is not finite."""
    beta = np.zeros(X.shape[1] + 1)
    total = counts.sum(axis=1)

    def value(at: Floats) -> float:
        return float((counts * np.log(np.maximum(_chances(X, at)[0], 1e-300))).sum())

    for _ in range(STEPS):
        chances, rows = _chances(X, beta)
        slope = ((counts - total[:, None] * chances)[:, :, None] * rows).sum(axis=(0, 1))
        step = np.linalg.solve(_curve(rows, chances, total) + 1e-12 * np.eye(len(beta)), slope)
        while value(beta + step) < value(beta) - 1e-12 and np.abs(step).max() > 1e-12:
            step /= 2
        beta = beta + step
        if np.abs(beta).max() > RUN_AWAY:
            return np.full(len(beta), np.nan)
        if np.abs(step).max() < 1e-11:
            break
    return beta


def _undefined(tallies: Tallies, reason: str, level: float) -> TiedRanking:
    none = Estimate.undefined(reason, len(tallies.pair), level=level)
    ties, trials = int(tallies.ties.sum()), int(tallies.trials.sum())
    return TiedRanking(tallies.values, (none,) * len(tallies.values), none, ties, trials, reason)
