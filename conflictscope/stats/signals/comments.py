"""Comments that are copied: the same words on another item, or by somebody else."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from conflictscope.stats.types import Result

# Shorter ones ("not sure", "see above") are the same by chance.
SHORTEST = 25
_NO_WORD = re.compile(r"[\W\d_]+")


@dataclass(frozen=True)
class CopiedComments(Result):
    """Of a person's comments of some length: how many there are, how many they wrote on another item before, and how many somebody
    else wrote too."""

    written: int
    repeated: int
    shared: int


def copied_comments(comments: Sequence[tuple[int, int, str]], people: int) -> list[CopiedComments]:
    """Args: comments: person, item and words of each. Returns: for each person in order; case, digits and punctuation are nothing."""
    where: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for person, item, text in comments:
        words = _NO_WORD.sub(" ", text.casefold()).strip()
        if len(words) >= SHORTEST:
            where[words].append((person, item))
    written, repeated, shared = [0] * people, [0] * people, [0] * people
    for places in where.values():
        authors = {person for person, _ in places}
        for person in authors:
            items = {item for author, item in places if author == person}
            written[person] += len(items)
            repeated[person] += len(items) - 1
            shared[person] += len(items) if len(authors) > 1 else 0
    return [CopiedComments(*row) for row in zip(written, repeated, shared, strict=True)]
