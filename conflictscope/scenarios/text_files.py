"""Reading other people's files: bytes become text that can be stored, or a sentence says where they do not."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from charset_normalizer import from_bytes

from conflictscope.errors import InvalidInput

SAMPLE_BYTES = 65_536  # what the guess at an encoding looks at


def read_text(path: Path) -> str:
    """A whole small file as text.

    Raises:
        InvalidInput: the file cannot be read, or is not UTF-8.
    """
    return "".join(text for _, text in lines_of(path))


def lines_of(path: Path, *, encoding: str = "") -> Iterator[tuple[int, str]]:
    """The lines of a text file, numbered from 1, their line ends kept; a byte order mark is left out.

    Nothing is guessed: without an `encoding` the file must be UTF-8. A guess is only named in the error, because a wrong
    one would change words in the data without anybody noticing.

    Raises:
        InvalidInput: the file cannot be read, the encoding is unknown, or a byte does not belong to it.
    """
    codec = encoding or "utf-8-sig"
    try:
        with path.open("rb") as file:
            _refuse_wrong_encoding(file, codec, path=path, named=bool(encoding))
        with path.open(encoding=codec, newline="") as text:
            yield from enumerate(text, start=1)
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc.strerror or exc}.") from exc


def _refuse_wrong_encoding(file: BinaryIO, codec: str, *, path: Path, named: bool) -> None:
    try:
        "".encode(codec)  # refuses what is no encoding of text, such as hex
        decoder = codecs.getincrementaldecoder(codec)()
    except (LookupError, ValueError) as exc:  # Python's own "undefined" is an encoding that refuses all
        raise InvalidInput(f"There is no encoding {codec!r}: name one such as utf-8, cp1252 or shift_jis.") from exc
    offset, line = 0, 1
    while True:
        block = file.read(SAMPLE_BYTES)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as exc:
            mark = pending + len(block) - len(exc.object)  # a byte order mark was taken off before
            at = offset - pending + mark + exc.start
            line += exc.object[: exc.start].count(b"\n")
            wanted = codec.removesuffix("-sig").upper()
            advice = (
                "Name its encoding (on the command line: --encoding), or save it as UTF-8."
                if not named
                else "Name another encoding."
            )
            guess = "" if named else _guess(path)
            raise InvalidInput(
                f"{path.name} is not {wanted} text: byte {at + 1}, in line {line}, is no part of it{guess}. {advice}"
            ) from exc
        except UnicodeError as exc:  # of the whole text, such as UTF-16 without a byte order mark
            raise InvalidInput(f"{path.name} is not {codec.upper()} text: {exc}. Name another encoding.") from exc
        if not block:
            return
        offset += len(block)
        line += block.count(b"\n")


def _guess(path: Path) -> str:
    with path.open("rb") as file:
        best = from_bytes(file.read(SAMPLE_BYTES)).best()
    return f" (it looks like {best.encoding})" if best is not None and best.encoding != "utf_8" else ""


def storable(text: str, *, where: str) -> str:
    """The text itself, if every database can hold it.

    Raises:
        InvalidInput: it holds a NUL or half of a surrogate pair, which no UTF-8 database takes.
    """
    if "\0" in text:
        raise InvalidInput(f"{where} holds a NUL character: remove it.")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput(
            f"{where} holds half of a surrogate pair at character {exc.start + 1}: the text was cut or escaped wrongly."
        ) from exc
    return text
