"""Deduplication is exact: tiles and increments find what the whole matrix of cosines finds."""

from __future__ import annotations

import numpy as np
import pytest

from conflictscope.scenarios.dedup import nearest_earlier


def unit_vectors(n: int, d: int, *, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_the_whole_matrix(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cosines = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    cosines[np.triu_indices(len(vectors))] = -np.inf
    return cosines.argmax(axis=1), cosines.max(axis=1)


@pytest.mark.parametrize("block", [1, 7, 64, 200, 1024])
def test_tiles_find_what_the_whole_matrix_finds(block: int) -> None:
    vectors = unit_vectors(200, 16, seed=1)
    expected_index, expected_cosine = by_the_whole_matrix(vectors)
    index, cosine = nearest_earlier(vectors, block=block)
    assert index[0] == -1
    assert np.isnan(cosine[0])
    np.testing.assert_array_equal(index[1:], expected_index[1:])
    np.testing.assert_allclose(cosine[1:], expected_cosine[1:], atol=1e-7)


@pytest.mark.parametrize("start", [1, 63, 64, 65, 199, 200])
def test_an_increment_finds_what_comparing_all_at_once_finds(start: int) -> None:
    vectors = unit_vectors(200, 16, seed=2)
    index, cosine = nearest_earlier(vectors, block=64)
    later_index, later_cosine = nearest_earlier(vectors, start=start, block=64)
    np.testing.assert_array_equal(later_index, index[start:])
    np.testing.assert_array_equal(later_cosine, cosine[start:])


def test_the_deciding_cosine_does_not_depend_on_the_size_of_a_tile() -> None:
    vectors = unit_vectors(300, 384, seed=3)
    cosines = [nearest_earlier(vectors, block=block)[1] for block in (1, 50, 1024)]
    np.testing.assert_array_equal(cosines[0], cosines[1])
    np.testing.assert_array_equal(cosines[0], cosines[2])


def test_of_equal_twins_the_first_counts() -> None:
    same = np.array([[1.0, 0.0]] * 5, dtype=np.float32)
    index, cosine = nearest_earlier(same, block=2)
    assert index.tolist() == [-1, 0, 0, 0, 0]
    assert cosine[1:].tolist() == [1.0] * 4


def test_opposite_vectors_are_nearest_when_there_is_no_other() -> None:
    index, cosine = nearest_earlier(np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32))
    assert index.tolist() == [-1, 0]
    assert cosine[1] == -1.0


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_or_one_row_has_no_twin(n: int) -> None:
    index, cosine = nearest_earlier(unit_vectors(n, 4, seed=0))
    assert index.tolist() == [-1] * n
    assert np.isnan(cosine).all()


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="start 3"):
        nearest_earlier(unit_vectors(2, 4, seed=0), start=3)
    with pytest.raises(ValueError, match="block 0"):
        nearest_earlier(unit_vectors(2, 4, seed=0), block=0)
