"""Keys are sent where they belong, and kept nowhere."""

from __future__ import annotations

import json
import logging

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.llm.errors import LLMError, MissingKey
from conflictscope.llm.models import Call, Endpoint
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import KEY, ask
from tests.llm.scripted import (
    ScriptedServer,
    anthropic_reply,
    openai_error,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


def test_a_key_is_sent_and_is_in_no_row_no_error_and_no_line_of_the_log(
    provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CONFLICTSCOPE_KEY_TEST", f"{KEY}\n")
    endpoint = EndpointFactory(base_url=provider.base_url, key_name="CONFLICTSCOPE_KEY_TEST")
    provider.says(openai_error(500, f"Authorization: Bearer {KEY}"), openai_error(401, f"Incorrect API key: {KEY}."))
    with pytest.raises(LLMError) as caught:
        ask(endpoint)
    provider.says(openai_reply(f"Your key is {KEY}"))
    ask(endpoint)

    assert {seen.headers["authorization"] for seen in provider.seen} == {f"Bearer {KEY}"}
    assert KEY not in str(caught.getrepr(chain=True, showlocals=False))
    assert Call.objects.count() == 2
    for row in [*Call.objects.values(), *Endpoint.objects.values()]:
        assert KEY not in json.dumps(row, default=str)
    assert KEY not in caplog.text


def test_a_variable_that_is_not_set_is_named_and_leaves_no_call(
    provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONFLICTSCOPE_KEY_TEST", raising=False)
    with pytest.raises(MissingKey, match="environment variable CONFLICTSCOPE_KEY_TEST, which is not set"):
        ask(EndpointFactory(base_url=provider.base_url, key_name="CONFLICTSCOPE_KEY_TEST"))
    assert not provider.seen
    assert not Call.objects.exists()


@pytest.mark.parametrize("provider_name", ["openai", "anthropic"])
def test_a_provider_that_insists_on_a_key_must_be_given_one(provider_name: str) -> None:
    with pytest.raises(MissingKey, match="key_name"):
        ask(EndpointFactory(provider=provider_name, base_url=""))


@pytest.mark.parametrize("key", ["sk-1\nsk-2", "sk-1\tsk-2", "sk-ключ"])
def test_a_key_that_cannot_be_one_is_refused_without_being_quoted(
    provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CONFLICTSCOPE_KEY_TEST", key)
    with pytest.raises(MissingKey, match="characters that no key has") as caught:
        ask(EndpointFactory(base_url=provider.base_url, key_name="CONFLICTSCOPE_KEY_TEST"))
    assert key not in str(caught.value)


def test_the_key_of_a_provider_is_never_sent_to_a_stranger(
    provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(InvalidInput, match=r"may be sent to openai\.com only"):
        ask(EndpointFactory(base_url=provider.base_url, key_name="OPENAI_API_KEY"))
    assert not provider.seen


def test_a_server_that_asks_for_no_key_gets_none_of_ours(
    provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, KEY)
    ask(EndpointFactory(base_url=provider.base_url))
    provider.says(anthropic_reply("A"))
    ask(EndpointFactory(base_url=provider.base_url, provider="anthropic"))
    assert len(provider.seen) == 2
    assert all(KEY not in json.dumps(dict(seen.headers)) for seen in provider.seen)
