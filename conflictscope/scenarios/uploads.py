"""Files that come in by a page, laid down for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile
from django.utils.text import get_valid_filename


@contextmanager
def as_file(upload: UploadedFile) -> Iterator[Path]:
    """The upload as a file under its own name, so that errors name what its owner knows; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="conflictscope-upload-") as folder:
        path = Path(folder) / get_valid_filename(upload.name or "upload")
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        yield path
