"""Two raters crossed over the items that both answered, and how a figure of that table gets its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from conflictscope.stats import tables
from conflictscope.stats.clusters import (
    Kinds,
    Sample,
    Statistic,
    accelerated,
    collapsed,
    covariance,
    scores_of,
    variance_of,
    whole,
)
from conflictscope.stats.labels import MISSING, Codes
from conflictscope.stats.tables import Floats
from conflictscope.stats.types import Estimate

# From this many scenarios on (the second where they have several items, or answers lie on a scale) the delta method gives
# the interval of kappa and AC1, provided that so many disagree and lie outside the most frequent category as the third
# says: below it the bootstrap holds its level better.
DELTA_SCENARIOS, DELTA_CLUSTERS, DELTA_RARE = 100, 400, 40
# Weighted samples have a bootstrap up to this many scenarios; beyond it the two differ by less than rounding on a page.
MOST_RESAMPLED = 1000

# Where simulation shows that a nominal 95 % interval of kappa may cover less than 93 %.
FEW_SCENARIOS, FEW_RARE = 20, 5
# A kappa with squared distances hangs on its few large ones: it needs more, and more still where answers are lopsided.
FEW_ON_A_SCALE, FEW_ON_A_LOPSIDED_SCALE, LOPSIDED_SCALE = 100, 250, 1 / 3
# Below it a weighted sample may hold none of the disagreement of a stratum that weighs much.
FEW_WEIGHTED = 100

# With fewer than this many scenarios on either side a share has exact limits: Wilson's may cover less than they say.
EXACT_BELOW = 10
# The same with fewer than this many scenarios on both sides: at 50 Wilson's limits of a half cover 0.935, exact ones 0.967.
EXACT_SCENARIOS = 100
# With so many items a scenario and so few scenarios the effective number of items is told too well (0.92 at 50 and 17).
MANY_ITEMS = 10

NOTHING = "no item was answered by both"


@dataclass(frozen=True, eq=False)
class Crossing:
    """Items that two raters answered, as tables by scenario.

    Attributes:
        cell: of each item, first answer times `size` plus second, shape (n,). sample: the same n items.
        size: number of categories q. left_out: items that lack an answer or both.
    """

    cell: np.ndarray[tuple[int], np.dtype[np.int64]]
    sample: Sample
    size: int
    left_out: int

    @classmethod
    def of(cls, first: Codes, second: Codes, size: int, sample: Sample | None = None) -> Crossing:
        """Raises: ValueError: the raters or the sample have different numbers of items."""
        if len(first) != len(second):
            raise ValueError(f"both raters need the same items, got {len(first)} and {len(second)} answers")
        sample = Sample.of(len(first)) if sample is None else sample
        if sample.n != len(first):
            raise ValueError(f"the sample has {sample.n} items, the raters have {len(first)}")
        both = (first != MISSING) & (second != MISSING)
        cell = first[both].astype(np.int64) * size + second[both]
        return cls(cell, sample.part(both), size, int(len(first) - len(cell)))

    @property
    def n(self) -> int:
        return len(self.cell)

    @cached_property
    def kinds(self) -> Kinds:
        """Scenarios by their weighted tables, (q, q) each."""
        return self.sample.kinds(self.cell, np.eye(self.size**2).reshape(-1, self.size, self.size))

    @cached_property
    def table(self) -> Floats:
        """The weighted table, shape (q, q)."""
        return self.kinds.total

    @cached_property
    def counts(self) -> Floats:
        """The table of items, whatever they weigh."""
        return np.bincount(self.cell, minlength=self.size**2).reshape(self.size, self.size).astype(float)

    @cached_property
    def squares(self) -> Floats:
        """The table of squared weights."""
        squared = np.bincount(self.cell, self.sample.weight**2, minlength=self.size**2).astype(float)
        return squared.reshape(self.size, self.size)

    @cached_property
    def used(self) -> Floats:
        """Mean of both raters' weight in each category, shape (q,)."""
        return np.asarray((self.table.sum(-1) + self.table.sum(-2)) / 2)

    @cached_property
    def rare(self) -> float:
        """How many scenarios of equal weight lie outside the most frequent category (a half where one rater says so)."""
        cells, common = self.kinds.cells, self.used.argmax()
        outside = cells.sum((-2, -1)) - (cells[:, common].sum(-1) + cells[:, :, common].sum(-1)) / 2
        return min(self.kinds.kish(outside), float(self.kinds.times @ outside) / self._item)

    @cached_property
    def disagreeing(self) -> float:
        """How many scenarios of equal weight hold a disagreement."""
        cells = self.kinds.cells
        return self.kinds.kish(cells.sum((-2, -1)) - np.trace(cells, axis1=-2, axis2=-1))

    @property
    def _item(self) -> float:
        return float(self.sample.weight.mean()) if self.n else 1.0

    def share(self, ratio: tables.Ratio, *, reason: str, level: float = 0.95) -> Estimate:
        """A share with Wilson's interval at the effective number of items; exact, and marked so, near 0 and 1.

        The effective number is that for which the binomial variance is the variance by scenario, with the t of the
        scenarios' degrees of freedom where items are clustered or weighted; where few scenarios are on the rarer side it is
        at most the number of scenarios, corrected for weights.

        Returns: n = items in the denominator; undefined, for the reason given, without any; with a warning where a small
            sample is weighted.
        Source: Korn & Graubard (1998), Survey Methodology 24(2):193-201.
        """
        n = int(self.counts[ratio.bottom > 0].sum())
        if n == 0:
            return Estimate.undefined(reason if self.n else NOTHING, level=level)
        share = min(max(float(ratio.items(self.table)), 0.0), 1.0)
        limits = self._limits(share, ratio, level)
        point = float(ratio.told(share))
        if limits is None:
            return Estimate(point, n=n, warning="one scenario only: no interval", level=level)
        low, high, exact = limits
        low, high = float(ratio.told(low)), float(ratio.told(high))
        return Estimate(point, low, high, n=n, level=level, conservative=exact, warning=self.thin() or self._crowded())

    def _limits(self, share: float, ratio: tables.Ratio, level: float) -> tuple[float, float, bool] | None:
        """Low, high, whether they are exact; None for a single scenario with several items."""
        bottom = (self.kinds.cells * ratio.bottom).sum((-2, -1))
        there = bottom > 0
        strata = len(np.unique(collapsed(self.kinds)[there]))
        freedom = round(float(self.kinds.times[there].sum())) - strata
        complex_sample = self.sample.clustered or self.sample.weighted
        if complex_sample and freedom < 1:
            return None
        alone = self.kinds.kish(bottom)
        if share in (0.0, 1.0):
            return *exact_limits(share * alone, alone, level), True
        variance = float(covariance(ratio.scores(self.kinds.cells, self.table)[:, None], self.kinds)[0, 0])
        if variance > 0:
            effective = 1 + share * (1 - share) / variance
        else:
            effective = float((ratio.bottom * self.table).sum()) ** 2 / float((ratio.bottom * self.squares).sum())
        if complex_sample:
            effective *= (_z(level) / float(stdtrit(freedom, (1 + level) / 2))) ** 2
        side = ratio.top if share < 0.5 else ratio.bottom - ratio.top
        few = self.kinds.kish((self.kinds.cells * side).sum((-2, -1))) < EXACT_BELOW
        if few or freedom < EXACT_SCENARIOS:
            effective = min(effective, alone) if few else effective
            return *exact_limits(share * effective, effective, level), True
        return *wilson_limits(share, effective, level), False

    def corrected(
        self,
        statistic: Statistic,
        chance: Statistic,
        *,
        rng: np.random.Generator,
        resamples: int,
        level: float = 0.95,
        worst: float = 1.0,
        reason: str = NOTHING,
    ) -> tuple[Estimate, str]:
        """A chance-corrected figure of the table, with its interval and how that was made.

        "bootstrap": BCa over scenarios (below 100 of them, with weights, where disagreement or all but one category is
        rare), smoothed unless answers lie on a scale; "delta": the delta method over scenarios; "exact": the one-sided bound
        that agreement on every item gives (Clopper and Pearson's lower one), chance being as observed; "": there is none.

        Args:
            statistic: 1 less the ratio of disagreement to that expected by `chance`.
            worst: what the worst disagreement on an item costs; above 1 answers lie on a scale.
        """
        scale = worst > 1
        point = float(statistic(self.table)) if self.n else math.nan
        if math.isnan(point):
            return Estimate.undefined(reason if self.n else NOTHING, self.n, level=level), ""
        warning = self.doubt(scale=scale)
        if np.isclose(np.trace(self.table), self.table.sum(), rtol=1e-12):
            # Of a scenario with several answers nothing is known but that all agree: it counts once.
            alike, _ = exact_limits(self.sample.effective, self.sample.effective, level)
            low = max(1 - (1 - alike) * worst / float(chance(self.table)), -1.0)
            return Estimate(point, low, 1.0, self.n, warning=warning, level=level, conservative=True), "exact"
        if self._plenty(scale):
            half = _z(level) * math.sqrt(variance_of(statistic, self.kinds))
            return Estimate(point, point - half, min(point + half, 1.0), self.n, warning=warning, level=level), "delta"
        limits = accelerated(
            statistic,
            self.kinds,
            rng=rng,
            resamples=resamples,
            level=level,
            smoothing=0.0 if scale else self.sample.smoothing,
        )
        if limits is None:
            return Estimate(point, n=self.n, warning="too few scenarios differ: no interval", level=level), ""
        # Where few disagree, the further scenario that does widens the interval by more than it need.
        safe = not scale and self.disagreeing < EXACT_BELOW
        low, high = min(limits[0], point), max(limits[1], point)
        return Estimate(point, low, high, self.n, warning=warning, level=level, conservative=safe), "bootstrap"

    def _plenty(self, scale: bool) -> bool:
        """Whether the delta method may be relied on."""
        enough = DELTA_CLUSTERS if self.sample.clustered or scale else DELTA_SCENARIOS
        if self.sample.effective < enough or self.rare < DELTA_RARE or self.disagreeing < DELTA_RARE:
            return False
        return not self.sample.weighted or self.sample.scenarios > MOST_RESAMPLED

    def doubt(self, *, scale: bool = False) -> str:
        """Why the interval of a chance-corrected figure may not hold its level; empty where simulation shows that it does."""
        effective = self.sample.effective
        plain = not (self.sample.clustered or self.sample.weighted)
        worth = f"{self.n} items only" if plain else f"as much as {whole(effective)} scenarios only"
        lopsided = self.n and self.used.max() > LOPSIDED_SCALE * self.table.sum()
        if effective < (FEW_ON_A_SCALE if scale else FEW_SCENARIOS):
            return f"{worth}: the interval may miss the truth more often than it says"
        if scale and lopsided and effective < FEW_ON_A_LOPSIDED_SCALE:
            return (
                f"{worth}, most with one and the same answer: the interval may miss the truth more often than it says"
            )
        if self.rare < FEW_RARE:
            of = f"{self.n} items lie" if plain else f"{whole(effective)} scenarios' worth of items lies"
            return f"only {whole(self.rare)} of {of} outside the most frequent answer: the figure and its interval are unstable"
        return self.thin()

    def _crowded(self) -> str:
        """Why a share over few scenarios with many items each may miss the truth."""
        scenarios = self.sample.scenarios
        if scenarios >= EXACT_SCENARIOS or self.n < MANY_ITEMS * scenarios:
            return ""
        return f"{self.n} items of {scenarios} scenarios only: the interval may miss the truth more often than it says"

    def thin(self) -> str:
        """Why a small weighted sample may miss the truth: nothing shows that a part that weighs much hides a rare answer."""
        effective = self.sample.effective
        if not self.sample.weighted or effective >= FEW_WEIGHTED:
            return ""
        return f"weighted, as much as {whole(effective)} scenarios only: the interval may miss the truth more often than it says"

    def design_effect(self, statistic: Statistic) -> float | None:
        """Variance by scenario over the variance that as many independent items of equal weight would have."""
        if self.n < 2 or self.sample.scenarios < 2 or np.isnan(statistic(self.table)):
            return None
        shares = self.table / self.table.sum()
        alone = unit_variance(statistic, shares) / self.n
        here = variance_of(statistic, self.kinds)
        return here / alone if alone > 0 else None


