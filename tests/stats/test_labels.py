"""Answers as codes."""

import numpy as np
import pytest

from conflictscope.stats.labels import encode, encode_table, spread


def test_labels_become_their_places_and_none_becomes_minus_one():
    assert encode(["b", None, "a"], ("a", "b")).tolist() == [1, -1, 0]
    assert encode(np.array([7, 1]), (1, 7)).tolist() == [1, 0]
    assert encode_table([["a", None], [None, "b"]], ("a", "b")).tolist() == [[0, -1], [-1, 1]]
    assert encode_table([], ("a", "b")).shape == (0, 0)


def test_codes_are_taken_as_they_are():
    codes = np.array([[0, 1], [-1, 1]], dtype=np.int8)
    assert encode_table(codes, ("a", "b")) is codes
    assert encode(codes[:, 0], ("a", "b")).tolist() == [0, -1]


def test_bad_answers_are_refused_in_words():
    with pytest.raises(ValueError, match="'c' at position 1"):
        encode(["a", "c"], ("a", "b"))
    with pytest.raises(ValueError, match="codes lie from -1"):
        encode(np.array([0, 2], dtype=np.int8), ("a", "b"))
    with pytest.raises(ValueError, match="items as rows"):
        encode_table(np.array([0, 1], dtype=np.int8), ("a", "b"))
    with pytest.raises(ValueError, match="different labels"):
        encode(["a"], ("a",))


def test_answers_in_long_form_are_spread_over_items_and_annotators():
    table = spread([0, 2, 2], [1, 0, 1], np.array([3, 0, 1], dtype=np.int8), shape=(3, 2))
    assert table.tolist() == [[-1, 3], [-1, -1], [0, 1]]
    with pytest.raises(ValueError, match="answered an item twice"):
        spread([0, 0], [1, 1], np.array([0, 1], dtype=np.int8), shape=(1, 2))
    with pytest.raises(ValueError, match="outside the 1 items"):
        spread([1], [0], np.array([0], dtype=np.int8), shape=(1, 2))
    with pytest.raises(ValueError, match="one entry for each answer"):
        spread([1, 2], [0], np.array([0], dtype=np.int8), shape=(3, 2))
