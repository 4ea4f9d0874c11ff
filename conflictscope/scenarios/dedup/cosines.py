"""The nearest earlier vector of each vector, exactly, without the whole matrix of cosines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1024  # rows and columns of a tile of the similarity matrix: 4 MB of float32


def nearest_earlier(
    vectors: NDArray[np.float32], *, start: int = 0, block: int = BLOCK
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each row from `start` on, which earlier row is most similar to it, and how similar.

    Every pair of rows is compared, tile by tile, so that the whole matrix never stands in memory.

    Args: vectors: unit vectors, shape (n, d); the first `start` rows are only compared with. block: edge of a tile, >= 1.
    Returns: indices, shape (n - start,), -1 for the very first row; cosines in float64, shape (n - start,), nan there.
        Of equally similar rows the first counts.
    Raises: ValueError: start or block out of range, or vectors is no matrix.
    """
    if vectors.ndim != 2 or not 0 <= start <= len(vectors) or block < 1:
        raise ValueError(f"vectors of shape {vectors.shape} with start {start} and block {block}")
    n = len(vectors)
    nearest = np.full(n - start, -1, dtype=np.int64)
    best = np.full(n - start, -np.inf, dtype=np.float32)
    for top in range(start, n, block):
        rows = vectors[top : top + block]
        index = np.arange(top, top + len(rows))
        for left in range(0, top + len(rows), block):
            columns = vectors[left : min(left + block, top + len(rows))]
            tile = rows @ columns.T
            if left + len(columns) > top:  # the tile reaches the diagonal: nothing is earlier than itself
                tile[np.arange(left, left + len(columns))[None, :] >= index[:, None]] = -np.inf
            winner = tile.argmax(axis=1)
            value = tile[np.arange(len(rows)), winner]
            here = slice(top - start, top - start + len(rows))
            better = value > best[here]
            best[here] = np.where(better, value, best[here])
            nearest[here] = np.where(better, winner + left, nearest[here])
    # The one cosine that decides is computed again on its own, in double precision: a product of matrices rounds
    # differently with its size, and the verdict must not depend on how many outlines were compared at once.
    has_earlier = nearest >= 0
    similarity = np.full(n - start, np.nan)
    similarity[has_earlier] = np.einsum(
        "ij,ij->i", vectors[start:][has_earlier].astype(np.float64), vectors[nearest[has_earlier]].astype(np.float64)
    )
    return nearest, similarity
