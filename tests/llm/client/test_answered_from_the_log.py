"""What was asked before is answered from the log, and nothing is paid for twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conflictscope.llm.client import Door
from conflictscope.llm.models import Endpoint
from conflictscope.llm.types import Message, Reply
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import GOOD, KEY, Notes, ask, ask_for, the_call, through_a_door
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


def test_the_same_question_is_answered_from_the_log(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(openai_reply("first"), openai_reply("second"))
    notes = Notes()
    once, again = ask(endpoint, book=notes), ask(endpoint, book=notes)
    assert once == again
    assert len(provider.seen) == 1
    assert [(entry.call.pk, entry.from_cache) for entry in notes.ends] == [
        (the_call().pk, False),
        (the_call().pk, True),
    ]


def test_an_answer_in_the_log_needs_no_key_and_no_server(
    provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFLICTSCOPE_KEY_TEST", KEY)
    endpoint = EndpointFactory(base_url=provider.base_url, key_name="CONFLICTSCOPE_KEY_TEST")
    ask(endpoint)
    monkeypatch.delenv("CONFLICTSCOPE_KEY_TEST")
    assert ask(endpoint).text == "OK"


def test_two_names_of_one_llm_share_their_answers(provider: ScriptedServer, endpoint: Endpoint) -> None:
    ask(endpoint)
    ask(EndpointFactory(base_url=f"{provider.base_url}/v1/", price_in=1, price_out=1))
    assert len(provider.seen) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "B or A?"},
        {"system": "Be brief."},
        {"history": [Message("user", "Hello")]},
        {"history": [Message("assistant", "Hello")]},
        {"parameters": {"temperature": 0}},
        {"parameters": {"temperature": 1, "seed": 0}},
        {"parameters": {"temperature": None}},
        {"sample": 1},
        {"llm": "sim-generator"},
        {"base_url": "/other/v1"},
        {"provider": "openai"},
        {"schema": True},
    ],
    ids=str,
)
def test_a_question_that_differs_in_anything_is_another_question(
    provider: ScriptedServer, endpoint: Endpoint, change: dict[str, Any]
) -> None:
    endpoint.parameters = {"temperature": 1}
    ask(endpoint)
    of_endpoint = {name: change.pop(name) for name in ("llm", "base_url", "provider") if name in change}
    if "base_url" in of_endpoint:
        of_endpoint["base_url"] = provider.base_url + of_endpoint["base_url"]
    other = EndpointFactory(**{"base_url": endpoint.base_url, "parameters": {"temperature": 1}, **of_endpoint})
    if change.pop("schema", False):
        provider.says(openai_reply(GOOD))
        ask_for(other, "A or B?")
    else:
        ask(other, change.pop("prompt", "A or B?"), **change)
    assert len(provider.seen) == 2


def test_a_parameter_that_is_0_is_another_than_one_left_out_and_the_same_as_0_point_0(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    ask(endpoint)
    ask(endpoint, parameters={"temperature": 0})
    ask(endpoint, parameters={"temperature": 0.0})
    assert len(provider.seen) == 2


def test_two_who_ask_the_same_at_once_pay_for_it_once(provider: ScriptedServer, endpoint: Endpoint) -> None:
    async def both(door: Door) -> list[Reply]:
        return await asyncio.gather(*(door.ask(endpoint, "Same?", purpose="testing") for _ in range(5)))

    assert {reply.text for reply in through_a_door(both)} == {"OK"}
    assert len(provider.seen) == 1


def test_no_more_is_under_way_to_an_endpoint_than_it_allows(provider: ScriptedServer) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url, max_concurrency=3)
    provider.says(*[Answer(200, openai_reply("OK").body, {"content-type": "application/json"}, seconds=0.05)] * 12)

    async def many(door: Door) -> list[Reply]:
        return await asyncio.gather(*(door.ask(endpoint, f"Question {n}", purpose="testing") for n in range(12)))

    assert len({reply.call_ids for reply in through_a_door(many)}) == 12
    assert provider.most_at_once == 3
