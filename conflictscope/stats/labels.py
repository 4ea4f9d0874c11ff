"""Answers as integer codes: every statistic on labels starts here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Label = str | int
Codes = NDArray[np.int8]
Answers = Sequence[Label | None] | Codes

MISSING = -1
# Codes are kept in a byte each: a hundred thousand items by sixty people are six megabytes.
MOST_CATEGORIES = 126


def encode(answers: Answers, categories: Sequence[Label]) -> Codes:
    """Positions of the answers in the list of categories; -1 where there is no answer (None).

    Args:
        answers: n labels, None = no answer; or codes already, as an array of int8 (any other array is taken as labels).
        categories: every label that can be given, in order, each once.
    Raises: ValueError: fewer than two categories or more than 126, one of them twice, or an answer that is none of them.
    """
    place = _places(categories)
    if isinstance(answers, np.ndarray):
        if answers.dtype == np.int8:
            return _checked(answers, categories)
        answers = answers.tolist()
    unknown = len(place)
    codes = np.fromiter(
        (MISSING if answer is None else place.get(answer, unknown) for answer in answers),
        dtype=np.int8,
        count=len(answers),
    )
    if (codes == unknown).any():
        index = int((codes == unknown).argmax())
        raise ValueError(f"answer {answers[index]!r} at position {index} is none of {list(categories)}")
    return codes


def encode_table(labels: Sequence[Answers] | Codes, categories: Sequence[Label]) -> Codes:
    """Codes of n items (rows) by r annotators (columns), shape (n, r); -1 where an annotator was not asked.

    Args: labels: n rows of r answers; or codes already, as an array of int8 of shape (n, r).
    Raises: ValueError: rows of different lengths; and as `encode`.
    """
    if isinstance(labels, np.ndarray) and labels.dtype == np.int8:
        if labels.ndim != 2:
            raise ValueError(f"a table of codes has items as rows and annotators as columns, got shape {labels.shape}")
        _places(categories)
        return _checked(labels, categories)
    widths = {len(row) for row in labels}
    if len(widths) > 1:
        raise ValueError(f"every item needs one cell for each annotator, got rows of {sorted(widths)} cells")
    width = widths.pop() if widths else 0
    flat = [answer for row in labels for answer in row]
    return encode(flat, categories).reshape(len(labels), width)


def spread(items: ArrayLike, annotators: ArrayLike, answers: Codes, *, shape: tuple[int, int]) -> Codes:
    """The table of answers that were given in long form, one row an answer.

    Args:
        items, annotators: row and column of each answer, shape (m,); answers: its code, shape (m,), int8.
        shape: number of items and of annotators.
    Returns: shape (n, r), -1 where nobody answered.
    Raises: ValueError: lengths differ, a position outside the shape, two answers of one annotator to one item.
    """
    row, column = np.asarray(items, dtype=np.int64), np.asarray(annotators, dtype=np.int64)
    if not row.shape == column.shape == answers.shape or row.ndim != 1:
        raise ValueError("items, annotators and answers need one entry for each answer")
    if len(row) and not (row.min() >= 0 and row.max() < shape[0] and column.min() >= 0 and column.max() < shape[1]):
        raise ValueError(f"an answer lies outside the {shape[0]} items and {shape[1]} annotators")
    table = np.full(shape, MISSING, dtype=np.int8)
    cell = row * shape[1] + column
    if len(np.unique(cell)) < len(cell):
        raise ValueError("an annotator has answered an item twice: keep the answer that counts")
    table.reshape(-1)[cell] = answers
    return table


def _places(categories: Sequence[Label]) -> dict[Label, int]:
    place = {category: index for index, category in enumerate(categories)}
    if len(place) != len(categories) or not 2 <= len(place) <= MOST_CATEGORIES:
        raise ValueError(f"categories must be two or more different labels, got {list(categories)}")
    return place


def _checked(codes: Codes, categories: Sequence[Label]) -> Codes:
    if codes.size and not (codes.min() >= MISSING and codes.max() < len(categories)):
        raise ValueError(f"codes lie from -1 (no answer) to {len(categories) - 1}, the last of {list(categories)}")
    return codes
