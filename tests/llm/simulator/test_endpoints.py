"""The endpoints of the simulator's LLMs: added once, pointed anew, never taken from another LLM."""

from __future__ import annotations

import pytest

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.llm.client import ask_once
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.simulator.endpoints import simulated_endpoints
from conflictscope.llm.simulator.personas import LLM_IDS
from conflictscope.llm.simulator.server import Running, answers_at
from tests.factories.llm import EndpointFactory

pytestmark = pytest.mark.django_db


def test_every_simulated_llm_gets_an_endpoint_of_its_name_and_both_protocols_are_used() -> None:
    endpoints = simulated_endpoints("http://127.0.0.1:8100")
    assert tuple(endpoints) == LLM_IDS
    assert {name: endpoint.llm for name, endpoint in endpoints.items()} == {llm: llm for llm in LLM_IDS}
    assert {(endpoint.provider, endpoint.base_url) for endpoint in endpoints.values()} == {
        ("openai_compatible", "http://127.0.0.1:8100/v1"),
        ("anthropic", "http://127.0.0.1:8100"),
    }
    assert all(endpoint.simulated for endpoint in endpoints.values())
    assert Endpoint.objects.count() == len(LLM_IDS)


def test_another_address_moves_them_and_leaves_what_somebody_set() -> None:
    first = simulated_endpoints("http://127.0.0.1:8100")
    Endpoint.objects.filter(name="sim-judge").update(max_concurrency=2)
    second = simulated_endpoints("http://127.0.0.1:8200/v1/")
    assert {endpoint.pk for endpoint in first.values()} == {endpoint.pk for endpoint in second.values()}
    judge = Endpoint.objects.get(name="sim-judge")
    assert (judge.base_url, judge.max_concurrency) == ("http://127.0.0.1:8200/v1", 2)
    assert Endpoint.objects.get(name="sim-user").base_url == "http://127.0.0.1:8200"


def test_an_endpoint_of_another_llm_is_left_alone() -> None:
    EndpointFactory(name="sim-user", llm="gpt-5")
    with pytest.raises(Conflict, match="'sim-user' is one of the LLM 'gpt-5'"):
        simulated_endpoints("http://127.0.0.1:8100")
    assert Endpoint.objects.count() == 1


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is no address"):
        simulated_endpoints("somewhere")
    assert not Endpoint.objects.exists()


def test_each_answers_through_its_own_protocol_and_what_it_costs_is_known(simulator: Running) -> None:
    for endpoint in simulated_endpoints(simulator.base_url).values():
        assert ask_once(endpoint, "Good morning. What is the weather like?", purpose="testing").ok
    assert simulator.ledger()["by_protocol"] == {"openai": 3, "anthropic": 2}
    assert all(call.simulated and call.cost for call in Call.objects.all())


def test_whether_a_simulator_answers_at_an_address(simulator: Running, provider) -> None:
    assert answers_at(simulator.base_url)
    assert answers_at(f"{simulator.base_url}/v1")
    assert not answers_at("http://127.0.0.1:9")
    assert not answers_at(provider.base_url)
    assert not answers_at("no address")
