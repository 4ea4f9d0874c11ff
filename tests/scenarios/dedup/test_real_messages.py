"""At the size and on the text of a real study, increments decide as the whole matrix does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conflictscope.scenarios.dedup import nearest_earlier
from conflictscope.scenarios.embedding import embed


@pytest.mark.shared_data
def test_real_messages_in_batches_have_the_duplicates_of_the_whole_matrix(shared_data: Path) -> None:
    """The first 400 messages of the authors' first set: 34 pairs are as near as 0.8, whatever the batches. All 1,109 are compared
    by `benchmarks/dedup.py`, as embedding them takes a minute."""
    told: dict[str, str] = json.loads((shared_data / "conflictscope" / "HHH.prompts.json").read_text())
    vectors = embed(list(told.values())[:400])
    cosines = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    cosines[np.triu_indices(len(vectors))] = -1
    assert (cosines >= 0.8).sum() == 34
    decided = [nearest_earlier(vectors[: start + 40], start=start)[1] >= 0.8 for start in range(0, len(vectors), 40)]
    np.testing.assert_array_equal(np.concatenate(decided), cosines.max(axis=1) >= 0.8)
