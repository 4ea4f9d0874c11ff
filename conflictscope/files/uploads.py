"""Files that come in by a page, laid down for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.uploadedfile import UploadedFile
from django.utils.text import get_valid_filename

_NAME_BYTES = 120  # some disks take no more than 143, and a letter has up to four
_NAMELESS = "upload"


@contextmanager
def as_file(upload: UploadedFile[bytes]) -> Iterator[Path]:
    """The upload as a file under its own name, so that errors name what its owner knows; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="conflictscope-upload-") as folder:
        path = Path(folder) / safe_name(upload.name or "")
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        yield path


def safe_name(name: str) -> str:
    """The name as every disk takes it: its end where it is too long, another where nothing is left of it."""
    try:
        valid = get_valid_filename(name)
    except SuspiciousFileOperation:
        return _NAMELESS
    return valid.encode()[-_NAME_BYTES:].decode(errors="ignore").lstrip(".") or _NAMELESS
