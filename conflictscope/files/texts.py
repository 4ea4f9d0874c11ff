"""Reading other people's files: bytes become text that can be stored, or a sentence says where they do not."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from conflictscope.errors import InvalidInput
from conflictscope.files.encodings import LineRead, likeliest, readings_in_words
from conflictscope.files.kinds import refuse_no_data

SAMPLE_BYTES = 65_536  # what the guess at an encoding looks at
LINE_LIMIT = 16 * 1024 * 1024  # characters: a file without line ends is not read into memory whole
SMALL_FILE = 16 * 1024 * 1024  # characters of a file that is read into memory whole
UNPACKED_LIMIT = 2 * 1024**3  # bytes: a packed file of a few kilobytes may unpack to a disk full of nothing
_LINE_AROUND = 2_000  # bytes before one that does not belong in which its line is looked for
_GZIP = b"\x1f\x8b"
NAME_IT = "name its encoding (Encoding on the page, --encoding on the command line)"
_KEEPS_STRAY_BYTES = {"utf-8", "utf-8-sig", "ascii"}


def read_text(path: Path) -> str:
    """A whole small file as text.

    Raises:
        InvalidInput: the file cannot be read, is not UTF-8, or is not small.
    """
    lines, length = [], 0
    for _, text in lines_of(path, always_utf8=True):
        lines.append(text)
        length += len(text)
        if length > SMALL_FILE:
            raise InvalidInput(f"{path.name} is longer than {SMALL_FILE:,} characters: is this the right file?")
    return "".join(lines)


def lines_of(
    path: Path, *, encoding: str = "", lenient: bool = False, always_utf8: bool = False
) -> Iterator[tuple[int, str]]:
    """The lines of a text file, numbered from 1, their line ends kept; a byte order mark is left out. gzip is unpacked.

    Nothing is guessed: without an `encoding` the file must be UTF-8. A guess is only named in the error, because a wrong
    one would change words in the data without anybody noticing.

    Args:
        always_utf8: nobody can name an encoding for such a file, so errors do not ask for one.
        lenient: let a byte that is no part of the encoding stand in its line, where `storable` finds it.

    Raises:
        InvalidInput: the file cannot be read, the encoding is unknown, a line is far too long, a byte does not belong, or a
            gzip file unpacks to more than UNPACKED_LIMIT.
    """
    codec = encoding or "utf-8-sig"
    advice = "save it as UTF-8" if always_utf8 else f"{NAME_IT}, or save it as UTF-8"
    lenient = lenient and codec.lower().replace("_", "-") in _KEEPS_STRAY_BYTES
    try:
        with _opened(path) as file:
            refuse_no_data(file.read(SAMPLE_BYTES), path=path, advice=advice, named=bool(encoding))
        with _opened(path) as file:
            if not lenient:
                _refuse_wrong_encoding(file, codec, path=path, advice=advice, named=bool(encoding))
        with (
            _opened(path) as file,
            io.TextIOWrapper(
                file, encoding=codec, errors="surrogateescape" if lenient else "strict", newline=""
            ) as text,
        ):
            number = 0
            while line := text.readline(LINE_LIMIT):
                number += 1
                if number == 1:  # only utf-8-sig and utf-16 take the mark off themselves
                    line = line.removeprefix("\ufeff")
                if len(line) == LINE_LIMIT and line[-1] not in "\r\n":
                    raise InvalidInput(
                        f"{path.name}, line {number}, is longer than {LINE_LIMIT:,} characters: is this a text file?"
                    )
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise InvalidInput(f"{path.name} is no whole gzip file: it was cut off or damaged.") from exc
    except OSError as exc:
        raise InvalidInput(f"{path.name} cannot be read: {exc.strerror}.") from exc


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(BinaryIO, _Unpacked(path)) if packed else path.open("rb")


class _Unpacked(gzip.GzipFile):
    """A gzip file that is read to a limit and no further.

    Raises (where it is read):
        InvalidInput: there is more in it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._called = path.name
        self._left = UNPACKED_LIMIT

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        return self._counted(super().read1(size))

    def _counted(self, block: bytes) -> bytes:
        self._left -= len(block)
        if self._left < 0:
            raise too_much_in(self._called, UNPACKED_LIMIT)
        return block


