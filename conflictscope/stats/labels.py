"""Answers as integer codes: every statistic on labels starts here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Label = str | int
Answers = Sequence[Label | None]
Codes = NDArray[np.int64]

MISSING = -1


def encode(answers: Answers, categories: Sequence[Label]) -> Codes:
    """Positions of the answers in the list of categories; -1 where there is no answer (None).

    Args: answers: n labels; categories: every label that can be given, in order, each once.
    Raises: ValueError: fewer than two categories, one of them twice, or an answer that is none of them.
    """
    place = {category: index for index, category in enumerate(categories)}
    if len(place) != len(categories) or len(place) < 2:
        raise ValueError(f"categories must be two or more different labels, got {list(categories)}")
    codes = np.full(len(answers), MISSING, dtype=np.int64)
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        if answer not in place:
            raise ValueError(f"answer {answer!r} at position {index} is none of {list(categories)}")
        codes[index] = place[answer]
    return codes


def encode_table(labels: Sequence[Answers], categories: Sequence[Label]) -> Codes:
    """Codes of n items (rows) by r annotators (columns), shape (n, r); -1 where an annotator was not asked.

    Raises: ValueError: rows of different lengths; and as `encode`.
    """
    widths = {len(row) for row in labels}
    if len(widths) > 1:
        raise ValueError(f"every item needs one cell for each annotator, got rows of {sorted(widths)} cells")
    width = widths.pop() if widths else 0
    flat = [answer for row in labels for answer in row]
    return encode(flat, categories).reshape(len(labels), width)
