"""What is said of a dataset: how hard its scenarios are, how strong the preferences, what passed the filter."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.intervals import FEW_UNITS, mean_interval, ratio, ratio_se, wilson, z_of
from conflictscope.stats.tallies import DECIDED, UNDECIDED
from conflictscope.stats.types import Estimate, Result

# Below this many texts in a pair the coverage of the jackknife interval was not shown.
FEW_TEXTS = 5

# With fewer scenarios that differ from full agreement, or from none, a normal interval of observed agreement misses.
FEW_OFF = 10
ROUNDING = 1e-9

OUTCOMES = ("pass", "fail", "unparsable")


@dataclass(frozen=True)
class ObservedAgreement(Result):
    """How often llms choose alike; lower = more challenging.

    Attributes:
        mean: over scenarios of A_s, with the interval of that mean; n = scenarios.
        scenarios, per_scenario: ids and A_s of the scenarios where two llms or more decided.
        left_out: scenarios where in no order and sample two llms decided.
    """

    mean: Estimate
    scenarios: tuple[Hashable, ...]
    per_scenario: tuple[float, ...]
    left_out: int


@dataclass(frozen=True)
class LikertDivergence(Result):
    """How often, and how far, an llm rates the two actions differently; higher = stronger preferences.

    Attributes:
        share: share of (scenario, llm) pairs whose two ratings differ, interval by scenario; n = scenarios.
        mean_difference: mean absolute difference of the two ratings in steps (0 to 6), interval by scenario.
        pairs, differ: (scenario, llm) pairs with both ratings, and those that differ; left_out: with one missing.
        llms: how many different llms rated both actions of some scenario.
    """

    share: Estimate
    mean_difference: Estimate
    pairs: int
    differ: int
    left_out: int
    llms: int


@dataclass(frozen=True)
class PassRate(Result):
    """Share of scenarios that passed, of those with a pass or a fail; `unparsable` ones are beside it, not in it."""

    rate: Estimate
    passed: int
    of: int
    unparsable: int


@dataclass(frozen=True)
class PassRates(Result):
    """Pass rate of each dimension by name, and of all dimensions together (`all`)."""

    dimensions: dict[str, PassRate]
    all: PassRate


@dataclass(frozen=True)
class Diversity(Result):
    """How far apart the texts of a value pair are: mean over pairs of 1 - mean cosine within the pair; 0 = all alike.

    Attributes:
        mean: with its jackknife interval; n = texts compared.
        pairs: value pairs with two texts or more; left_out: texts that are alone in their pair.
    """

    mean: Estimate
    pairs: int
    left_out: int


def observed_agreement(
    scenario: Sequence[Hashable],
    slot: Sequence[Hashable],
    llm: Sequence[Hashable],
    choice: Sequence[str | None],
    *,
    level: float = 0.95,
) -> ObservedAgreement:
    """Mean share of llm pairs that chose the same action.

    In each slot of a scenario A = sum over choices n (n - 1) / (M (M - 1)), over the M >= 2 llms that decided; A_s is the
    mean over the slots, the figure the mean of A_s. Its interval takes scenarios as the units: llm pairs are not
    independent. Where fewer than ten scenarios differ from full agreement (or from none) it is that of `ratio`, which keeps
    inside 0 to 1: the normal one then covers 0.15-0.92 (simulated: 3 and 8 llms, 15 to 100 scenarios; `ratio` 0.95-1).

    Args:
        scenario, slot, llm, choice: T trials; slot is the option order and sample, anything hashable; choice is
            "value_1" or "value_2", otherwise undecided (both, neither, none, None).
    Raises: ValueError: lengths differ, an unknown choice, an llm twice in one slot.
    Source: Liu et al. (2026), arXiv 2509.25369 (observed agreement of choices).
    """
    if not len(scenario) == len(slot) == len(llm) == len(choice):
        raise ValueError("scenario, slot, llm and choice need one entry for each trial")
    seen: set[tuple[Hashable, Hashable, Hashable]] = set()
    chosen: dict[Hashable, dict[Hashable, list[int]]] = {}
    for name, where, who, what in zip(scenario, slot, llm, choice, strict=True):
        if (name, where, who) in seen:
            raise ValueError(f"{who!r} answered scenario {name!r} twice in slot {where!r}")
        seen.add((name, where, who))
        counts = chosen.setdefault(name, {}).setdefault(where, [0, 0])
        if what in DECIDED:
            counts[DECIDED.index(str(what))] += 1
        elif what not in UNDECIDED:
            raise ValueError(f"a choice is value_1, value_2, both, neither or none, got {what!r}")
    slots = [(name, *counts) for name, there in chosen.items() for counts in there.values()]
    return (
        agreement_of_counts(*zip(*slots, strict=True), level=level)
        if slots
        else agreement_of_counts((), (), (), level=level)
    )


def agreement_of_counts(
    scenario: Sequence[Hashable], first: Sequence[int], second: Sequence[int], *, level: float = 0.95
) -> ObservedAgreement:
    """`observed_agreement` from slots already counted: how many llms chose value_1, and value_2, in each slot of a scenario.

    Raises: ValueError: lengths differ.
    """
    agreements: dict[Hashable, list[float]] = {}
    pairs = 0
    for name, n, m in zip(scenario, first, second, strict=True):
        shares = agreements.setdefault(name, [])
        if n + m >= 2:
            shares.append((n * (n - 1) + m * (m - 1)) / ((n + m) * (n + m - 1)))
            pairs += (n + m) * (n + m - 1) // 2
    means = {name: sum(shares) / len(shares) for name, shares in agreements.items() if shares}
    return ObservedAgreement(
        mean=_mean_agreement(np.array(list(means.values())), pairs, level),
        scenarios=tuple(means),
        per_scenario=tuple(means.values()),
        left_out=len(agreements) - len(means),
    )


def _mean_agreement(agreements: NDArray[np.float64], pairs: int, level: float) -> Estimate:
    """The mean of A_s; `pairs` of llms decided in all."""
    n = len(agreements)
    if n == 0:
        return Estimate.undefined("in no scenario did two llms decide", level=level)
    off = min(int((agreements < 1 - ROUNDING).sum()), int((agreements > ROUNDING).sum()))
    if n > 1 and off < FEW_OFF:
        return ratio(agreements, np.ones(n), decided=np.full(n, pairs / n), level=level)
    return mean_interval(agreements, level=level)


def likert_divergence(
    scenario: Sequence[Hashable],
    llm: Sequence[Hashable],
    rating_1: Sequence[int | None],
    rating_2: Sequence[int | None],
    *,
    level: float = 0.95,
) -> LikertDivergence:
    """Share of (scenario, llm) pairs whose two action ratings differ, and the mean absolute difference.

    Args: scenario, llm, rating_1, rating_2: one entry for each pair that was asked; ratings 1 to 7, None = missing:
        then the pair is left out and counted. Several samples of one pair count one each.
    Raises: ValueError: lengths differ, a rating outside 1 to 7.
    Source: Liu et al. (2026), arXiv 2509.25369.
    """
    if not len(scenario) == len(llm) == len(rating_1) == len(rating_2):
        raise ValueError("scenario, llm, rating_1 and rating_2 need one entry for each pair of scenario and llm")
    totals: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0, 0])
    raters: set[Hashable] = set()
    left_out = 0
    for name, who, first, second in zip(scenario, llm, rating_1, rating_2, strict=True):
        for rating in (first, second):
            if rating is not None and not 1 <= rating <= 7:
                raise ValueError(f"ratings go from 1 to 7, got {rating!r} for scenario {name!r}")
        if first is None or second is None:
            left_out += 1
            continue
        raters.add(who)
        counts = totals[name]
        counts[0] += 1
        counts[1] += first != second
        counts[2] += abs(first - second)
    return divergence_of_counts(list(totals.values()), left_out=left_out, llms=len(raters), level=level)


def divergence_of_counts(
    totals: Sequence[Sequence[float]], *, left_out: int, llms: int, level: float = 0.95
) -> LikertDivergence:
    """`likert_divergence` from scenarios already counted.

    Args: totals: of each scenario the llms that rated both actions, those that rated them differently, and the sum of the distances.
    """
    asked, differing, steps = np.array(totals, dtype=float).reshape(-1, 3).T
    share = ratio(differing, asked, decided=asked, level=level)
    if not share.defined:
        share = Estimate.undefined("no llm rated both actions of a scenario", level=level)
    return LikertDivergence(
        share=share,
        mean_difference=_mean_steps(steps, asked, level),
        pairs=int(asked.sum()),
        differ=int(differing.sum()),
        left_out=left_out,
        llms=llms,
    )


def discriminative_power(shares: Sequence[Estimate], *, level: float = 0.95) -> Estimate:
    """Share of value pairs whose win share's interval excludes one half, so that the scenarios tell the two values apart.

    Args: shares: one for each pair, as `PairResult.share`; pairs without limits are left out.
    Returns: without limits of its own: the pairs are all there are, and share their scenarios' values; n = pairs with limits.
    """
    limits = [(share.low, share.high) for share in shares if share.low is not None and share.high is not None]
    if not limits:
        return Estimate.undefined("no pair has a win share with limits", level=level)
    apart = sum(low > 0.5 or high < 0.5 for low, high in limits)
    return Estimate(apart / len(limits), n=len(limits), warning="a count of pairs: no interval", level=level)


def pair_shares(
    pair: Sequence[Hashable],
    first: Sequence[int],
    second: Sequence[int],
    trials: Sequence[int],
    *,
    level: float = 0.95,
) -> dict[Hashable, Estimate]:
    """The win share of each pair by scenario, as a ranking's `PairResult.share`, from scenarios already counted.

    Args: of each scenario its pair (anything hashable), the trials decided for its first and its second value, and all trials.
    Raises: ValueError: lengths differ.
    """
    codes = {name: code for code, name in enumerate(dict.fromkeys(pair))}
    place = np.array([codes[name] for name in pair], dtype=np.int64)
    won, lost, asked = (np.array(counts, dtype=float) for counts in (first, second, trials))
    if not len(place) == len(won) == len(lost) == len(asked):
        raise ValueError("pair, first, second and trials need one entry for each scenario")
    shares = {}
    for name, code in codes.items():
        here = place == code
        decided = won[here] + lost[here]
        shares[name] = ratio(won[here] / asked[here], decided / asked[here], decided=decided, level=level)
    return shares


def diversity(pairs: Iterable[NDArray[np.float32]], *, level: float = 0.95) -> Diversity:
    """Mean over value pairs of 1 - mean cosine of the texts within the pair.

    The mean over all m (m - 1) / 2 twosomes of a pair follows from the sum of its vectors, and so does the mean without any
    one of them, of which the jackknife makes the variance: twosomes that share a text are not independent. Coverage of the
    95 % interval, simulated with 3 pairs of 5 to 60 texts in 6 to 384 dimensions: 0.94-0.97.

    Args: pairs: for each value pair its unit vectors, shape (m, d); gone through once.
    Returns: undefined where no pair has two texts; without an interval where one has two only.
    Source: Efron & Stein (1981), Ann. Statist. 9(3):586-596 (jackknife variance of symmetric statistics).
    """
    means: list[float] = []
    variances: list[float] = []
    texts, left_out, fewest = 0, 0, math.inf
    for vectors in pairs:
        rows = np.asarray(vectors, dtype=float)
        m = len(rows)
        if m < 2:
            left_out += m
            continue
        texts += m
        fewest = min(fewest, m)
        total, norms = rows.sum(axis=0), np.einsum("ij,ij->i", rows, rows)
        twice_cosines = float(total @ total - norms.sum())  # each twosome counts twice, and so it does below
        means.append(1 - twice_cosines / (m * (m - 1)))
        if m > 2:
            without = (twice_cosines - 2 * (rows @ total - norms)) / ((m - 1) * (m - 2))
            variances.append(float((m - 1) / m * ((without - without.mean()) ** 2).sum()))
    if not means:
        return Diversity(Estimate.undefined("no value pair has two texts to compare", level=level), 0, left_out)
    mean = sum(means) / len(means)
    if len(variances) < len(means):
        no_interval = Estimate(mean, n=texts, warning="a pair has two texts only: no interval", level=level)
        return Diversity(no_interval, len(means), left_out)
    half = z_of(level) * math.sqrt(sum(variances)) / len(means)
    warning = f"a pair has {fewest} texts only: too few to trust the interval" if fewest < FEW_TEXTS else ""
    limits = max(mean - half, 0.0), min(mean + half, 2.0)
    return Diversity(Estimate(mean, *limits, n=texts, warning=warning, level=level), len(means), left_out)


def conjunction(outcomes: Sequence[Sequence[str | None]]) -> tuple[str | None, ...]:
    """All dimensions together: one fail fails; otherwise one unparsable makes it unparsable; otherwise pass.

    Args: outcomes: n scenarios by dimensions of "pass", "fail", "unparsable" or None (not asked).
    Returns: per scenario "fail", "unparsable", "pass", or None where nothing failed and not every dimension was asked.
    Raises: ValueError: another outcome.
    """
    joined: list[str | None] = []
    for row in outcomes:
        for outcome in row:
            if outcome is not None and outcome not in OUTCOMES:
                raise ValueError(f"an outcome is pass, fail or unparsable, got {outcome!r}")
        if "fail" in row:
            joined.append("fail")
        elif None in row or len(row) == 0:
            joined.append(None)
        else:
            joined.append("unparsable" if "unparsable" in row else "pass")
    return tuple(joined)


def pass_rates(
    outcomes: Sequence[Sequence[str | None]],
    *,
    dimensions: Sequence[str],
    counts: Sequence[int] | None = None,
    level: float = 0.95,
) -> PassRates:
    """Pass rate of each dimension and of all together, with Wilson intervals over scenarios.

    Args:
        outcomes: n scenarios by len(dimensions), as `conjunction`. Unparsable and unasked ones are left out of the
            denominator.
        counts: how many scenarios each row stands for; one each unless given.
    Raises: ValueError: a row of another length, counts of another number; as `conjunction`.
    """
    if any(len(row) != len(dimensions) for row in outcomes):
        raise ValueError(f"every scenario needs {len(dimensions)} outcomes")
    weights = [1] * len(outcomes) if counts is None else counts
    if len(weights) != len(outcomes):
        raise ValueError(f"{len(outcomes)} rows of outcomes need as many counts, got {len(weights)}")
    together = conjunction(outcomes)
    return PassRates(
        dimensions={
            name: _pass_rate([row[k] for row in outcomes], weights, level) for k, name in enumerate(dimensions)
        },
        all=_pass_rate(together, weights, level),
    )


def _mean_steps(steps: NDArray[np.float64], asked: NDArray[np.float64], level: float) -> Estimate:
    """Mean distance of two ratings, with the normal interval of a ratio over scenarios, inside 0 to 6."""
    n = len(asked)
    if n == 0:
        return Estimate.undefined("no llm rated both actions of a scenario", level=level)
    mean, error = float(steps.sum() / asked.sum()), ratio_se(steps, asked)
    if error is None:
        return Estimate(mean, n=n, warning="one scenario only: no interval", level=level)
    half = z_of(level) * error
    warning = f"{n} scenarios only: the interval is likely too narrow" if n < FEW_UNITS else ""
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 6.0), n=n, warning=warning, level=level)


def _pass_rate(outcomes: Sequence[str | None], weights: Sequence[int], level: float) -> PassRate:
    count = dict.fromkeys(OUTCOMES, 0)
    for outcome, weight in zip(outcomes, weights, strict=True):
        if outcome is not None:
            count[outcome] += weight
    passed, of = count["pass"], count["pass"] + count["fail"]
    rate = wilson(passed, of, level=level)
    if not rate.defined:
        rate = Estimate.undefined("no scenario has a pass or a fail", level=level)
    return PassRate(rate=rate, passed=passed, of=of, unparsable=count["unparsable"])
