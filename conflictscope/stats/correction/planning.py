"""How many more labels, and of which pairs, would make a corrected ranking as narrow as one wants it."""

from collections.abc import Collection, Hashable, Sequence

import numpy as np

from conflictscope.stats.bradley_terry import fit_ranking
from conflictscope.stats.bradley_terry.task import Floats, sums
from conflictscope.stats.correction.estimate import Fit, Frame, NoFit, corrected
from conflictscope.stats.correction.results import MoreLabels
from conflictscope.stats.correction.sample import align
from conflictscope.stats.intervals import z_of
from conflictscope.stats.tallies import Tallies


def more_labels(
    judge: Tallies,
    people: Tallies,
    *,
    width: float,
    rng: np.random.Generator,
    stratum: Sequence[Hashable] | None = None,
    chance: Sequence[float] | None = None,
    left_out: Collection[Hashable] = (),
    covariates: tuple[str, ...] | None = None,
    level: float = 0.95,
) -> MoreLabels:
    """The labels that would shrink the widest interval of a corrected strength to `width`, pair by pair.

    A strength's variance is sum_c (a_c + b_c (1/m_c - 1/N_c)): one label after the other goes to the pair in which it takes
    most off the widest. Lambda and the residuals' variances are taken as they are today; new labels are drawn at random.

    Args: as `corrected_ranking`; width: of the interval, in log odds, above 0.
    Raises: ValueError: width not above 0; as `corrected_ranking`.
    """
    if width <= 0:
        raise ValueError(f"a width is above 0, got {width}")
    names = tuple(
        covariate.name
        for covariate in fit_ranking(judge, rng=rng, interval="sandwich", resamples=1, covariates=covariates).covariates
    )
    frame = Frame.of(align(judge, people, stratum=stratum, chance=chance, left_out=left_out, covariates=names), names)
    if not frame.sample.labelled.any():
        return MoreLabels(
            width, None, None, (), 0, False, "no scenario was labelled whole by people: nothing to forecast from"
        )
    fit = corrected(frame)
    if isinstance(fit, NoFit):
        return MoreLabels(width, None, None, (), 0, False, fit.reason)
    fixed, per = _parts(fit)
    labels, total = frame.labels.astype(float).clip(1), frame.design.total.astype(float)
    more = np.zeros(len(labels), dtype=np.int64)
    reach = 2 * z_of(level)

    def widest(extra: np.ndarray) -> float:
        now = fixed + per @ (1 / (labels + extra) - 1 / total)
        return float(reach * np.sqrt(now.max()))

    start = widest(more)
    while widest(more) > width:
        variance = fixed + per @ (1 / (labels + more) - 1 / total)
        gain = per[variance.argmax()] * (1 / (labels + more) - 1 / (labels + more + 1))
        gain[labels + more + 1 > total] = 0
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        more[best] += 1
    ends = frame.sample.judge.pairs
    wanted = tuple((judge.values[ends[c, 0]], judge.values[ends[c, 1]], int(more[c])) for c in np.flatnonzero(more))
    then = widest(more)
    return MoreLabels(width, start, then, wanted, int(more.sum()), then <= width)


def _parts(found: Fit) -> tuple[Floats, Floats]:
    """Per strength the variance that no label takes away, shape (K,), and per pair what it has for 1/m_c, shape (K, C)."""
    frame = found.frame
    design = frame.design
    through = frame.plane @ found.bread
    borrowed = frame.borrows
    left = found.told - found.lam * found.judged
    within = np.nan_to_num(design.within(found.told) / np.maximum(design.total, 1)[:, None, None])
    sampling = np.nan_to_num(design.sampling(left, left))
    fixed = np.einsum("ki,cij,kj->k", through, within, through)
    today = (1 / np.maximum(design.sampled, 1) - 1 / np.maximum(design.total, 1)).clip(1e-12)
    per = np.einsum("ki,cij,kj->kc", through, sampling, through) / today
    # Pairs that borrow have no variance of their own: the others' residual variance stands for it.
    if borrowed.any():
        known = ~borrowed
        cells = frame.sample.judge.cell_pair
        size = design.total.astype(float) ** 2
        count = np.bincount(cells).astype(float)
        lean = np.stack([sums(cells, column, len(size)) for column in frame.X.T], axis=1) / count[:, None]
        pull = (through @ lean.T) ** 2 * size
        # A residual variance of a quarter, the largest that a share has, if no pair has enough labels of its own.
        rate = float(per[:, known].sum() / pull[:, known].sum()) if known.any() else 0.25
        per[:, borrowed] = rate * pull[:, borrowed]
    return fixed, per
