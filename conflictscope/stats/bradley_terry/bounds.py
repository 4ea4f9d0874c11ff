"""How far undecided trials could move a ranking, if all of them went to one side."""

import numpy as np

from conflictscope.stats import comparisons
from conflictscope.stats.bradley_terry.task import sums
from conflictscope.stats.rankings import CreditedStrength
from conflictscope.stats.tallies import Tallies


def undecided_bounds(tallies: Tallies) -> tuple[CreditedStrength, ...]:
    """For each value its strength if every undecided trial of its pairs went against it, and if every one went to it.

    The pairs without the value keep the trials that were decided. These are no confidence limits: they say what the
    undecided trials could do, not what other scenarios would. Order and action are not taken out.

    Returns: per value low and high with the ranks there, None where that leaves no finite fit, or nothing was asked.
    Source: Manski (1990), Am. Econ. Rev. 80(2):319-323 (bounds without assumptions about what is missing).
    """
    size, pairs = len(tallies.values), len(tallies.pairs)
    blank = [CreditedStrength(value, None, None, None, None) for value in tallies.values]
    if not pairs:
        return tuple(blank)
    scenarios = np.bincount(tallies.pair, minlength=pairs).astype(float)
    decided = sums(tallies.pair, tallies.d, pairs)
    answered = sums(tallies.pair, (tallies.d > 0).astype(float), pairs)
    weight, share = np.empty((2, 2 * size, pairs))
    plain = sums(tallies.pair, tallies.y, pairs) / np.where(decided > 0, decided, 1.0)
    for k in range(size):
        mine = (tallies.pairs == k).any(axis=1)
        for row, helped in ((2 * k, False), (2 * k + 1, True)):
            toward = (tallies.pairs[:, 0] == k) == helped
            credited = sums(tallies.pair, tallies.credited(toward), pairs) / scenarios
            share[row] = np.where(mine, credited, plain)
            weight[row] = np.where(mine, scenarios, answered)
    share = np.where(share > 1 - 1e-12, 1.0, np.where(share < 1e-12, 0.0, share))
    finite = comparisons.strongly_connected(comparisons.wins_of(weight, share, tallies.pairs, size))
    theta = np.full((2 * size, size), np.nan)
    if finite.any():
        theta[finite] = comparisons.fit(weight[finite], share[finite], tallies.pairs, size)[0]
    strengths = []
    for k, value in enumerate(tallies.values):
        ends = []
        for row in (2 * k, 2 * k + 1):
            known = bool(finite[row])
            strength = float(theta[row, k]) if known else None
            rank = int(1 + (theta[row] - theta[row, k] > 1e-9).sum()) if known else None
            ends.append((strength, rank))
        strengths.append(CreditedStrength(value, ends[0][0], ends[1][0], ends[1][1], ends[0][1]))
    return tuple(strengths)
