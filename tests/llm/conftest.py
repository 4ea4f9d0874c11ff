from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.llm.scripted import ScriptedServer


@pytest.fixture(scope="session")
def scripted_server() -> Iterator[ScriptedServer]:
    with ScriptedServer().running() as server:
        yield server


@pytest.fixture
def provider(scripted_server: ScriptedServer) -> Iterator[ScriptedServer]:
    """A provider that answers as scripted by the test."""
    scripted_server.reset()
    yield scripted_server
    scripted_server.reset()
