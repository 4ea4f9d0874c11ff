"""A judge's ranking corrected by the scenarios that people decided, too."""

from collections.abc import Collection, Hashable, Sequence
from typing import Literal

import numpy as np

from conflictscope.stats.bradley_terry import fit_ranking
from conflictscope.stats.bradley_terry.fitting import EFFECTS
from conflictscope.stats.bradley_terry.rank_sets import surely_above
from conflictscope.stats.bradley_terry.task import Floats, sums
from conflictscope.stats.correction.estimate import FEWEST_LABELLED, Fit, Frame, NoFit, corrected, pair_limits
from conflictscope.stats.correction.results import CorrectedPair, CorrectedRanking, Strengths
from conflictscope.stats.correction.sample import CorrectionSample, align
from conflictscope.stats.intervals import z_of
from conflictscope.stats.rankings import Covariate
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate

DRAWS = 4000
EQUAL = 1e-9
# With fewer labelled scenarios of a pair, or wins of a side among them, the t limits of its share are rough.
FEW_LABELLED = 24
FEW_WINS = 5


def corrected_ranking(
    judge: Tallies,
    people: Tallies,
    *,
    rng: np.random.Generator,
    stratum: Sequence[Hashable] | None = None,
    chance: Sequence[float] | None = None,
    left_out: Collection[Hashable] = (),
    covariates: tuple[str, ...] | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    interval: Literal["bootstrap", "sandwich"] = "sandwich",
) -> CorrectedRanking:
    """Rank the values by a judge's decisions, corrected for what people decided otherwise on a random sample.

    Per pair p = lambda mean_all(F) + mean_labelled(Y - lambda F), numerator and denominator apart where trials were left
    undecided, and the strengths that fit these shares with the number of judged scenarios as weights. Their covariance is
    H^-1 [sum_c N_c^2 x_c x_c' (s^2(Y)/N_c + (1/m_c - 1/N_c) s^2(Y - lambda F))] H^-1 with scenarios as units; with covariates
    covariance matrices of the scenarios' scores take the place of s^2. Simulated with judges whose errors lean one way or
    depend on the value: see benchmarks/coverage.py.

    Args:
        judge: the judge's decisions on every scenario; people: people's, on the trials of some, drawn at random by scenario.
        stratum: of each of the judge's scenarios, if the sample was drawn by stratum; chance: inclusion probabilities, if
            unequal (Hajek weights; strata are then not used).
        left_out: scenarios on whose labels the judge's prompt was chosen: they correct nothing and leave the frame.
        covariates: as in `fit_ranking`; in the open mode the order is the one in which the judge saw the actions.
        interval: of the judge's ranking alone.
    Returns: the three rankings side by side. Without labels no correction, said so; where the corrected shares leave no finite
        strengths, people's alone stand, with bounds.
    Raises: ValueError: tables that do not fit together (see `align`), or as `fit_ranking`.
    Source: Angelopoulos, Duchi & Zrnic (2023), arXiv 2311.01453; Saerndal, Swensson & Wretman (1992), chapter 9.
    """
    alone = fit_ranking(judge, rng=rng, interval=interval, level=level, covariates=covariates)
    used = tuple(covariate.name for covariate in alone.covariates)
    sample = align(judge, people, stratum=stratum, chance=chance, left_out=left_out, covariates=used)
    if sample.left_out:
        inside = np.array([name not in set(left_out) for name in judge.scenarios])
        alone = fit_ranking(judge.take(inside), rng=rng, interval=interval, level=level, covariates=covariates)
    frame = Frame.of(sample, used)
    labelled = int(sample.labelled.sum())
    reason = _why_not(sample, alone.no_preference)
    fit: Fit | NoFit = NoFit(reason) if reason else corrected(frame)
    by_people: Fit | NoFit = NoFit(reason) if reason else corrected(frame, 0.0)
    people_alone = _strengths(by_people, frame, used, rng, level, draws)
    bounds = None
    if labelled and (isinstance(fit, NoFit) or isinstance(by_people, NoFit)):
        mask = np.array([name in _labelled_names(sample) for name in people.scenarios])
        bounds = fit_ranking(people.take(mask), rng=rng, interval=interval, level=level, covariates=covariates)
    pairs = _pairs(fit, frame, level) if isinstance(fit, Fit) else ()
    lending = frame.borrows if isinstance(fit, Fit) else np.zeros(len(sample.judge.pairs), dtype=bool)
    missing = int(np.maximum(FEWEST_LABELLED - frame.labels[lending], 0).sum())
    names = tuple((judge.values[i], judge.values[j]) for i, j in sample.judge.pairs[lending])
    return CorrectedRanking(
        values=judge.values,
        judge=alone,
        people=people_alone,
        people_bounds=bounds,
        corrected=_strengths(fit, frame, used, rng, level, draws),
        pairs=pairs,
        scenarios=len(sample.judge.scenarios),
        labelled=labelled,
        partial=sample.partial,
        left_out=sample.left_out,
        foreign=sample.foreign,
        borrowing=names,
        to_end_borrowing=missing,
        reason=fit.reason if isinstance(fit, NoFit) else "",
        warnings=_warnings(sample, names, missing),
    )


def _why_not(sample: CorrectionSample, no_preference: str) -> str:
    if no_preference:
        return no_preference
    labelled = int(sample.labelled.sum())
    if not labelled:
        some = f"; of {sample.partial} scenarios people decided some trials only" if sample.partial else ""
        return f"no scenario was labelled whole by people: no correction{some}"
    if labelled < FEWEST_LABELLED:
        return f"people labelled {labelled} scenarios only: no correction below {FEWEST_LABELLED}"
    return ""


def _labelled_names(sample: CorrectionSample) -> set[Hashable]:
    return {sample.judge.scenarios[s] for s in np.flatnonzero(sample.labelled)}


