from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """Real files that others made. They are no part of the project: without them a test is skipped, on CI it fails."""
    if not SHARED_DATA.is_dir():
        said = "The real data set is not at ../shared/data beside the project; this test reads it there."
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return SHARED_DATA
