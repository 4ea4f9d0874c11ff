"""Text as a CSV cell that no spreadsheet runs, and back; and the mark by which Excel knows UTF-8.

A spreadsheet takes a cell that begins with = + - @ (or a tab or line break) for a formula, and texts of language models
and of strangers stand in our files. So such a text is written with an apostrophe before it, and one more before a text
that has apostrophes in that place already: taking one apostrophe away gives the text back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

_LOOKS_LIKE_A_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n]")


def escape(text: str) -> str:
    """The text as a CSV cell that no spreadsheet runs."""
    return f"'{text}" if _LOOKS_LIKE_A_FORMULA.match(text) else text


def unescape(cell: str) -> str:
    """The text that `escape` was given."""
    return cell[1:] if _ESCAPED.match(cell) else cell


# Excel takes a CSV file for the encoding of its country unless it begins so. Other programs stumble over it: only on request.
BYTE_ORDER_MARK = "\ufeff".encode()


def for_excel(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A CSV file in UTF-8, in pieces, with a byte order mark before it."""
    return chain([BYTE_ORDER_MARK], pieces)
