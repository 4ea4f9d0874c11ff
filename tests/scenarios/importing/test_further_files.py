"""Further files as they are found: what each is, or why it cannot be read, is said as it is."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.scenarios.importing.detecting import detected
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions

ROWS = "description,action1,action2\nShe asks.,I tell her.,I do not.\nHe asks.,I tell him.,I do not.\n"
READ = [("She asks.", "I tell her.", "I do not."), ("He asks.", "I tell him.", "I do not.")]


def workbook() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(zipfile.ZipInfo("[Content_Types].xml"), "<Types/>")
        archive.writestr(zipfile.ZipInfo("xl/workbook.xml"), "<workbook/>")
    return held.getvalue()


def rows_of(path: Path) -> list[object]:
    rows = detected(path).read(path, ReadingOptions())
    return [row if isinstance(row, BadRow) else (row.description, row.action_1, row.action_2) for row in rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tabs.csv", ROWS.replace(",", "\t").encode()),
        ("packed.csv", gzip.compress(ROWS.encode(), mtime=0)),
        ("mixed_ends.csv", ROWS.replace("\n", "\r\n", 1).encode()),
        ("old_ends.csv", ROWS.replace("\n", "\r").encode()),
        ("sep_tab.csv", ("sep=\t\n" + ROWS.replace(",", "\t")).encode()),
        ("comment.csv", ("# exported today\n" + ROWS).encode()),
        (
            "markdown.csv",
            "".join(
                f"| {' | '.join(cells)} |\n"
                for cells in [("description", "action1", "action2"), ("---", ":--", "---:"), *READ]
            ).encode(),
        ),
    ],
)
def test_rows_are_found_in_whatever_they_are_packed_in(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert rows_of(path) == READ


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("utf16.csv", ROWS.encode("utf-16"), r"UTF-16 \(utf-16\)"),
        ("utf32.csv", ROWS.encode("utf-32"), r"UTF-32 \(utf-32\)"),
        ("workbook.csv", workbook(), "an Excel workbook; save its sheet as CSV"),
        ("cut.zip", b"PK\x03\x04cut", "damaged or cut off"),
        ("rows.parquet", b"PAR1abc", "a Parquet file"),
    ],
)
def test_what_is_no_text_of_rows_is_named_for_what_it_is(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        rows_of(path)


def test_bytes_after_the_last_row_spoil_no_row_before_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(ROWS.encode() + b"\x00" * 50)
    *good, bad = rows_of(path)
    assert good == READ
    assert isinstance(bad, BadRow)


def test_a_file_that_is_read_by_the_encoding_that_was_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(ROWS.encode("utf-32"))
    read = list(detected(path, encoding="utf-32").read(path, ReadingOptions(encoding="utf-32")))
    assert len(read) == 2
