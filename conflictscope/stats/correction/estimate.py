"""The prediction-powered estimate of a ranking for one lambda, and the lambda that makes it narrowest."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry.task import sums
from conflictscope.stats.correction.design import Design
from conflictscope.stats.correction.sample import CorrectionSample, Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Pairs with fewer labelled scenarios that people decided borrow what is known of the others.
FEWEST_LABELLED = 5
ROUNDS = 4
TINY = 1e-12


@dataclass(frozen=True)
class Frame:
    """A sample with the design of its fit.

    X: shape (J, q), plane: shape (K, q), as in `comparisons.solve`; covariates are the last columns.
    borrows: shape (C,), pairs with too few labelled scenarios that people decided.
    """

    sample: CorrectionSample
    design: Design
    X: Floats
    plane: Floats
    borrows: Flags

    @classmethod
    def of(cls, sample: CorrectionSample, covariates: tuple[str, ...]) -> "Frame":
        judge = sample.judge
        size = len(judge.values)
        plane = comparisons.basis(size)
        first, second = judge.pairs[judge.cell_pair].reshape(-1, 2).T
        effects = [judge.cell_order if name == "order" else judge.cell_action for name in covariates]
        decided_trials = np.zeros(len(judge.pair))
        np.add.at(decided_trials, sample.told.scenario, sample.told.d)
        decided = np.bincount(judge.pair[sample.labelled & (decided_trials > 0)], minlength=len(judge.pairs))
        return cls(
            sample=sample,
            design=sample.design,
            X=np.column_stack([plane[first] - plane[second], *effects]),
            plane=np.column_stack([plane, np.zeros((size, len(effects)))]),
            borrows=decided < FEWEST_LABELLED,
        )

    @cached_property
    def labels(self) -> Integers:
        """Labelled scenarios of each pair, shape (C,)."""
        return self.design.sampled

    def cell_means(self, rows: Rows, weights: Floats) -> tuple[Floats, Floats]:
        """Weighted sums of y and d by cell, shape (J,) each."""
        cells = len(self.sample.judge.cell_pair)
        weight = weights[rows.scenario]
        return sums(rows.cell, weight * rows.y, cells), sums(rows.cell, weight * rows.d, cells)


@dataclass(frozen=True)
class Fit:
    """What one lambda gives.

    Attributes:
        beta: shape (q,); bread: inverse of the curvature, shape (q, q).
        top, bottom: corrected shares won and decided of each cell, shape (J,).
        told, judged: each scenario's pull on the coordinates by people's decisions (labelled ones) and by the judge's,
            before the bread, shape (N, q); `told` is zero where not labelled.
        covariance: of the coordinates, shape (q, q).
    """

    frame: Frame
    lam: float
    beta: Floats
    bread: Floats
    top: Floats
    bottom: Floats
    told: Floats
    judged: Floats
    covariance: Floats

    @property
    def theta(self) -> Floats:
        strengths: Floats = self.frame.plane @ self.beta
        return strengths

    @property
    def theta_covariance(self) -> Floats:
        covariance: Floats = self.frame.plane @ self.covariance @ self.frame.plane.T
        return covariance


@dataclass(frozen=True)
class NoFit:
    """Why there is none."""

    reason: str


def corrected(frame: Frame, lam: float | None = None) -> Fit | NoFit:
    """The estimate with the given lambda, or with the one that makes the strengths' variances smallest together.

    lambda = sum w tr(A cov(u^Y, u^F)) / sum w tr(A var(u^F)) over pairs that do not borrow, clipped to 0..1, worked out
    anew from the estimate that it gives; A weighs the coordinates as the sum of the strengths' variances does.
    Source: Angelopoulos, Duchi & Zrnic (2023), arXiv 2311.01453 (PPI++).
    """
    if lam is not None:
        return _estimate(frame, lam)
    lam = 1.0
    fit = _estimate(frame, lam)
    for _ in range(ROUNDS):
        if isinstance(fit, NoFit):
            lam /= 2
            fit = _estimate(frame, lam)
            continue
        best = _best(fit)
        if abs(best - lam) < 1e-6:
            break
        lam, fit = best, _estimate(frame, best)
    return fit


def _estimate(frame: Frame, lam: float) -> Fit | NoFit:
    judge, design = frame.sample.judge, frame.design
    pairs = len(judge.pairs)
    everyone = 1 / design.total[judge.pair]
    judged, by_people = frame.sample.judged, frame.sample.told
    own = _by_pair(frame, lam)
    cell_lam = own[judge.cell_pair]
    all_y, all_d = frame.cell_means(judged, everyone)
    some_y, some_d = frame.cell_means(judged, design.weights)
    by_people_y, by_people_d = frame.cell_means(by_people, design.weights)
    top = cell_lam * all_y + by_people_y - cell_lam * some_y
    bottom = cell_lam * all_d + by_people_d - cell_lam * some_d
    lent = frame.borrows[judge.cell_pair]
    if lam > 0 and lent.any():
        more_y, more_d = _lent(frame)
        top, bottom = np.where(lent, all_y + more_y, top), np.where(lent, all_d + more_d, bottom)
    silent = frame.labels[judge.cell_pair] == 0
    if lam == 0:
        top, bottom = np.where(silent, 0.0, top), np.where(silent, 0.0, bottom)
    of = sums(judge.cell_pair, bottom, pairs)
    heard = (frame.labels > 0) | (lam > 0)
    if (bottom < -TINY).any() or (of[heard] <= TINY).any():
        return NoFit("people left so many trials undecided that the corrected number of decided ones is not above 0")
    per = np.where(of > TINY, design.total / np.where(of > TINY, of, 1.0), 0.0)
    weight = per[judge.cell_pair] * np.maximum(bottom, 0.0)
    share = np.where(weight > 0, top / np.where(bottom > TINY, bottom, 1.0), 0.5)
    if not _hangs_together(frame, weight):
        return NoFit("people's decisions do not compare all values with each other")
    beta, converged = comparisons.solve(weight[None], share[None], frame.X, frame.plane)
    if not converged[0]:
        return NoFit("no finite strengths: the corrected shares leave a value that wins, or loses, everything")
    curve = comparisons.derivatives(beta, weight[None], share[None], frame.X, frame.plane, 0.0)[1][0]
    bread = np.linalg.inv(curve)
    chance = expit(frame.X @ beta[0])
    pull = [_pulls(frame, rows, chance, per, top, bottom) for rows in (by_people, judged)]
    return Fit(
        frame, lam, beta[0], bread, top, bottom, pull[0], pull[1], _covariance(frame, own, bread, pull, chance, per)
    )


def _by_pair(frame: Frame, lam: float) -> Floats:
    """lambda of each pair: the whole of the judge's word where a pair borrows, unless it is people's alone."""
    return np.where(frame.borrows & (lam > 0), 1.0, lam)


def _hangs_together(frame: Frame, weight: Floats) -> bool:
    """Whether the cells with weight compare all values, directly or by others."""
    played = weight > 0
    return bool(np.linalg.matrix_rank(frame.X[played]) == frame.X.shape[1]) if played.any() else False


def _lent(frame: Frame) -> tuple[Floats, Floats]:
    """Mean residual of all labelled scenarios, for cells of the same order and action, shape (J,) each."""
    judge = frame.sample.judge
    labels = max(int(frame.labels.sum()), 1)
    flat = frame.sample.labelled / labels
    by_people, judged = frame.cell_means(frame.sample.told, flat), frame.cell_means(frame.sample.judged, flat)
    kind = (2 * judge.cell_order + 1) * 3 + 2 * judge.cell_action + 1
    same = (kind[:, None] == kind[None, :]).astype(float)
    return same @ (by_people[0] - judged[0]), same @ (by_people[1] - judged[1])


def _pulls(frame: Frame, rows: Rows, chance: Floats, per: Floats, top: Floats, bottom: Floats) -> Floats:
    """Each scenario's pull on the estimating equations, that of its pair's decided share included, shape (N, q)."""
    judge = frame.sample.judge
    size, pairs = len(judge.pair), len(judge.pairs)
    left = rows.y - chance[rows.cell] * rows.d
    scores = np.stack([sums(rows.scenario, left * column[rows.cell], size) for column in frame.X.T], axis=1)
    decided = sums(rows.scenario, rows.d, size)
    of = sums(judge.cell_pair, bottom, pairs)
    total = np.stack([sums(judge.cell_pair, column * (top - chance * bottom), pairs) for column in frame.X.T], axis=1)
    mean = total / np.where(of > TINY, of, 1.0)[:, None]
    pulls: Floats = per[judge.pair][:, None] * (scores - mean[judge.pair] * decided[:, None])
    return pulls


def _covariance(frame: Frame, own: Floats, bread: Floats, pull: list[Floats], chance: Floats, per: Floats) -> Floats:
    """Of the coordinates: what all scenarios leave open, and what labelling a sample only adds."""
    design = frame.design
    by_people, judged = pull
    left = by_people - own[frame.sample.judge.pair][:, None] * judged
    by_pair = design.within(by_people) / np.maximum(design.total, 1)[:, None, None] + design.sampling(left, left)
    meat = np.zeros_like(bread)
    few = frame.borrows | np.isnan(by_pair).any(axis=(1, 2))
    for c in np.flatnonzero(~few):
        meat += by_pair[c]
    if few.any():
        spread, residual, lean = _pooled(frame, own, chance, per)
        for c in np.flatnonzero(few):
            labels = max(int(frame.labels[c]), 1)
            total = int(design.total[c])
            if own[c] == 0 and not frame.labels[c]:
                continue
            variance = spread / total + (1 / labels - 1 / total) * (residual if own[c] > 0 else spread)
            meat += total**2 * variance * np.outer(lean[c], lean[c])
    return bread @ meat @ bread


def _pooled(frame: Frame, own: Floats, chance: Floats, per: Floats) -> tuple[float, float, Floats]:
    """Variance of people's score, and of what the judge leaves of it, over all labelled scenarios; a pair's mean row."""
    judge, labelled = frame.sample.judge, frame.sample.labelled
    size, pairs = len(judge.pair), len(judge.pairs)
    both = (frame.sample.told, frame.sample.judged)
    scores = [sums(rows.scenario, rows.y - chance[rows.cell] * rows.d, size) for rows in both]
    scale = np.where(frame.design.total > 0, per / np.maximum(frame.design.total, 1), 1.0)[judge.pair]
    by_people, left = scale * scores[0], scale * (scores[0] - scores[1])
    count = np.bincount(judge.cell_pair, minlength=pairs)
    lean = np.stack([sums(judge.cell_pair, column, pairs) for column in frame.X.T], axis=1) / count[:, None]
    some = int(labelled.sum())
    if some < 2:
        return 0.25, 0.25, lean
    return float(by_people[labelled].var(ddof=1)), float(left[labelled].var(ddof=1)), lean


def _best(fit: Fit) -> float:
    frame = fit.frame
    through = frame.plane @ fit.bread
    weigh = through.T @ through
    use = ~frame.borrows
    if not use.any():
        return 1.0
    together = frame.design.sampling(fit.told, fit.judged)[use]
    alone = frame.design.frame(fit.judged, fit.judged)[use]
    top = np.einsum("ij,cij->", weigh, np.nan_to_num(together))
    bottom = np.einsum("ij,cij->", weigh, alone)
    return float(np.clip(top / bottom, 0.0, 1.0)) if bottom > TINY else 0.0


def pair_limits(fit: Fit, c: int, level: float) -> tuple[float, float, float, float]:
    """Corrected win share of one pair, its variance, and its limits with t(m - 1), not clipped to 0..1."""
    frame = fit.frame
    judge, design = frame.sample.judge, frame.design
    cells = judge.cell_pair == c
    of = float(fit.bottom[cells].sum())
    share = float(fit.top[cells].sum()) / of
    size = len(judge.pair)
    u = [
        (sums(rows.scenario, rows.y - share * rows.d, size) / of)[:, None]
        for rows in (frame.sample.told, frame.sample.judged)
    ]
    lam = float(_by_pair(frame, fit.lam)[c])
    left = u[0] - lam * u[1]
    variance = float((design.within(u[0])[c] / design.total[c] + design.sampling(left, left)[c])[0, 0])
    half = float(t.ppf((1 + level) / 2, max(int(frame.labels[c]) - 1, 1))) * float(np.sqrt(max(variance, 0.0)))
    return share, variance, share - half, share + half
