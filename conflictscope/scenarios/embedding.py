"""Texts become unit vectors, by weights that are installed with the product and loaded when first needed.

The arithmetic is done by `embedding_process`, never here: it takes all cores, and the interpreter's lock, for minutes, and a worker
that cannot renew its leases meanwhile passes for dead.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, cast

import numpy as np
from django.conf import settings

from conflictscope.errors import ConflictScopeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

# It uses all cores by itself: threads side by side would only take turns and memory.
_one_at_a_time = Lock()
_PROGRAM = "conflictscope.scenarios.embedding_process"
# Texts in one question: long texts first share passes with long ones, for which the model should see many at once.
_PART = 1000
_STORED = np.dtype("<f4")


class EmbeddingModelMissing(ConflictScopeError):
    """The configured weights are not there; the sentence says where they were looked for."""

    code = "embedding_model_missing"
    http_status = 503


class EmbeddingStopped(ConflictScopeError):
    """The process that embeds ended without an answer, twice."""

    code = "embedding_stopped"
    http_status = 503


def embed(texts: Sequence[str], *, name: str = "") -> NDArray[np.float32]:
    """Unit vectors of the texts, one row each. Computed in a process of its own, while this thread only waits.

    Args:
        name: a path, a name that sentence-transformers knows, or `package:NAME` for the folder of an installed package;
            the setting EMBEDDING_MODEL when empty.

    Raises:
        EmbeddingModelMissing: the weights are not installed, and may not or cannot be downloaded.
        EmbeddingStopped: the process did not live long enough to answer.
    """
    model = name or settings.EMBEDDING_MODEL
    folder = folder_of(model)
    with _one_at_a_time:
        parts = [_ask(model, folder, texts[at : at + _PART]) for at in range(0, len(texts), _PART)]
        return np.concatenate(parts) if parts else _ask(model, folder, [])


def _ask(model: str, folder: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """The answer of the process; where that has ended (idle for a while, killed), of another one."""
    for _ in range(2):
        try:
            return _running(model, folder).ask(texts)
        except (OSError, EOFError) as exc:
            logger.info("The process that embeds has ended: %s", exc or type(exc).__name__)
            _stop()
    raise EmbeddingStopped(
        "The process that embeds was ended from outside before it had answered; where memory is short, that is the usual "
        "reason. Give the worker about 1 GB for it, then try again."
    )


class _Embedder:
    """The process that holds the weights, and the two pipes to it."""

    def __init__(self, folder: str, *, may_download: bool) -> None:
        self.owner = os.getpid()
        self.folder = folder
        self._process = subprocess.Popen(  # noqa: S603  # ourselves, and a folder named by the settings or a recipe, no shell
            [sys.executable, "-m", _PROGRAM, folder, str(int(may_download))],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._questions = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        try:
            self.columns = self._read().shape[1]
        except BaseException:
            self.stop()
            raise

    def ask(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.columns), dtype=np.float32)
        self._questions.write(json.dumps(list(texts)).encode() + b"\n")
        self._questions.flush()
        return self._read()

    def stop(self) -> None:
        with suppress(OSError):
            self._questions.close()
        self._answers.close()
        self._process.kill()
        self._process.wait()

    def _read(self) -> NDArray[np.float32]:
        """
        Raises:
            EOFError: it has ended.
            ValueError: it could not load the weights; says why.
        """
        if not (line := self._answers.readline()):
            raise EOFError("no answer")
        head = json.loads(line)
        if "error" in head:
            raise ValueError(head["error"])
        shape = head["rows"], head["columns"]
        body = self._answers.read(shape[0] * shape[1] * _STORED.itemsize)
        if len(body) < shape[0] * shape[1] * _STORED.itemsize:
            raise EOFError("half an answer")
        return np.frombuffer(body, dtype=_STORED).reshape(shape).astype(np.float32)


_embedder: _Embedder | None = None


def _running(model: str, folder: str) -> _Embedder:
    """The process that this one asks, started if there is none for these weights. A fork asks one of its own."""
    global _embedder  # one for the process, as its weights are large
    if _embedder is not None and _embedder.owner != os.getpid():
        _embedder = None
    if _embedder is not None and _embedder.folder != folder:
        _stop()
    if _embedder is None:
        try:
            _embedder = _Embedder(folder, may_download=settings.EMBEDDING_MAY_DOWNLOAD)
        except ValueError as exc:
            raise EmbeddingModelMissing(
                f"The embedding model {model!r} cannot be loaded ({str(exc)[:300]}). Set EMBEDDING_MODEL to a folder that holds "
                "one, or allow the download once with EMBEDDING_MAY_DOWNLOAD=1."
            ) from exc
        logger.info("Embedding model %s loaded", model)
    return _embedder


def _stop() -> None:
    global _embedder
    if _embedder is not None:
        _embedder.stop()
    _embedder = None


def packed(vector: NDArray[np.float32]) -> bytes:
    """A vector as a column holds it: little-endian float32 on every machine."""
    return vector.astype(_STORED).tobytes()


def unpacked(columns: Sequence[bytes | memoryview]) -> NDArray[np.float32]:
    """The stored vectors as the rows of a matrix; shape (0, 0) for none."""
    if not columns:
        return np.empty((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(bytes(each) for each in columns), dtype=_STORED).reshape(len(columns), -1)


def folder_of(name: str) -> str:
    """What sentence-transformers takes for the name: the weights' folder for `package:NAME`, else the name itself."""
    return str(_folder_of_package(name.removeprefix("package:"))) if name.startswith("package:") else name


def _folder_of_package(package: str) -> Path:
    """Where an installed package keeps its weights: the folder, in it or below it, that has a modules.json."""
    spec = find_spec(package) if package.isidentifier() else None
    for location in (spec.submodule_search_locations or []) if spec else []:
        for folder in (Path(location), *sorted(path for path in Path(location).iterdir() if path.is_dir())):
            if (folder / "modules.json").is_file():
                return folder
    raise EmbeddingModelMissing(
        f"EMBEDDING_MODEL names the package {package!r}, which is not installed or holds no embedding model: install it, "
        "or name another."
    )
