"""Rows of JSON Lines and of JSON documents, one after the other; a row that cannot be read is a bad row, not the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conflictscope.errors import InvalidInput
from conflictscope.files.texts import SMALL_FILE, lines_of, printable
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, RowPlace, nothing_in

LOOKED_AT = 20  # objects by which a format is told
SAMPLE_LINES = 250
SAMPLE = 1024 * 1024  # characters
_WRITE_OBJECTS = "write one object a line (JSON Lines), or CSV"
_FAULTS = {"error", "documentation_url", "detail", "status", "status_code"}
_ANSWERS = {*_FAULTS, "message", "code", "errors", "type", "title", "path", "timestamp", "success"}
_BEGINS = re.compile(r"[\[{][ \t]*(?:[\"{\[\d\]}]|[\r\n]|$)")
_AFTER = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Glance:
    """What the first lines of a file hold, as far as JSON goes.

    Attributes:
        first: the first sign that is no blank; empty for an empty file. looks_like_json: whether JSON might go on as the line does.
        lines: how many of them are not empty. objects: those of them that are whole JSON objects, a few at the most.
        whole: how many are. begins_whole: whether the first of them is.
    """

    first: str
    looks_like_json: bool
    lines: int
    objects: tuple[dict[str, Any], ...]
    whole: int
    begins_whole: bool

    @property
    def json_lines(self) -> bool:
        """Whether it is JSON Lines, some of which may be broken, be it the first."""
        return self.begins_whole or 2 * self.whole > self.lines


def glance(path: Path, *, encoding: str = "") -> Glance:
    """
    Raises:
        InvalidInput: the file cannot be read.
    """
    first, looks_like_json, lines, whole, begins_whole, length = "", False, 0, 0, False, 0
    objects: list[dict[str, Any]] = []
    for _, text in lines_of(path, encoding=encoding, lenient=True):
        length += len(text)
        if not text.strip():
            continue
        lines += 1
        document = _object(text)
        if lines == 1:
            first, begins_whole = text.lstrip()[0], document is not None
            looks_like_json = _BEGINS.match(text.lstrip()) is not None
        if document is not None:
            whole += 1
            if len(objects) < LOOKED_AT:
                objects.append(document)
        if lines == SAMPLE_LINES or length > SAMPLE:
            break
    return Glance(first, looks_like_json, lines, tuple(objects), whole, begins_whole)


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def some_rows(path: Path, *, encoding: str = "") -> list[dict[str, Any]] | None:
    """Some rows of JSON Lines, be they broken here and there, or of one JSON document; None where it is neither.

    Raises:
        InvalidInput: it cannot be read, or is a document without rows.
    """
    seen = glance(path, encoding=encoding)
    documents = document_in(path, encoding=encoding)
    _refuse_answer(documents or seen.objects, name=path.name)
    if documents is not None:
        return [row for row in rows_in(documents, name=path.name) if isinstance(row, dict)][:LOOKED_AT]
    if seen.json_lines or (seen.first == "{" and seen.objects):
        return list(seen.objects)
    return None


def json_lines(path: Path, reading: ReadingOptions) -> Iterator[tuple[RowPlace, dict[str, Any]] | BadRow]:
    """The objects of a file with one JSON object a line, or of one JSON document that holds them as a list. Empty lines are left out.

    Raises:
        InvalidInput: the file has no rows, is wrongly encoded, or is a document of another shape.
    """
    document = document_in(path, encoding=reading.encoding, lenient=reading.lenient)
    if document is not None:
        yield from _of_document(path, document)
        return
    number = 0
    for line, text in lines_of(path, encoding=reading.encoding, lenient=reading.lenient):
        if not text.strip():
            continue
        number += 1
        place = RowPlace(path.name, number, line)
        try:
            row = json.loads(text)
        except json.JSONDecodeError as exc:
            cut = "a text in it is cut off" if exc.pos >= len(text.rstrip("\r\n")) else exc.msg
            yield BadRow(place, "", f"is not JSON: {cut} at character {exc.pos + 1}.")
            continue
        except (ValueError, RecursionError) as exc:  # a number of too many digits, nested too deeply
            yield BadRow(place, "", f"is no row: {exc}.")
            continue
        if not isinstance(row, dict):
            yield BadRow(place, "", "is no JSON object: write {...} in each line.")
            continue
        yield place, row
    nothing_in(path, number)


def document_in(path: Path, *, encoding: str = "", lenient: bool = True) -> list[Any] | None:
    """What a file holds that is no JSON Lines: one JSON document, mostly, or several, each over many lines. None: it is none, or
    longer than SMALL_FILE.

    Raises:
        InvalidInput: the file cannot be read.
    """
    seen = glance(path, encoding=encoding)
    if seen.first not in ("[", "{") or (seen.begins_whole and (seen.lines > 1 or not wraps_rows(seen.objects[0]))):
        return None
    texts, length = [], 0
    for _, text in lines_of(path, encoding=encoding, lenient=lenient):
        texts.append(text)
        length += len(text)
        if length > SMALL_FILE:
            return None
    whole = "".join(texts).strip()
    documents: list[Any] = []
    at = 0
    try:
        while at < len(whole):
            document, at = _DECODER.raw_decode(whole, at)
            documents.append(document)
            at = _AFTER.match(whole, at).end()  # type: ignore[union-attr]  # it matches nothing, too
    except (ValueError, RecursionError):
        return None
    several_lines_of_lists = len(documents) > 1 and not all(isinstance(each, dict) for each in documents)
    return None if several_lines_of_lists else documents


def wraps_rows(row: dict[str, Any]) -> bool:
    """Whether an object is no row, but holds some: a list of objects, or nothing but objects, and no keys that tell a row."""
    return not _is_row(row) and bool(_lists_in(row) or (row and all(isinstance(each, dict) for each in row.values())))


def _refuse_answer(documents: Sequence[Any], *, name: str) -> None:
    """
    Raises:
        InvalidInput: instead of the file somebody saved what a server said about it.
    """
    first = documents[0] if len(documents) == 1 else None
    if isinstance(first, dict) and first.keys() <= _ANSWERS and first.keys() & _FAULTS:
        message = next(
            (str(first[key]) for key in ("message", "error", "detail") if isinstance(first.get(key), str)), ""
        )
        raise InvalidInput(
            f"{name} holds no data: it is a server's answer{f', “{printable(message[:100])}”' if message else ''}. "
            "Fetch the file itself, then import that."
        )


def rows_in(documents: list[Any], *, name: str) -> list[Any]:
    """The rows of documents of a file of that name.

    Raises:
        InvalidInput: there are none, or it cannot be known which are meant; saying what it is and how to bring it in.
    """
    if len(documents) > 1:
        return documents
    (document,) = documents
    if isinstance(document, list):
        if not any(isinstance(each, dict) for each in document):
            raise InvalidInput(f"{name} is a JSON list with no objects in it: {_WRITE_OBJECTS}.")
        return document
    if not isinstance(document, dict):
        raise InvalidInput(f"{name} is one JSON value and no rows: {_WRITE_OBJECTS}.")
    lists = _lists_in(document)
    if len(lists) > 1:
        raise InvalidInput(
            f"{name} is one JSON document with several lists of rows ({', '.join(map(printable, lists))}): save the one that is "
            "meant as a file of its own."
        )
    if lists and not _is_row(document):
        return next(iter(lists.values()))
    if _is_row(document):
        return [document]
    inner = [each for each in document.values() if isinstance(each, dict)]
    if inner and len(inner) == len(document) and all(map(_is_row, inner)):
        return [row if "id" in row or "uid" in row else {"id": key, **row} for key, row in document.items()]
    columns = all(isinstance(each, list | dict) for each in document.values())
    if columns and (guessed(document) or {"columns", "data"} <= set(document)):
        raise InvalidInput(
            f"{name} is one JSON document that tells its table column by column: write it row by row (in pandas: "
            'to_json(orient="records", lines=True)).'
        )
    if any(isinstance(each, str) for each in document.values()):
        return [document]
    keys = ", ".join(printable(key) for key in document)[:200]
    raise InvalidInput(f"{name} is one JSON object with the keys {keys}, and no list of rows in it: {_WRITE_OBJECTS}.")


def _of_document(path: Path, documents: list[Any]) -> Iterator[tuple[RowPlace, dict[str, Any]] | BadRow]:
    rows = rows_in(documents, name=path.name)
    for number, row in enumerate(rows, start=1):
        place = RowPlace(path.name, number)
        yield (place, row) if isinstance(row, dict) else BadRow(place, "", "is no JSON object: write {...}.")
    nothing_in(path, len(rows))


def _lists_in(document: dict[str, Any]) -> dict[str, list[Any]]:
    """Lists of objects under a key, or under a key in an object, by their names."""
    lists = {key: each for key, each in document.items() if _holds_objects(each)}
    for key, each in document.items():
        if isinstance(each, dict) and not _is_row(each):
            lists |= {f"{key}.{inner}": some for inner, some in each.items() if _holds_objects(some)}
    return lists


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _is_row(row: Any) -> bool:
    """Whether keys of an object tell that it is a row: two texts that mean a field, or the pair of a preference."""
    if not isinstance(row, dict):
        return False
    if {"chosen", "rejected"} <= set(row):
        return True
    texts = [key for key, value in row.items() if isinstance(value, str | int | float)]
    return len(guessed(texts)) > 1


def json_texts(path: Path, reading: ReadingOptions) -> Iterator[tuple[str, str | None]]:
    """The members of one JSON object, one after the other, a key that repeats each time; None for a value that is no text.

    Raises:
        InvalidInput: the file is something else, or is wrongly encoded.
    """
    source = _Source(path, reading)
    if source.next_sign() != "{":
        raise InvalidInput(f'{path.name} is no JSON object: write {{"key": "text", ...}}.')
    sign = source.next_sign()
    while sign != "}":
        key = source.text(sign)
        if source.next_sign() != ":":
            raise source.broken("a colon is missing after a key")
        sign = source.next_sign()
        if sign == '"':
            yield key, source.text(sign)
        else:
            source.pass_over(sign)
            yield key, None
        sign = source.next_sign()
        if sign == ",":
            sign = source.next_sign()
        elif sign != "}":
            raise source.broken("a comma is missing between two members")
    if source.next_sign():
        raise source.broken("something follows the object")


_CLOSED_BY = {"[": "]", "{": "}"}
_WORD = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")


class _Source:
    """Characters of a JSON file, read line by line as they are wanted: no text of JSON goes over the end of a line."""

    def __init__(self, path: Path, reading: ReadingOptions) -> None:
        self._path = path
        self._lines = lines_of(path, encoding=reading.encoding, lenient=reading.lenient)
        self._line = 0
        self._held = ""
        self._at = 0

    def broken(self, why: str) -> InvalidInput:
        return InvalidInput(f"{self._path.name} is not JSON: {why}, in line {self._line}.")

    def next_sign(self) -> str:
        """The next character that is no blank; empty at the end of the file."""
        while True:
            while self._at < len(self._held):
                sign = self._held[self._at]
                self._at += 1
                if sign not in " \t\r\n":
                    return sign
            if not self._more():
                return ""

    def text(self, sign: str) -> str:
        """The text that begins after the quotation mark `sign`."""
        if sign != '"':
            raise self.broken("keys must be texts in quotation marks")
        try:
            text, self._at = _DECODER.raw_decode(self._held, self._at - 1)
        except json.JSONDecodeError as exc:
            raise self.broken(exc.msg[:1].lower() + exc.msg[1:]) from exc
        return str(text)

    def pass_over(self, sign: str) -> None:
        """Go past the value that begins with `sign` and is no text: a number or a word, or lists and objects in each other."""
        open_: list[str] = []
        while True:
            if sign == '"':
                self.text(sign)
            elif sign in _CLOSED_BY:
                open_.append(_CLOSED_BY[sign])
            elif open_ and sign == open_[-1]:
                open_.pop()
            elif word := _WORD.match(self._held, self._at - 1):
                self._at = word.end()
            elif not (open_ and sign in (",", ":")):  # also at the end of the file
                raise self.broken("a value is missing or cut off")
            if not open_:
                return
            sign = self.next_sign()

    def _more(self) -> bool:
        self._line, self._held = next(self._lines, (self._line, ""))
        self._at = 0
        return bool(self._held)