def unit_variance(statistic: Statistic, shares: Floats) -> float:
    """Large-sample variance of a statistic of a table, times the number of independent items, at these shares of cells.

    Source: delta method; of kappa it is that of Fleiss, Cohen & Everitt (1969), Psychol. Bull. 72(5):323-327.
    """
    there = np.flatnonzero(shares)
    cells = np.eye(shares.size)[there].reshape(-1, *shares.shape)
    kinds = Kinds(cells, np.zeros(len(there), dtype=np.int64), shares.reshape(-1)[there])
    pulls = scores_of(statistic, kinds)
    mean = float(kinds.times @ pulls)
    return float(kinds.times @ (pulls - mean) ** 2)


def wilson_limits(share: float, total: float, level: float) -> tuple[float, float]:
    """Wilson's limits of a share of `total`, which need not be whole. Source: Wilson (1927), J. Am. Stat. Assoc. 22(158):209-212."""
    part = _z(level) ** 2 / total
    middle = (share + part / 2) / (1 + part)
    half = math.sqrt(share * (1 - share) * part + part**2 / 4) / (1 + part)
    return middle - half, middle + half


def _z(level: float) -> float:
    return float(ndtri((1 + level) / 2))


def exact_limits(successes: float, total: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's limits of a share, for numbers that need not be whole.

    Source: Clopper & Pearson (1934), Biometrika 26(4):404-413.
    """
    tail = (1 - level) / 2
    low = float(betaincinv(successes, total - successes + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, total - successes, 1 - tail)) if successes < total else 1.0
    return low, high
