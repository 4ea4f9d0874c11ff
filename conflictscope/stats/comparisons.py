"""The Bradley-Terry likelihood on pair shares, fitted to one table or to thousands of resampled ones at once.

Arrays with a leading B hold B tables: weight (B, C) is the weight of each of C pairs, share (B, C) the share of it that
the pair's first value won. Strengths live in K - 1 coordinates of the plane where they sum to zero.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

MAX_ITERATIONS = 200
STEP_TOLERANCE = 1e-11
# Halving a Newton step this often makes it vanish beside the strengths.
MAX_HALVINGS = 40
# Log odds beyond this in a cell that was decided: the maximum is not finite.
RUN_AWAY = 25.0
# Keeps a step finite where a resample has nothing to say of some direction.
TINY_RIDGE = 1e-12


def block_basis(blocks: Sequence[Sequence[int]], size: int) -> Floats:
    """Basis of strengths that sum to zero within each block of values and are zero outside, shape (size, sum of k - 1)."""
    columns = [np.zeros((size, 0))]
    for block in blocks:
        part = np.zeros((size, len(block) - 1))
        part[list(block)] = basis(len(block))
        columns.append(part)
    return np.concatenate(columns, axis=1)


def basis(size: int) -> Floats:
    """Orthonormal basis of the vectors of `size` strengths that sum to zero, shape (size, size - 1).

    Helmert's: column j sets the first j + 1 values against the next one.
    """
    columns = np.zeros((size, size - 1))
    for j in range(size - 1):
        columns[: j + 1, j] = 1.0
        columns[j + 1, j] = -(j + 1.0)
        columns[:, j] /= math.sqrt((j + 1.0) * (j + 2.0))
    return columns


def design(pairs: Integers, size: int) -> Floats:
    """Rows x_c with x_c . beta = theta_first - theta_second, shape (C, size - 1)."""
    plane = basis(size)
    rows: Floats = plane[pairs[:, 0]] - plane[pairs[:, 1]]
    return rows


def wins_of(weight: Floats, share: Floats, pairs: Integers, size: int) -> Flags:
    """Whether value i ever beats value j, shape (B, K, K)."""
    beats = np.zeros((len(weight), size, size), dtype=bool)
    played = weight > 0
    beats[:, pairs[:, 0], pairs[:, 1]] = played & (share > 0)
    beats[:, pairs[:, 1], pairs[:, 0]] = played & (share < 1)
    return beats


def strongly_connected(beats: Flags) -> Flags:
    """Whether each value leads to each other by a chain of wins: then, and only then, the MLE is finite. Shape (B,).

    Source: Ford (1957), Am. Math. Mon. 64(8):28-33.
    """
    size = beats.shape[-1]
    reach = beats | np.eye(size, dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(size)))):
        steps = reach.astype(np.float32)
        reach = (steps @ steps).astype(bool)
    return np.asarray(reach.all(axis=(1, 2)))


def cut_off(beats: Flags, values: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The values that keep the MLE from being finite, and the sentence that says so; nothing where it is finite.

    Args: beats: shape (K, K), value i ever beats value j.
    """
    count, part = connected_components(beats, directed=True, connection="strong")
    if count == 1:
        return (), ""
    groups = [np.flatnonzero(part == p) for p in range(count)]
    # The largest group is what the others are cut off from; of equals the one that wins.
    main = max(groups, key=lambda group: (len(group), beats[group].sum()))
    cut: list[int] = []
    clauses = []
    for group in groups:
        if group is main:
            continue
        inside = np.zeros(len(values), dtype=bool)
        inside[group] = True
        wins, losses = beats[inside][:, ~inside].any(), beats[~inside][:, inside].any()
        if wins and losses:
            continue
        plural = len(group) > 1
        if losses:
            verb = "never win against the others" if plural else "never wins against the others"
        elif wins:
            verb = "never lose to the others" if plural else "never loses to the others"
        else:
            verb = "were never compared with the others" if plural else "was never compared with the others"
        clauses.append(f"{_listed([values[index] for index in group.tolist()])} {verb}")
        cut += group.tolist()
    return tuple(values[index] for index in sorted(cut)), "; ".join(clauses)


