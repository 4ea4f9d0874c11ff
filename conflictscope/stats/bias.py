"""Whether answers follow the place of an option, or the action that acts, rather than a value."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conflictscope.stats.intervals import ratio, z_of
from conflictscope.stats.tallies import Tallies
from conflictscope.stats.types import Estimate, Result

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PositionBias(Result):
    """What asking in both orders shows.

    Attributes:
        alike: share of the scenarios decided in both orders that were answered alike (with several samples an order, of their
            twosomes of answers, one from each order), interval by scenario.
        followed: share of the same in which the same position won both times, so that the place decided and not what stood
            there; interval by scenario.
        first: of comparisons of an answer in one order with one in the other that differ, the share in which the option
            shown first won both times; interval by scenario, n = scenarios with such a comparison.
        effect: log odds by which being shown first helps an option (coded +-1/2); n as of `first`.
        n_first, n_last: scenarios (with one sample an order) where the first, or the last, won both times; with more
            samples sums of shares.
        asked: scenarios decided in both orders.
    """

    alike: Estimate
    followed: Estimate
    first: Estimate
    effect: Estimate
    n_first: float
    n_last: float
    asked: int


def alike_in_both_orders(tallies: Tallies) -> tuple[Flags, Floats]:
    """Scenarios decided in both orders, shape (S,), and how far each was answered alike, shape (S,).

    That is the share of its twosomes of decided trials, one from each order, in which the same value won: 0 or 1 with one
    sample an order; 0 where it was not decided in both.
    """
    share, asked = _shares_by_order(tallies)
    alike = share[0] * share[1] + (1 - share[0]) * (1 - share[1])
    return asked, np.where(asked, alike, 0.0)


def _shares_by_order(tallies: Tallies) -> tuple[Floats, Flags]:
    """Win share of the pair's first value where it was shown first, and last, shape (2, S); decided in both, shape (S,)."""
    size = len(tallies.pair)
    order = tallies.cell_order[tallies.row_cell]
    won, of = np.zeros((2, 2, size))
    for side, here in enumerate((order > 0, order < 0)):
        won[side] = np.bincount(tallies.row_scenario[here], weights=tallies.row_wins[here], minlength=size)
        of[side] = np.bincount(tallies.row_scenario[here], weights=tallies.row_decided[here], minlength=size)
    return won / np.where(of > 0, of, 1.0), np.asarray((of > 0).all(axis=0))


def position_bias(tallies: Tallies, *, level: float = 0.95) -> PositionBias:
    """How far answers follow the position of the options, from scenarios decided in both orders.

    With one sample an order, effect = log(n_first / n_last) and its SE is sqrt(1 / n_first + 1 / n_last); with several, a
    scenario counts the share of its twosomes of answers, one from each order, in which the same position won, and the SE
    is by scenario.

    Returns: what is undefined says why: no scenario was decided in both orders, or one position won every time.
    Source: McNemar (1947), Psychometrika 12(2):153-157; conditional logit of a pair: Cox (1958), Biometrika 45(3/4).
    """
    asked, alike = alike_in_both_orders(tallies)
    n = int(asked.sum())
    if n == 0:
        none = Estimate.undefined("no scenario was decided in both orders", level=level)
        return PositionBias(none, none, none, none, 0.0, 0.0, 0)
    share = _shares_by_order(tallies)[0][:, asked]
    first, last = share[0] * (1 - share[1]), (1 - share[0]) * share[1]
    differ = first + last
    n_first, n_last = float(first.sum()), float(last.sum())
    some = differ > 0
    return PositionBias(
        alike=ratio(alike[asked], np.ones(n), level=level),
        followed=ratio(differ, np.ones(n), level=level),
        first=ratio(first[some], differ[some], level=level)
        if some.any()
        else Estimate.undefined("every scenario was answered alike in both orders", n, level=level),
        effect=_effect(first, last, level),
        n_first=n_first,
        n_last=n_last,
        asked=n,
    )


def action_share(tallies: Tallies, *, level: float = 0.95) -> Estimate:
    """Share of decided trials whose choice is the action that takes the opportunity, interval by scenario.

    Of scenarios where it is known which action acts; one half where only values decide and actions are balanced. The effect
    in log odds is a covariate of the ranking.
    """
    action = tallies.cell_action[tallies.row_cell]
    known = action != 0
    if not known.any():
        return Estimate.undefined("it is not known which action takes the opportunity", level=level)
    taken = np.where(action > 0, tallies.row_wins, tallies.row_decided - tallies.row_wins)[known]
    size = len(tallies.pair)
    top = np.bincount(tallies.row_scenario[known], weights=taken, minlength=size)
    bottom = np.bincount(tallies.row_scenario[known], weights=tallies.row_decided[known], minlength=size)
    trials = np.bincount(tallies.row_scenario[known], weights=tallies.row_trials[known], minlength=size)
    asked = trials > 0
    return ratio(top[asked] / trials[asked], bottom[asked] / trials[asked], decided=bottom[asked], level=level)


def _effect(first: Floats, last: Floats, level: float) -> Estimate:
    n_first, n_last = float(first.sum()), float(last.sum())
    n = int((first + last > 0).sum())
    if n_first == 0 and n_last == 0:
        return Estimate.undefined(
            "every scenario was answered alike in both orders: no position won twice", level=level
        )
    if n_first == 0 or n_last == 0:
        which = "shown first" if n_last == 0 else "shown last"
        return Estimate.undefined(
            f"wherever the answers differ, the option {which} won: its effect has no finite estimate", n, level=level
        )
    # One sample an order: first and last are 0 or 1, and the sum below is 1 / n_first + 1 / n_last.
    pull = first / n_first - last / n_last
    half = z_of(level) * math.sqrt(float((pull**2).sum()))
    effect = math.log(n_first / n_last)
    fewest = min(n_first, n_last)
    warning = f"one position won {fewest:g} times only: the interval is rough" if fewest < 5 else ""
    return Estimate(effect, effect - half, effect + half, n=n, warning=warning, level=level)
