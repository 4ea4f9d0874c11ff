"""Where a query matches in a text, for a page to mark: worked out from the text, so alike on every database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from conflictscope.scenarios.search.query import Query, Term

_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, marked or not."""

    text: str
    marked: bool


def pieces(text: str, query: Query) -> list[Piece]:
    """The whole text, cut at the matches; one piece where there is none."""
    cut = []
    end = 0
    for start, stop in _spans(text, query):
        if start > end:
            cut.append(Piece(text[end:start], marked=False))
        cut.append(Piece(text[start:stop], marked=True))
        end = stop
    if end < len(text) or not cut:
        cut.append(Piece(text[end:], marked=False))
    return cut


def excerpt(texts: Sequence[str], query: Query, *, length: int = 220) -> list[Piece]:
    """The part of the one text that most terms match in, around its first match; the start of the first text for no match.

    Args: texts: in order of preference; of two with as many matching terms the first is taken. length: about so many
        characters.
    """
    best = max(texts, key=lambda text: sum(_pattern(term).search(text) is not None for term in query.terms), default="")
    first = next(iter(_spans(best, query)), (0, 0))[0]
    start = max(first - length // 3, 0)
    if start:
        start = best.find(" ", start, first) + 1 or first
    end = len(best)
    if end - start > length:
        end = best.rfind(" ", start, start + length)
        end = end if end > first else start + length
    shown = best[start:end]
    return pieces(_ELLIPSIS * (start > 0) + shown + _ELLIPSIS * (end < len(best)), query)


def _spans(text: str, query: Query) -> list[tuple[int, int]]:
    """Matches of any term, in order and apart from each other."""
    spans = sorted(match.span() for term in query.terms for match in _pattern(term).finditer(text))
    apart: list[tuple[int, int]] = []
    for start, end in spans:
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], end))
        else:
            apart.append((start, end))
    return apart


def _pattern(term: Term) -> re.Pattern[str]:
    words = r"[\W_]+".join(re.escape(word) for word in term.words)
    return re.compile(rf"(?<![^\W_]){words}" + (r"[^\W_]*" if term.prefix else r"(?![^\W_])"), re.IGNORECASE)
