"""Files that are often taken for tables of text and are none: known by how they begin, and said what to do with."""

from __future__ import annotations

import codecs
import lzma
import re
import struct
import zipfile
import zlib
from pathlib import Path

from conflictscope.errors import InvalidInput

ZIP = b"PK\x03\x04"  # how each zip begins
# What zipfile raises for archives that are damaged, locked, or packed in a way that it does not know.
NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    EOFError,
    OSError,
    ValueError,
)
_NO_TEXTS = {
    b"\x89PNG\r\n\x1a\n": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"%PDF-": "a PDF",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office file; save the table as CSV",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it and import what is in it",
    b"BZh": "a bzip2 file; unpack it and import what is in it",
    b"\xfd7zXZ\x00": "an xz file; unpack it and import what is in it",
    b"(\xb5/\xfd": "a zstd file; unpack it and import what is in it",
    b"PAR1": "a Parquet file; save it as CSV or JSON Lines",
    b"ARROW1": "an Arrow file; save it as CSV or JSON Lines",
    b"SQLite format 3\0": "an SQLite database; save the table as CSV",
}
# What stands in a repository, or in a cache, for a file that was not fetched. Each is matched at the beginning alone.
_STAND_INS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"version https://git-lfs\.github\.com/spec/|version https://hawser\.github\.com/spec/"),
        "a Git LFS pointer, which stands for the data: fetch the file itself (git lfs pull, or the download of its page)",
    ),
    (
        re.compile(rb"[./]{0,60}(?:git/)?annex/objects/"),
        "a git-annex pointer, which stands for the data: fetch the file itself (git annex get)",
    ),
    (
        re.compile(rb"outs:\s{0,8}-\s{0,8}(?:md5|etag|hash)\b"),
        "a DVC pointer, which stands for the data: fetch the file itself (dvc pull)",
    ),
    (
        re.compile(rb"(?:\.\./){1,9}blobs/[0-9a-f]{40,64}\s{0,4}$"),
        "a link of a download cache, saved as text: copy the file that it leads to",
    ),
)
_MARKUP = re.compile(rb"<(?:!doctype\s+)?(html|head|body|rss|svg|error)\b|<\?(xml)\b", re.IGNORECASE)
_A_PAGE = (
    "a web page (HTML), such as one that asks to sign in or says that there is no such file: download the file itself "
    "(on pages of repositories, “Raw” or “Download”)"
)


def refuse_no_data(start: bytes, *, path: Path, advice: str, named: bool) -> None:
    """
    Args:
        start: how the file begins. advice: what to do about another encoding. named: somebody named the encoding.

    Raises:
        InvalidInput: it is no text, or stands for the data without being them.
    """
    if start.startswith(ZIP):
        raise InvalidInput(f"{path.name} is {_kind_of_zip(path)}.")
    if kind := next((what for sign, what in _NO_TEXTS.items() if start.startswith(sign)), ""):
        raise InvalidInput(f"{path.name} is no text but {kind}.")
    if kind := _stands_for(start.removeprefix(codecs.BOM_UTF8).lstrip()):
        raise InvalidInput(f"{path.name} holds no data: it is {kind}. Then import that.")
    if not named:
        _refuse_utf_16(start, path=path, advice=advice)


def _stands_for(start: bytes) -> str:
    if kind := next((what for pattern, what in _STAND_INS if pattern.match(start)), ""):
        return kind
    while start.startswith(b"<!--"):
        start = start.partition(b"-->")[2].lstrip()
    markup = _MARKUP.match(start)
    if markup is None:
        return ""
    return _A_PAGE if markup[1] and markup[1].lower() in (b"html", b"head", b"body") else "XML: save its rows as CSV"


def _refuse_utf_16(start: bytes, *, path: Path, advice: str) -> None:
    # Before UTF-16, whose mark it begins with.
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise InvalidInput(f"{path.name} is no UTF-8 text but UTF-32 (utf-32): {advice}.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidInput(f"{path.name} is no UTF-8 text but UTF-16 (utf-16): {advice}.")
    odd, even = start[1::2].count(0), start[::2].count(0)
    if 10 * max(odd, even) > 3 * len(start):  # of Latin letters every other byte is nothing
        codec = "utf-16-le" if odd > even else "utf-16-be"
        raise InvalidInput(f"{path.name} is no UTF-8 text; it may be UTF-16 ({codec}): {advice}.")


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except NO_ZIP:
        return "a zip that is damaged or cut off, or packed once more"
    if any(name.startswith("xl/") for name in names):
        return "no text but an Excel workbook; save its sheet as CSV (UTF-8)"
    return "a zip, and not that of an export; unpack it and import what is in it"