def too_much_in(name: str, limit: int) -> InvalidInput:
    """What is said of a packed file that would fill the disk or the memory."""
    return InvalidInput(
        f"{name} unpacks to more than {limit:,} bytes: is this the right file? If it is, unpack it and import what is in it."
    )


def _refuse_wrong_encoding(file: IO[bytes], codec: str, *, path: Path, advice: str, named: bool) -> None:
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
            do = "Name another encoding" if named else f"{advice[0].upper()}{advice[1:]}"
            guess = "" if named else _read_otherwise(readings_at(path, at))
            raise InvalidInput(
                f"{path.name} is not {wanted} text: byte {at + 1}, in line {line}, is no part of it. {guess}{do}."
            ) from exc
        except UnicodeError as exc:  # of the whole text, such as UTF-16 without a byte order mark
            raise InvalidInput(f"{path.name} is not {codec.upper()} text: {exc}. Name another encoding.") from exc
        if not block:
            return
        offset += len(block)
        line += block.count(b"\n")


def _read_otherwise(readings: list[LineRead]) -> str:
    return f"That line may read {readings_in_words(readings)}. " if readings else ""


def readings_at(path: Path, byte: int) -> list[LineRead]:
    """How the line around that byte of the (unpacked) file may read."""
    with _opened(path) as file:
        start = max(0, byte - _LINE_AROUND)
        _skip(file, start)
        block = file.read(SAMPLE_BYTES)
    before = block[: byte - start]
    begin = before.rfind(b"\n") + 1
    end = block.find(b"\n", byte - start)
    return likeliest(
        block[begin : min(end if end >= 0 else len(block), begin + 2 * _LINE_AROUND)], sample=block[begin:]
    )


def readings_of(path: Path) -> list[LineRead]:
    """How the first line that is not UTF-8 may read; none where all of the file is UTF-8, or it cannot be read."""
    offset, decoder = 0, codecs.getincrementaldecoder("utf-8")()
    try:
        with _opened(path) as file:
            while True:
                block = file.read(SAMPLE_BYTES)
                pending = len(decoder.getstate()[0])
                try:
                    decoder.decode(block, final=not block)
                except UnicodeDecodeError as exc:
                    return readings_at(path, offset - pending + exc.start)
                if not block:
                    return []
                offset += len(block)
    except (EOFError, OSError, zlib.error):
        return []


def _skip(file: BinaryIO, bytes_: int) -> None:
    while bytes_ > 0 and (block := file.read(min(bytes_, 1 << 20))):
        bytes_ -= len(block)


def printable(name: str) -> str:
    """A name out of a file, with what cannot be shown or stored written as an escape: names of columns stand in messages."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def storable(text: str, *, where: str) -> str:
    """The text itself, if every database can hold it.

    Raises:
        InvalidInput: it holds what `unstorable` names.
    """
    if why := unstorable(text):
        raise InvalidInput(f"{where} {why}")
    return text


def unstorable(text: str) -> str:
    """Why no UTF-8 database takes the text: a NUL, half of a surrogate pair, or a byte that `lines_of` let stand. Empty: it does."""
    if "\0" in text:
        return "holds a NUL character: remove it."
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        stray = ord(text[exc.start]) - 0xDC00
        if 0x80 <= stray <= 0xFF:
            return f"holds a byte that is not UTF-8, 0x{stray:02X}, at character {exc.start + 1}; {NAME_IT}."
        return f"holds half of a surrogate pair at character {exc.start + 1}: the text was cut or escaped wrongly."
    return ""
