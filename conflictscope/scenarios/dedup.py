"""Near-duplicates among the outlines of a value pair: found by exact cosine similarity, marked, never deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from conflictscope.scenarios.embedding import embed, packed, unpacked
from conflictscope.scenarios.models import Dataset, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

BLOCK = 1024  # rows and columns of a tile of the similarity matrix: 4 MB of float32
_WRITE_BATCH = 200


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
    found = nearest >= 0
    similarity = np.full(n - start, np.nan)
    similarity[found] = np.einsum(
        "ij,ij->i", vectors[start:][found].astype(np.float64), vectors[nearest[found]].astype(np.float64)
    )
    return nearest, similarity


def mark_duplicates(
    dataset: Dataset,
    *,
    threshold: float,
    embedding_model: str = "",
    earlier_first: Callable[[Scenario], tuple[int, ...]] | None = None,
) -> int:
    """Embed the outlines that have no vector yet and compare each with all earlier ones of its pair. Returns the duplicates.

    An outline at or above the threshold points at its most similar earlier twin, be that a duplicate itself or not. Outlines
    compared before stay as they are, so that the work grows with what is new. Each pair is written in one transaction.

    Args:
        earlier_first: which of the new outlines counts as earlier; by row number when None.
    """
    new = dataset.scenarios.filter(embedding__isnull=True, status=Scenario.Status.OUTLINED)
    pairs = new.order_by("value_1", "value_2").values_list("value_1", "value_2").distinct()
    return sum(
        _mark_pair(
            dataset, list(pair), threshold=threshold, embedding_model=embedding_model, earlier_first=earlier_first
        )
        for pair in pairs
    )


def _mark_pair(
    dataset: Dataset,
    pair: Sequence[int | None],
    *,
    threshold: float,
    embedding_model: str,
    earlier_first: Callable[[Scenario], tuple[int, ...]] | None,
) -> int:
    of_pair = dataset.scenarios.filter(value_1=pair[0], value_2=pair[1]).order_by("pk")
    new = list(of_pair.filter(embedding__isnull=True, status=Scenario.Status.OUTLINED))
    if earlier_first is not None:
        new.sort(key=earlier_first)
    known = [
        (pk, vector)
        for pk, vector in of_pair.filter(embedding__isnull=False).values_list("pk", "embedding")
        if vector is not None
    ]
    fresh = embed([f"{each.outline_context} {each.outline_opportunity}" for each in new], name=embedding_model)
    vectors = np.concatenate([unpacked([vector for _, vector in known]), fresh]) if known else fresh
    nearest, similarity = nearest_earlier(vectors, start=len(known))
    pks = [pk for pk, _ in known] + [each.pk for each in new]
    duplicates = 0
    for each, vector, twin, cosine in zip(new, fresh, nearest, similarity, strict=True):
        each.embedding = packed(vector)
        if twin < 0:
            continue
        each.similarity = float(cosine)
        if cosine >= threshold:
            each.status = Scenario.Status.DUPLICATE
            each.duplicate_of_id = pks[twin]
            duplicates += 1
    with transaction.atomic():
        Scenario.objects.bulk_update(
            new, ["embedding", "similarity", "status", "duplicate_of"], batch_size=_WRITE_BATCH
        )
    logger.info("Dataset %s: %s of %s new outlines of a pair are duplicates", dataset.pk, duplicates, len(new))
    return duplicates
