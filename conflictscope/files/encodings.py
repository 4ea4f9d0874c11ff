"""How bytes that are not UTF-8 may be meant: the likeliest readings of a line, shown to whoever knows the words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

READINGS = 4
SHOWN = 200  # characters of a line
# Most files of one byte a letter are of these, whatever a guess by frequency says of a few words.
_COMMON = ("cp1252",)
# Those in which files still come in. The others of a guess are shown where none of these fits.
_IN_USE = re.compile(
    r"cp125[0-8]|iso8859_\d+|mac_(?:roman|cyrillic|greek)|koi8_[ru]|cp(?:437|850|866|932|936|949|950)|shift_jis|euc_(?:jp|kr)"
    r"|gb(?:k|18030)|big5|utf_(?:8|16\w*)"
)
_SAMPLE = 16_384  # bytes: the guess takes longer than its answer gets better


@dataclass(frozen=True, slots=True)
class LineRead:
    """A line as it reads in an encoding, or in several alike."""

    encodings: tuple[str, ...]
    text: str


def likeliest(line: bytes, *, sample: bytes = b"") -> list[LineRead]:
    """How the line reads in the encodings that the sample, or the line itself, may be of. The likeliest first; none is known.

    Args:
        sample: more of the file, which is looked at as a whole. It may end within a character.
    """
    line = line.strip()
    guesses = [each.encoding for each in from_bytes((sample or line)[:_SAMPLE])]
    names = [name for name in guesses if _IN_USE.fullmatch(name)] or guesses
    readings: dict[str, list[str]] = {}
    for name in dict.fromkeys((*names[:READINGS], *_COMMON)):
        try:
            text = line.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        if name != "utf_8" and not any(_is_control(sign) for sign in text):
            readings.setdefault(text, []).append(name)
    common = [text for text, named in readings.items() if set(named) & set(_COMMON)]
    first = [text for text in readings if text not in common][: READINGS - len(common)]
    order = [text for text in readings if text in first or text in common]
    return [LineRead(tuple(readings[text]), _cut(text)) for text in order]


def readings_in_words(readings: list[LineRead]) -> str:
    """Such as “as cp1252: “…”; as cp1250: “…””; empty where there are none."""
    return "; ".join(f"as {' or '.join(each.encodings)}: “{each.text}”" for each in readings)


def _is_control(sign: str) -> bool:
    return (sign < " " and sign not in "\t\r\n") or "\x7f" <= sign <= "\x9f"


def _cut(text: str) -> str:
    """The part of a long line in which the signs beyond ASCII begin."""
    if len(text) <= SHOWN:
        return text
    first = next((place for place, sign in enumerate(text) if ord(sign) > 127), 0)
    start = max(0, min(first - 20, len(text) - SHOWN))
    return f"{'…' if start else ''}{text[start : start + SHOWN]}{'…' if start + SHOWN < len(text) else ''}"