def fit(
    weight: Floats, share: Floats, pairs: Integers, size: int, *, alpha: float = 0.0, start: Floats | None = None
) -> tuple[Floats, Flags]:
    """Maximise sum_c weight_c [share_c log s + (1 - share_c) log(1 - s)] + alpha K sum_i log softmax(theta)_i,
    where s = sigma(theta_first - theta_second), by Newton with halved steps.

    Args:
        weight, share: shape (B, C); pairs: shape (C, 2).
        alpha: penalty of choix (its `alpha`), 0 for maximum likelihood, which must then be finite.
        start: shape (size,), where all B fits begin; zero if not given.
    Returns: theta, shape (B, size), each row summing to zero; whether each fit converged, shape (B,).
    Source: Bradley & Terry (1952), Biometrika 39(3/4):324-345; penalty: Maystre & Grossglauser (2015), NeurIPS 28.
    """
    plane = basis(size)
    beta, converged = solve(
        weight, share, design(pairs, size), plane, alpha=alpha, start=None if start is None else start @ plane
    )
    return beta @ plane.T, converged


def solve(
    weight: Floats, share: Floats, X: Floats, plane: Floats, *, alpha: float = 0.0, start: Floats | None = None
) -> tuple[Floats, Flags]:
    """The same for any design, covariates included, in its own coordinates.

    Args:
        weight, share: shape (B, J), by cell; X: shape (J, q), its rows times beta are the log odds of a cell.
        plane: shape (K, q), theta = plane beta; columns of covariates are zero. With a penalty covariates are drawn
            towards zero by alpha K / 2 times their square, so that all fits are finite.
        start: shape (q,), where all B fits begin; zero if not given.
    Returns: beta, shape (B, q); whether each fit converged, shape (B,). One that runs away (log odds beyond 25: the maximum
        is not finite) stops there and counts as not converged.
    """
    beta = np.tile(np.zeros(X.shape[1]) if start is None else start, (len(weight), 1))
    converged = np.zeros(len(weight), dtype=bool)
    lost = np.zeros(len(weight), dtype=bool)
    if X.shape[1] == 0:
        return beta, np.ones(len(weight), dtype=bool)
    for _ in range(MAX_ITERATIONS):
        todo = np.flatnonzero(~converged & ~lost)
        if len(todo) == 0:
            break
        w, p, b = weight[todo], share[todo], beta[todo]
        slope, curve = derivatives(b, w, p, X, plane, alpha)
        step = np.linalg.solve(curve + TINY_RIDGE * np.eye(X.shape[1]), slope[:, :, None])[:, :, 0]
        before = objective(b, w, p, X, plane, alpha)
        # Rounding may make the last, tiny steps look like a loss.
        slack = 1e-12 * (1 + np.abs(before))
        for _ in range(MAX_HALVINGS):
            worse = objective(b + step, w, p, X, plane, alpha) < before - slack
            if not worse.any():
                break
            step[worse] /= 2
        beta[todo] = b + step
        converged[todo] = np.abs(step).max(axis=1) < STEP_TOLERANCE * (1 + np.abs(b).max(axis=1))
        lost[todo] = (np.abs(beta[todo] @ X.T) * (w > 0)).max(axis=1) > RUN_AWAY
    return beta, converged & ~lost


def objective(beta: Floats, weight: Floats, share: Floats, X: Floats, plane: Floats, alpha: float) -> Floats:
    """What `fit` maximises, shape (B,)."""
    eta = beta @ X.T
    value: Floats = -(weight * (share * np.logaddexp(0, -eta) + (1 - share) * np.logaddexp(0, eta))).sum(axis=1)
    if alpha:
        theta = beta @ plane.T
        size = plane.shape[0]
        value = value + alpha * size * (theta.sum(axis=1) - size * np.logaddexp.reduce(theta, axis=1))
        value = value - alpha * size / 2 * (beta[:, ~plane.any(axis=0)] ** 2).sum(axis=1)
    return value


def derivatives(
    beta: Floats, weight: Floats, share: Floats, X: Floats, plane: Floats, alpha: float
) -> tuple[Floats, Floats]:
    """Gradient (B, K - 1) and negative Hessian (B, K - 1, K - 1) of the objective."""
    chance = expit(beta @ X.T)
    slope = (weight * (share - chance)) @ X
    size = X.shape[1]
    # One matrix product over the flattened outer products: far cheaper than an einsum where tables are few or many.
    squares = (X[:, :, None] * X[:, None, :]).reshape(len(X), size * size)
    curve = ((weight * chance * (1 - chance)) @ squares).reshape(-1, size, size)
    if alpha:
        theta = beta @ plane.T
        size = plane.shape[0]
        soft = np.exp(theta - np.logaddexp.reduce(theta, axis=1)[:, None])
        slope = slope + alpha * size * ((1 - size * soft) @ plane)
        spread = soft[:, :, None] * (np.eye(size) - soft[:, None, :])
        curve = curve + alpha * size**2 * (plane.T @ spread @ plane)
        drawn = alpha * size * ~plane.any(axis=0)
        slope, curve = slope - drawn * beta, curve + np.diag(drawn)
    return slope, curve


def _listed(names: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
