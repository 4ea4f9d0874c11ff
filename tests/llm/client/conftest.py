from __future__ import annotations

import pytest

from conflictscope.llm.models import Endpoint
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import Waits
from tests.llm.scripted import ScriptedServer


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def endpoint(provider: ScriptedServer) -> Endpoint:
    return EndpointFactory(base_url=f"{provider.base_url}/v1")
