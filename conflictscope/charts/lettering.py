"""How wide text will be, and where to break it: the renderer is told, not asked."""

import re
from collections.abc import Sequence

_NARROW = frozenset("ijltfrI.,:;|!'\"()[]{}-/ ")
_WIDE = frozenset("mwMW@%—…")


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels that the text takes in the charts' typeface at this size, erring on the wide side."""
    ems = 0.0
    for character in text:
        if character in _NARROW:
            ems += 0.36
        elif character in _WIDE:
            ems += 0.92
        elif character.isupper():
            ems += 0.72
        elif ord(character) > 0x2E7F:  # ideographs and the like fill their square
            ems += 1.0
        else:
            ems += 0.57
    return ems * size * (1.07 if bold else 1.0)


def wrap(text: str, width: float, size: float, *, bold: bool = False, lines: int = 0) -> list[str]:
    """Break text into lines of at most this many pixels; a word longer than a line is broken where it must be.

    Args: lines: at most so many, the last then ends in an ellipsis; 0 for as many as it takes.
    """
    broken: list[str] = []
    for word in text.split():
        candidate = f"{broken[-1]} {word}" if broken else word
        if broken and width_of(candidate, size, bold=bold) <= width:
            broken[-1] = candidate
        else:
            broken += _pieces(word, width, size, bold)
    if lines and len(broken) > lines:
        last = broken[lines - 1]
        while last and width_of(f"{last}…", size, bold=bold) > width:
            last = last[:-1]
        return [*broken[: lines - 1], f"{last.rstrip()}…"]
    return broken


def widest(texts: Sequence[str], size: float, *, bold: bool = False) -> float:
    """Pixels of the widest of these texts, 0 for none."""
    return max((width_of(text, size, bold=bold) for text in texts), default=0.0)


def _pieces(word: str, width: float, size: float, bold: bool) -> list[str]:
    """A word in pieces that fit, broken after hyphens where that helps, else anywhere."""
    if width_of(word, size, bold=bold) <= width:
        return [word]
    pieces = [""]
    for part in re.split(r"(?<=[-_/])", word):
        for piece in [part] if width_of(part, size, bold=bold) <= width else list(part):
            if pieces[-1] and width_of(pieces[-1] + piece, size, bold=bold) > width:
                pieces.append("")
            pieces[-1] += piece
    return pieces
