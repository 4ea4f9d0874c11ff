"""Taking the delimiters of a prompt's sections out of a text that somebody else wrote.

A reader such as a language model takes more for a delimiter than its exact letters: one with attributes, one in full-width or
Cyrillic letters, one between look-alike brackets, one with invisible characters inside. So what is looked at is the text as it is
seen; what is taken out is the text as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

# Delimiters within delimiters that are taken out one after the other.
DEEPEST_NESTING = 8
_LONGEST_ATTRIBUTES = 200

_OPENING = "<＜﹤‹⟨〈《⟪≪«˂᐀ᐸ❮❰⧼〈"
_CLOSING = ">＞﹥›⟩〉》⟫≫»˃ᐳ❯❱⧽〉"
_ANGLES = "<＜﹤"
_OPENS = re.compile(f"[{_OPENING}]")
_BRACKETS = str.maketrans(dict.fromkeys(_OPENING + _CLOSING, ""))
_SEEN_AS = {
    **dict.fromkeys(_OPENING, "<"),
    **dict.fromkeys(_CLOSING, ">"),
    **dict.fromkeys("⁄∕⧸╱", "/"),
    **dict.fromkeys("‗ˍ", "_"),
    # Letters of Cyrillic, Greek and Armenian that are drawn as Latin ones: those that occur in names of sections.
    **dict(zip("асԁеһіјӏорԛѕυѵхуαεικνορτυϲյոսւ", "acdehijlopqsuvxyaeiknoptucjnuw", strict=True)),
}
# Drawn as nothing, though they are no format characters.
_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def without_delimiters(text: str, names: Collection[str]) -> str:
    """The text without delimiters of these sections, in whatever dress. Takes time in proportion to the text."""
    if not _OPENS.search(text):
        return text
    delimiter = _delimiter(frozenset(names))
    for _ in range(DEEPEST_NESTING):  # removing one may join the halves of another
        seen, places = _seen(text)
        kept, at = [], 0
        for match in delimiter.finditer(seen):
            start, end = places[match.start()], places[match.end() - 1]
            kept.append(text[at:start])
            if text[start] in _ANGLES and match["end"]:
                at = end + 1
            else:  # the word stays: between other brackets it may be quoted, and without an end it is no delimiter yet
                kept.append(text[start + 1 : end] if match["end"] else text[start + 1 : end + 1])
                at = end + 1
        if not kept:
            return text
        text = "".join([*kept, text[at:]])
    # Nobody writes so by chance: nothing is left that could be joined.
    return text.translate(_BRACKETS)


@lru_cache(maxsize=64)
def _delimiter(names: frozenset[str]) -> re.Pattern[str]:
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    # Possessive: what was taken as a blank is not tried again in another share.
    return re.compile(
        rf"(?P<opening><\s*+(?:/\s*+)?)(?:{either})"
        rf"(?:(?P<end>\s*+(?:/\s*+)?>|[\s/][^<>]{{0,{_LONGEST_ATTRIBUTES}}}>)|(?![\w-]))"
    )


def _seen(text: str) -> tuple[str, list[int]]:
    """A text as it is seen, in lower case, and the place in the text of each of its characters."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    signs: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        for each in _sign(sign):
            signs.append(each)
            places.append(place)
    return "".join(signs), places


@lru_cache(maxsize=4096)
def _sign(sign: str) -> str:
    if sign in _NOTHING or unicodedata.category(sign) in ("Cf", "Mn", "Me"):
        return ""
    return "".join(_SEEN_AS.get(each, each) for each in unicodedata.normalize("NFKC", _SEEN_AS.get(sign, sign)).lower())
