"""What every room's tests need: the simulator, running once and forgetful between tests, and the data of others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from conflictscope.llm.simulator.server import Running, running

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# How long an example takes says how busy the machine is, not what the code does.
settings.register_profile("busy machines", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machines")

# The simulator takes any key; endpoints that point at it name this variable.
os.environ["CONFLICTSCOPE_KEY_SIMULATOR"] = "any key will do"


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Running]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator: Running) -> Running:
    """A local server with simulated LLMs: `base_url`, `script(...)`, `ledger()`, `reset(faults={...})`."""
    _simulator.reset()
    return _simulator


@pytest.fixture
def shared_data() -> Path:
    """Real files that others made. They are no part of the project: without them a test is skipped, on CI it fails."""
    if not SHARED_DATA.is_dir():
        said = "The real data set is not at ../shared/data beside the project; this test reads it there."
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return SHARED_DATA
