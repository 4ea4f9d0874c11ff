"""What is fitted: the tallies by cell as a method sees them, the groups that can be compared, and the strengths."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from conflictscope.stats import comparisons
from conflictscope.stats.bias import alike_in_both_orders
from conflictscope.stats.clusters import whole
from conflictscope.stats.intervals import ratio
from conflictscope.stats.rankings import Counts
from conflictscope.stats.tallies import Tallies

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Method = Literal["mle", "penalised", "authors"]

COVARIATES = ("order", "action")
# An effect this large has run away with the fit.
NO_ESTIMATE = 8.0
# With fewer scenarios of a pair answered alike in both orders the answers tell of positions, not of values.
FEWEST_ALIKE = 5


@dataclass(frozen=True)
class Groups:
    """How the values hang together.

    Attributes:
        compared: values that were compared with each other, directly or by others; those in no decided scenario are in none.
        blocks: within each of these the largest set in which each value leads to each other by a chain of wins.
        reason: why not every group is one block, in words; empty where each is.
        cut_off: the values that keep the others from a finite fit.
    """

    compared: tuple[tuple[int, ...], ...]
    blocks: tuple[tuple[int, ...], ...]
    reason: str
    cut_off: tuple[str, ...]


class Task:
    """The tallies as the chosen method sees them.

    `y` and `d` (S,) enter the shares, `row_y` and `row_d` (R,) the same by cell; `weight` and `share` (J,) enter the fit,
    `asked` are the tallies as given, `tallies` the same with cells told apart by the covariates in use only; `X` (J, q) is the design in coordinates of which `plane` (K, q) makes strengths; `beta` (q,) is what the fit gives, and
    `theta` (K,) its strengths, nan outside the blocks. Where there is no fit at all, `reason` says why.
    """

    def __init__(
        self, tallies: Tallies, method: Method, alpha: float, level: float, covariates: tuple[str, ...] | None = None
    ) -> None:
        self.asked = tallies
        self.covariates = _covariates(tallies, method, covariates)
        tallies = tallies.merged(order="order" in self.covariates, action="action" in self.covariates)
        self.tallies, self.method, self.level, self.alpha = tallies, method, level, alpha
        self.size = len(tallies.values)
        self.penalty = 0.0 if method == "mle" else alpha
        if method == "authors":
            self.y, self.d = tallies.wins.astype(float), tallies.trials.astype(float)
            self.row_y, self.row_d = tallies.row_wins.astype(float), tallies.row_trials.astype(float)
            self.mass = self.d
        else:
            self.y, self.d = tallies.y, tallies.d
            self.row_y, self.row_d = tallies.row_y, tallies.row_d
            self.mass = (self.d > 0).astype(float)
        pairs = len(tallies.pairs)
        self.pair_weight = sums(tallies.pair, self.mass, pairs)
        self.pair_of = sums(tallies.pair, self.d, pairs)
        self.pair_share = shares(sums(tallies.pair, self.y, pairs), self.pair_of)
        # What a decided trial of a pair weighs, so that a pair weighs as many as its decided scenarios.
        self.per_decided = np.where(
            self.pair_of > 0, self.pair_weight / np.where(self.pair_of > 0, self.pair_of, 1), 0.0
        )
        cells = len(tallies.cell_pair)
        of = sums(tallies.row_cell, self.row_d, cells)
        self.weight = self.per_decided[tallies.cell_pair] * of
        self.share = shares(sums(tallies.row_cell, self.row_y, cells), of)
        self.groups = self._groups()
        self.reason, self.cut_off = self.groups.reason, self.groups.cut_off
        if not self.weight.any():
            self.cut_off, self.reason = tallies.values, "no scenario was decided"
        self.no_preference = self._no_preference()
        self._fit()

    def column(self, name: str) -> Floats:
        """The +-1/2 column of a covariate, shape (J,)."""
        return self.tallies.cell_order if name == "order" else self.tallies.cell_action

    def beats(self) -> Flags:
        """Whether value i ever beats value j, shape (K, K)."""
        return np.asarray(
            comparisons.wins_of(self.pair_weight[None], self.pair_share[None], self.tallies.pairs, self.size)[0]
        )

    def _groups(self) -> Groups:
        played = self.pair_weight > 0
        if self.method == "authors":
            everyone = tuple(range(self.size))
            return Groups((everyone,), (everyone,) if played.any() else (), "", ())
        ends = self.tallies.pairs[played]
        edges = np.zeros((self.size, self.size))
        edges[ends[:, 0], ends[:, 1]] = 1
        parts = connected_components(edges, directed=False)[1]
        present = np.unique(ends)
        compared = [tuple(int(k) for k in present[parts[present] == part]) for part in np.unique(parts[present])]
        beats = self.beats()
        if self.method == "penalised":
            return Groups(tuple(compared), tuple(compared), "", ())
        blocks: list[tuple[int, ...]] = []
        reasons: list[str] = []
        cut: list[str] = []
        for group in compared:
            inside = beats[np.ix_(group, group)]
            names, why = comparisons.cut_off(inside, [self.tallies.values[k] for k in group])
            chains = connected_components(inside, directed=True, connection="strong")[1]
            largest = np.bincount(chains).argmax()
            blocks.append(tuple(k for k, chain in zip(group, chains, strict=True) if chain == largest))
            if why:
                reasons.append(why)
                cut += names
        why = f"no finite maximum likelihood fit: {'; '.join(reasons)}; the penalised fit is finite" if reasons else ""
        in_order = tuple(value for value in self.tallies.values if value in cut)
        return Groups(tuple(compared), tuple(blocks), why, in_order)

    @cached_property
    def whole(self) -> Flags:
        """Values whose whole group has a finite fit, shape (K,)."""
        flags = np.zeros(self.size, dtype=bool)
        for group, block in zip(self.groups.compared, self.groups.blocks, strict=True):
            flags[list(block)] = len(group) == len(block)
        return flags

    def _no_preference(self) -> str:
        """Why the answers tell of positions and not of values; empty where they tell of values."""
        if self.method == "authors":
            return ""
        asked, alike = alike_in_both_orders(self.asked)
        pairs = max(len(np.unique(self.asked.pair[asked])), 1)
        if asked.sum() < FEWEST_ALIKE * pairs or alike[asked].sum() >= FEWEST_ALIKE * pairs:
            return ""
        return (
            f"no preference to report: of {int(asked.sum())} scenarios answered in both orders only "
            f"{whole(float(alike[asked].sum()))} were answered alike, fewer than {FEWEST_ALIKE} a pair; the others follow the position"
        )

    def _fit(self) -> None:
        tallies = self.tallies
        group = np.full(self.size, -1)
        for number, block in enumerate(self.groups.blocks):
            group[list(block)] = number
        ends = group[tallies.pairs[tallies.cell_pair]].reshape(-1, 2)
        self.used = (ends[:, 0] == ends[:, 1]) & (ends[:, 0] >= 0)
        plane = comparisons.block_basis(self.groups.blocks, self.size)
        effects = np.column_stack([np.zeros((len(tallies.cell_pair), 0))] + [self.column(c) for c in self.covariates])
        first, second = tallies.pairs[tallies.cell_pair].reshape(-1, 2).T
        self.X: Floats = np.column_stack([plane[first] - plane[second], effects])
        self.plane: Floats = np.column_stack([plane, np.zeros((self.size, len(self.covariates)))])
        self.weight = np.where(self.used, self.weight, 0.0)
        self.theta = np.full(self.size, np.nan)
        self.beta = np.full(self.X.shape[1], np.nan)
        self.fitted = False
        if plane.shape[1] == 0 or not self.weight.any() or self.no_preference:
            self.reason = self.reason or self.no_preference
            return
        solutions, converged = comparisons.solve(
            self.weight[None], self.share[None], self.X, self.plane, alpha=self.penalty
        )
        if not converged[0]:
            self.reason = self._diverged(solutions[0])
            return
        self.beta, self.fitted = solutions[0], True
        inside = group >= 0
        self.theta[inside] = (self.plane @ self.beta)[inside]

    def _diverged(self, beta: Floats) -> str:
        effects = dict(zip(self.covariates, beta[len(beta) - len(self.covariates) :], strict=True))
        if abs(effects.get("order", 0.0)) > NO_ESTIMATE:
            self.no_preference = "no preference to report: the answers follow the position of the options, whose effect has no finite estimate"
            return self.no_preference
        if abs(effects.get("action", 0.0)) > NO_ESTIMATE:
            return (
                "no finite maximum likelihood fit: the answers follow which action takes the opportunity; "
                "the penalised fit is finite"
            )
        if np.abs(beta).max() > NO_ESTIMATE:
            return "no finite maximum likelihood fit once order and action are taken out; the penalised fit is finite"
        return f"the fit did not converge in {comparisons.MAX_ITERATIONS} steps"

    @cached_property
    def chance(self) -> Floats:
        """Fitted share of each cell, shape (J,)."""
        fitted: Floats = expit(self.X @ self.beta)
        return fitted

    def scenario_scores(self, *, centred: bool) -> Floats:
        """What each scenario adds to the estimating equations, shape (S, q); centred by pair as a ratio is."""
        tallies = self.tallies
        used = self.used[tallies.row_cell]
        pull = np.where(used, self.row_y - self.chance[tallies.row_cell] * self.row_d, 0.0)
        rows = (self.per_decided[tallies.cell_pair[tallies.row_cell]] * pull)[:, None] * self.X[tallies.row_cell]
        scores = np.stack([sums(tallies.row_scenario, column, len(tallies.pair)) for column in rows.T], axis=1)
        if not centred:
            return scores
        pairs = len(tallies.pairs)
        total = np.stack([sums(tallies.pair, column, pairs) for column in scores.T], axis=1)
        per = total / np.where(self.pair_of > 0, self.pair_of, 1.0)[:, None]
        left: Floats = scores - per[tallies.pair] * self.d[:, None]
        return left

    @cached_property
    def bread(self) -> Floats:
        """Inverse of the negative Hessian, shape (q, q)."""
        curve = comparisons.derivatives(
            self.beta[None], self.weight[None], self.share[None], self.X, self.plane, self.penalty
        )[1][0]
        return np.linalg.inv(curve)

    def scenarios_of_values(self) -> list[int]:
        """Scenarios with a trial that counts, for each value."""
        ends = self.tallies.pairs[self.tallies.pair[self.d > 0]].reshape(-1)
        return [int(count) for count in np.bincount(ends, minlength=self.size)]

    def counts(self) -> Counts:
        tallies = self.tallies
        trials, decided = int(tallies.trials.sum()), int(tallies.decided.sum())
        blank = (tallies.trials - tallies.decided).astype(float)
        return Counts(
            scenarios=len(tallies.pair),
            decided_scenarios=int((tallies.decided > 0).sum()),
            trials=trials,
            decided_trials=decided,
            undecided=ratio(blank, tallies.trials.astype(float), decided=tallies.trials, level=self.level),
        )


def _covariates(tallies: Tallies, method: Method, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Those asked for, or all, that occur both ways among decided trials; none in the authors' method."""
    if method == "authors":
        return ()
    decided = np.bincount(tallies.row_cell, weights=tallies.row_decided, minlength=len(tallies.cell_pair)) > 0
    columns = {"order": tallies.cell_order[decided], "action": tallies.cell_action[decided]}
    names = COVARIATES if wanted is None else wanted
    return tuple(name for name in names if (columns[name] > 0).any() and (columns[name] < 0).any())


def sums(index: Integers, x: Floats, size: int) -> Floats:
    """Sum of x over the entries of each index, shape (size,)."""
    return np.bincount(index, weights=x, minlength=size).astype(np.float64)


def shares(won: Floats, of: Floats) -> Floats:
    """won / of, one half where nothing was decided; rounding must not turn a share of one into a first defeat."""
    known = of > 0
    share = np.where(known, won / np.where(known, of, 1.0), 0.5)
    share = np.where(known & (won < of * 1e-12), 0.0, share)
    return np.where(known & (won > of * (1 - 1e-12)), 1.0, share)
