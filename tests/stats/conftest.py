"""The worked example: an invented data set with expected numbers, kept beside the project."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORKED_EXAMPLE = Path(__file__).resolve().parents[2] / ".." / "shared" / "worked-example.json"


@pytest.fixture(scope="session")
def worked_example() -> dict[str, Any]:
    """`data` and `expected` of the worked example; missing, it fails in CI and skips elsewhere."""
    if not WORKED_EXAMPLE.exists():
        missing = f"the worked example is not at {WORKED_EXAMPLE}: put the shared folder beside the project"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    loaded: dict[str, Any] = json.loads(WORKED_EXAMPLE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def data(worked_example: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = worked_example["data"]
    return given


@pytest.fixture
def expected(worked_example: dict[str, Any]) -> dict[str, Any]:
    """The expected numbers by name, without their tolerances."""
    return {name: entry["value"] for name, entry in worked_example["expected"].items()}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
