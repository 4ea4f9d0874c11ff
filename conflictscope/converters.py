"""Parts of addresses."""

from __future__ import annotations

MOST_DIGITS = 18  # of a number that every database takes as an id


class NumberConverter:
    """A number that a row can have: at most 18 digits, which every database takes. A longer one leads nowhere (404)."""

    regex = f"[0-9]{{1,{MOST_DIGITS}}}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class Base36Converter:
    """A number as links in mails write it."""

    regex = "[0-9A-Za-z]{1,20}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
