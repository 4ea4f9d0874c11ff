"""What a ranking of values consists of."""

from dataclasses import dataclass

from conflictscope.stats.types import Estimate, Result


@dataclass(frozen=True)
class PairResult(Result):
    """One pair of values.

    Attributes:
        value_1, value_2: in the order of the value set.
        share: share of decided trials that value_1 won, with its interval by scenario; n = decided scenarios.
        fitted: the share that the strengths say, None where they are undefined.
        residual: standardised distance of share and fitted (beyond about 2 the pair breaks the order), None without one.
        scenarios, decided: scenarios asked; scenarios with a decided trial.
    """

    value_1: str
    value_2: str
    share: Estimate
    fitted: float | None
    residual: float | None
    scenarios: int
    decided: int


@dataclass(frozen=True)
class GoodnessOfFit(Result):
    """Whether one order of strengths describes the pair shares at all (a small p_value says that it does not).

    Attributes:
        g2: likelihood ratio against free shares, before division; df: pairs - (values - 1).
        design_effect: mean factor by which clustering by scenario inflates g2 (Rao-Scott, first order).
        p_value: of g2 / design_effect.
        reason: why there is none.
    """

    g2: float | None
    df: int
    design_effect: float | None
    p_value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Counts(Result):
    """What stands behind a ranking; `undecided` is the share of trials without a decision, its interval by scenario."""

    scenarios: int
    decided_scenarios: int
    trials: int
    decided_trials: int
    undecided: Estimate


@dataclass(frozen=True)
class Covariate(Result):
    """What being shown first ("order"), or acting ("action"), adds to the log odds of an option, coded +-1/2."""

    name: str
    says: str
    effect: Estimate


@dataclass(frozen=True)
class CreditedStrength(Result):
    """A value's strength if all undecided trials of its pairs went against it (low), or to it (high), and its ranks there.

    best_rank belongs to high, worst_rank to low; None where there is no finite fit.
    """

    value: str
    low: float | None
    high: float | None
    best_rank: int | None
    worst_rank: int | None


@dataclass(frozen=True)
class RankingResult(Result):
    """A ranking of K values.

    Attributes:
        values: keys, in the order of the value set; everything below follows it.
        strengths: Bradley-Terry log strengths, summing to zero in each group; n = decided scenarios that the value is in.
        ranks: within the group, 1 = supported most; integers, equal strengths share the better rank; limits are percentiles of resampled
            ranks.
        above: row i, column j: share of resamples in which value i stands above value j, ties as half; None on the
            diagonal and where there is no fit. It is a share of replicates, not a posterior probability.
        pairs: the pairs that occur. fit: goodness of fit. counts: scenarios and trials.
        covariance: of the strengths by cluster sandwich, shape (K, K), None without a fit.
        method: "mle", "penalised" (by alpha) or "authors" (as the paper's script computes).
        alpha: the penalty; 0 for "mle" but for disconnected resamples.
        interval: "bootstrap" over scenarios within pairs, or "sandwich"; "rows" for the authors' resampling of trials.
        level, resamples, seed: of the intervals; seed is None where the generator was not made from a number.
        disconnected: resamples without a finite maximum, fitted with the penalty instead.
        cut_off: the values that keep the maximum likelihood from being finite; reason: the sentence about it.
        warnings: sentences to show with the ranking.
        covariates: the effects that were taken out of the strengths, with their intervals.
        groups: the values that were compared with each other, directly or by others; strengths and ranks of different
            groups cannot be set side by side.
        relative: where a group has no finite fit, per value: within its largest part that has one strengths that sum to zero
            there; for the others, without a point, a one-sided bound of the distance to that part's mean. Empty otherwise.
        rank_sets: the ranks each value may have, jointly at the level; the point is the rank.
        no_preference: why the answers tell of positions and not of values; empty where they tell of values.
    """

    values: tuple[str, ...]
    strengths: tuple[Estimate, ...]
    ranks: tuple[Estimate, ...]
    above: tuple[tuple[float | None, ...], ...]
    pairs: tuple[PairResult, ...]
    fit: GoodnessOfFit
    counts: Counts
    covariance: tuple[tuple[float, ...], ...] | None
    method: str
    alpha: float
    interval: str
    level: float
    resamples: int
    seed: int | None
    disconnected: int
    cut_off: tuple[str, ...]
    reason: str
    warnings: tuple[str, ...]
    covariates: tuple[Covariate, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    relative: tuple[Estimate, ...] = ()
    rank_sets: tuple[Estimate, ...] = ()
    no_preference: str = ""
