"""Two texts beside each other, with the words marked in which they differ."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from conflictscope.scenarios.search import Piece

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def differences(first: str, second: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces; marked is what the other has not in this order. Capital letters make no difference."""
    ours, theirs = _TOKEN.findall(first), _TOKEN.findall(second)
    matcher = SequenceMatcher(
        a=[token.casefold() for token in ours], b=[token.casefold() for token in theirs], autojunk=False
    )
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        _add(left, "".join(ours[start:end]), differs=kind != "equal")
        _add(right, "".join(theirs[other_start:other_end]), differs=kind != "equal")
    return left, right


def _add(side: list[Piece], text: str, *, differs: bool) -> None:
    if not text:
        return
    # White space and commas alone tell no difference.
    marked = differs and any(character.isalnum() for character in text)
    if side and side[-1].marked == marked:
        side[-1] = Piece(side[-1].text + text, marked)
    else:
        side.append(Piece(text, marked))
