"""What correcting a judge's ranking by people's decisions gives."""

from dataclasses import dataclass

from conflictscope.stats.rankings import Covariate, RankingResult
from conflictscope.stats.types import Estimate, Result


@dataclass(frozen=True)
class CorrectedPair(Result):
    """One pair: its corrected share with t limits (which may leave 0..1), its labelled scenarios, people's wins a side.

    borrows: fewer than five of its labelled scenarios were decided by people, and it takes the others' residuals.
    """

    value_1: str
    value_2: str
    share: Estimate
    scenarios: int
    labelled: int
    wins_1: float
    wins_2: float
    borrows: bool


@dataclass(frozen=True)
class Strengths(Result):
    """Strengths by one way of using the two kinds of decisions; theta takes +- z se.

    Attributes:
        strengths, ranks, rank_sets, above: as in `RankingResult`; ranks, their sets and shares above come from draws of the
            normal distribution of the strengths.
        covariates: effects of order and action with their intervals.
        covariance: of the strengths, shape (K, K); None without a fit.
        lam: how far the judge's word counts, 0 (people alone) to 1.
        widest: width of the widest interval of a strength; None without a fit.
        reason: why there are no strengths.
    """

    strengths: tuple[Estimate, ...]
    ranks: tuple[Estimate, ...]
    rank_sets: tuple[Estimate, ...]
    above: tuple[tuple[float | None, ...], ...]
    covariates: tuple[Covariate, ...]
    covariance: tuple[tuple[float, ...], ...] | None
    lam: float
    widest: float | None
    reason: str


@dataclass(frozen=True)
class CorrectedRanking(Result):
    """A judge's ranking, people's, and the judge's corrected by people's.

    Attributes:
        values: keys, in the order of the value set.
        corrected: the three columns that stand side by side: `judge` alone, `people` alone, `corrected` by both.
        people_bounds: people's decisions ranked as they are, where their strengths are not finite: bounds and rank sets.
        pairs: the pairs, with their corrected shares.
        scenarios, labelled: judged, and of these labelled whole; partial: labelled in part, which does not correct;
            left_out: outside the frame, since the judge's prompt was chosen on them; foreign: labelled but not judged.
        borrowing: pairs that borrow, by name; to_end_borrowing: labelled scenarios that would end it.
        reason: why there is no correction. warnings: sentences to show with it.
    """

    values: tuple[str, ...]
    judge: RankingResult
    people: Strengths
    people_bounds: RankingResult | None
    corrected: Strengths
    pairs: tuple[CorrectedPair, ...]
    scenarios: int
    labelled: int
    partial: int
    left_out: int
    foreign: int
    borrowing: tuple[tuple[str, str], ...]
    to_end_borrowing: int
    reason: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class MoreLabels(Result):
    """How many more scenarios people would have to label, and of which pairs, for the widest interval to be this wide.

    Attributes:
        width: the width asked for; now: today's widest interval; then: the widest with these labels.
        pairs: (value_1, value_2, more) of the pairs to label; total: all of them.
        reachable: whether labelling every scenario would do; where not, `then` is what that gives.
        reason: why there is no forecast.
    """

    width: float
    now: float | None
    then: float | None
    pairs: tuple[tuple[str, str, int], ...]
    total: int
    reachable: bool
    reason: str = ""
