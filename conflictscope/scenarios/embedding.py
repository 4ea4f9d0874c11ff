"""Texts become unit vectors, by weights that are installed with the product and loaded when first needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings

from conflictscope.errors import ConflictScopeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

# It uses all cores by itself: threads side by side would only take turns and memory.
_one_at_a_time = Lock()
# Texts in one pass through the model, padded to the longest of them: few, as increments are small and of mixed lengths.
AT_A_TIME = 16
_STORED = np.dtype("<f4")


class EmbeddingModelMissing(ConflictScopeError):
    """The configured weights are not there; the sentence says where they were looked for."""

    code = "embedding_model_missing"
    http_status = 503


def embed(texts: Sequence[str], *, name: str = "") -> NDArray[np.float32]:
    """Unit vectors of the texts, one row each.

    Args:
        name: a path, a name that sentence-transformers knows, or `package:NAME` for the folder of an installed package;
            the setting EMBEDDING_MODEL when empty.

    Raises:
        EmbeddingModelMissing: the weights are not installed, and may not or cannot be downloaded.
    """
    with _one_at_a_time:  # and it is loaded once
        encoder = _encoder(name or settings.EMBEDDING_MODEL, settings.EMBEDDING_MAY_DOWNLOAD)
    if not texts:
        return np.empty((0, encoder.get_embedding_dimension()), dtype=np.float32)
    # Long texts first share batches with long ones; sentence-transformers sees to that and restores the order.
    with _one_at_a_time:
        vectors = encoder.encode(
            list(texts),
            batch_size=AT_A_TIME,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
    return np.asarray(vectors, dtype=np.float32)


def packed(vector: NDArray[np.float32]) -> bytes:
    """A vector as a column holds it: little-endian float32 on every machine."""
    return vector.astype(_STORED).tobytes()


def unpacked(columns: Sequence[bytes | memoryview]) -> NDArray[np.float32]:
    """The stored vectors as the rows of a matrix; shape (0, 0) for none."""
    if not columns:
        return np.empty((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(bytes(each) for each in columns), dtype=_STORED).reshape(len(columns), -1)


@lru_cache(maxsize=1)
def _encoder(name: str, may_download: bool) -> Any:
    folder = folder_of(name)
    if not may_download:
        # Read when huggingface_hub is first imported, which is below: a look-up in the installed files stays one.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer  # takes seconds: only those wait who embed
    from transformers.utils import logging as of_transformers

    of_transformers.disable_progress_bar()
    try:
        encoder = SentenceTransformer(folder, device="cpu", local_files_only=not may_download)
    except (OSError, ValueError) as exc:
        raise EmbeddingModelMissing(
            f"The embedding model {name!r} cannot be loaded. Set EMBEDDING_MODEL to a folder that holds one, or allow the "
            "download once with EMBEDDING_MAY_DOWNLOAD=1."
        ) from exc
    logger.info("Embedding model %s loaded", name)
    return encoder


def folder_of(name: str) -> str:
    """What sentence-transformers takes for the name: the weights' folder for `package:NAME`, else the name itself."""
    return str(_folder_of_package(name.removeprefix("package:"))) if name.startswith("package:") else name


def _folder_of_package(package: str) -> Path:
    """Where an installed package keeps its weights: the folder, in it or below it, that has a modules.json."""
    spec = find_spec(package) if package.isidentifier() else None
    for location in (spec.submodule_search_locations or []) if spec else []:
        for found in (Path(location), *sorted(path for path in Path(location).iterdir() if path.is_dir())):
            if (found / "modules.json").is_file():
                return found
    raise EmbeddingModelMissing(
        f"EMBEDDING_MODEL names the package {package!r}, which is not installed or holds no embedding model: install it, "
        "or name another."
    )
