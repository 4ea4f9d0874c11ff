"""What every room's tests need: the simulator, running once, and forgetful between tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from conflictscope.llm.simulator.server import Running, running

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