def _strengths(
    found: Fit | NoFit,
    frame: Frame,
    covariates: tuple[str, ...],
    rng: np.random.Generator,
    level: float,
    draws: int,
) -> Strengths:
    size = len(frame.sample.judge.values)
    n = int(frame.sample.labelled.sum())
    if isinstance(found, NoFit):
        none = (Estimate.undefined(found.reason, n, level=level),) * size
        blank = tuple((None,) * size for _ in range(size))
        return Strengths(none, none, none, blank, (), None, 0.0, None, found.reason)
    covariance = found.theta_covariance
    half = z_of(level) * np.sqrt(covariance.diagonal().clip(0))
    theta = found.theta
    drawn = rng.multivariate_normal(theta, covariance, size=draws, method="eigh")
    return Strengths(
        strengths=tuple(
            Estimate(float(x), float(x - h), float(x + h), n=n, level=level) for x, h in zip(theta, half, strict=True)
        ),
        ranks=_ranks(theta, drawn, n, level),
        rank_sets=_rank_sets(theta, drawn, n, level),
        above=_above(drawn),
        covariates=_effects(found, covariates, n, level),
        covariance=tuple(tuple(float(cell) for cell in row) for row in covariance),
        lam=found.lam,
        widest=float(2 * half.max()),
        reason="",
    )


def _ranks(theta: Floats, drawn: Floats, n: int, level: float) -> tuple[Estimate, ...]:
    ranks = 1 + (drawn[:, None, :] - drawn[:, :, None] > EQUAL).sum(axis=2)
    tail = (1 - level) / 2
    low, high = (np.quantile(ranks, q, axis=0, method="inverted_cdf") for q in (tail, 1 - tail))
    rank = 1 + (theta[None, :] - theta[:, None] > EQUAL).sum(axis=1)
    return tuple(
        Estimate(float(r), float(min(a, r)), float(max(b, r)), n=n, level=level)
        for r, a, b in zip(rank, low, high, strict=True)
    )


def _rank_sets(theta: Floats, drawn: Floats, n: int, level: float) -> tuple[Estimate, ...]:
    size = len(theta)
    above = surely_above(theta, drawn, (tuple(range(size)),), level)
    rank = 1 + (theta[None, :] - theta[:, None] > EQUAL).sum(axis=1)
    return tuple(
        Estimate(
            float(rank[k]),
            float(1 + above[:, k].sum()),
            float(size - above[k].sum()),
            n=n,
            level=level,
            conservative=True,
        )
        for k in range(size)
    )


def _above(drawn: Floats) -> tuple[tuple[float | None, ...], ...]:
    shares = (drawn[:, :, None] > drawn[:, None, :]).mean(axis=0)
    return tuple(tuple(None if i == j else float(x) for j, x in enumerate(row)) for i, row in enumerate(shares))


def _effects(found: Fit, covariates: tuple[str, ...], n: int, level: float) -> tuple[Covariate, ...]:
    at = len(found.beta) - len(covariates)
    half = z_of(level) * np.sqrt(found.covariance.diagonal().clip(0))
    return tuple(
        Covariate(
            name,
            EFFECTS[name],
            Estimate(
                float(found.beta[k]), float(found.beta[k] - half[k]), float(found.beta[k] + half[k]), n, level=level
            ),
        )
        for k, name in enumerate(covariates, start=at)
    )


def _pairs(found: Fit, frame: Frame, level: float) -> tuple[CorrectedPair, ...]:
    judge, by_people = frame.sample.judge, frame.sample.told
    size = len(judge.pair)
    won, decided = sums(by_people.scenario, by_people.y, size), sums(by_people.scenario, by_people.d, size)
    pairs = []
    for c, (first, second) in enumerate(judge.pairs):
        here = frame.sample.labelled & (judge.pair == c)
        labels = int(here.sum())
        wins, losses = float(won[here].sum()), float((decided - won)[here].sum())
        if labels < 2 or frame.borrows[c]:
            why = f"{labels} labelled scenarios only: the share is borrowed from the other pairs and has no limits"
            cells = judge.cell_pair == c
            share = Estimate(
                float(found.top[cells].sum() / found.bottom[cells].sum()), n=labels, warning=why, level=level
            )
        else:
            point, _, low, high = pair_limits(found, c, level)
            share = Estimate(point, low, high, n=labels, warning=_rough(labels, wins, losses), level=level)
        pairs.append(
            CorrectedPair(
                value_1=judge.values[first],
                value_2=judge.values[second],
                share=share,
                scenarios=int((judge.pair == c).sum()),
                labelled=labels,
                wins_1=wins,
                wins_2=losses,
                borrows=bool(frame.borrows[c]),
            )
        )
    return tuple(pairs)


def _rough(labels: int, wins: float, losses: float) -> str:
    if min(wins, losses) < FEW_WINS:
        return f"people saw {min(wins, losses):g} wins of one side only: the interval is rough"
    if labels < FEW_LABELLED:
        return f"{labels} labelled scenarios only: the interval is rough"
    return ""


def _warnings(sample: CorrectionSample, borrowing: tuple[tuple[str, str], ...], missing: int) -> tuple[str, ...]:
    sentences = []
    if borrowing:
        sentences.append(
            f"{len(borrowing)} pairs have fewer than {FEWEST_LABELLED} labelled scenarios that people decided and borrow from "
            f"the others, which biases strengths where the judge's errors depend on the value: {missing} labels would end it"
        )
    if sample.partial:
        sentences.append(f"of {sample.partial} scenarios people decided some trials only: these do not correct")
    if sample.foreign:
        sentences.append(f"{sample.foreign} scenarios that people decided were not judged: these do not correct")
    return tuple(sentences)
