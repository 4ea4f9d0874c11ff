"""Each provider's protocol, fault by fault, through its real SDK."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from conflictscope.llm.adapters import faults
from conflictscope.llm.adapters.anthropic import AnthropicAdapter
from conflictscope.llm.adapters.openai import OpenAIAdapter
from conflictscope.llm.addresses import check_resolved
from conflictscope.llm.errors import LLMError, PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.types import Adapter, Completion, Connection, LLMRequest, Message
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    anthropic_error,
    anthropic_reply,
    openai_error,
    openai_reply,
)

KEY = "sk-a-key-that-nobody-may-ever-see-0123456789"
PROTOCOLS = ("openai", "openai_compatible", "anthropic")


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    passed: bool
    side: Literal["A", "B"]


def adapter_to(provider: ScriptedServer | str, protocol: str, *, timeout: float = 20) -> Adapter:
    address = provider if isinstance(provider, str) else provider.base_url
    connection = Connection(
        name="judge",
        llm="judge-llm",
        base_url=address if protocol == "anthropic" else f"{address}/v1",
        key=KEY,
        key_name="CONFLICTSCOPE_KEY_TEST",
        timeout_seconds=timeout,
    )
    if protocol == "anthropic":
        return AnthropicAdapter(connection)
    return OpenAIAdapter(connection, renames_max_tokens=protocol == "openai")


def complete(
    adapter: Adapter, *messages: Message, schema: type[BaseModel] | None = None, **parameters: object
) -> Completion:
    async def run() -> Completion:
        try:
            return await adapter.complete(LLMRequest(messages or (Message("user", "Hello?"),), parameters, schema))
        finally:
            await adapter.aclose()

    return asyncio.run(run())


def reply(protocol: str, text: str, **headers: str) -> Answer:
    return anthropic_reply(text, **headers) if protocol == "anthropic" else openai_reply(text, **headers)


def error(protocol: str, status: int, message: str, **headers: str) -> Answer:
    make = anthropic_error if protocol == "anthropic" else openai_error
    return make(status, message, **headers)


def parameters_of(protocol: str) -> dict[str, int]:
    return {"max_tokens": 50} if protocol == "anthropic" else {}


def fault_of(provider: ScriptedServer, protocol: str, answer: Answer) -> LLMError:
    provider.says(answer)
    with pytest.raises(LLMError) as caught:
        complete(adapter_to(provider, protocol), **parameters_of(protocol))
    assert len(provider.seen) == 1, "an adapter never asks twice"
    assert KEY not in str(caught.value)
    quoted = caught.value.__cause__ or (None if caught.value.__suppress_context__ else caught.value.__context__)
    assert quoted is None, "the SDK's own error may quote what the server said"
    return caught.value


def test_openai_is_sent_the_parameters_as_given_and_read_in_full(provider: ScriptedServer) -> None:
    provider.says(openai_reply("A", x_request_id="req_7"))
    messages = (Message("system", "Be brief."), Message("user", "A or B?"))
    completion = complete(adapter_to(provider, "openai"), *messages, temperature=0, max_tokens=5, seed=3, logprobs=True)

    seen = provider.seen[0]
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.body == {
        "model": "judge-llm",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A or B?"}],
        "temperature": 0,
        "max_completion_tokens": 5,
        "seed": 3,
        "logprobs": True,
    }
    assert completion == Completion(
        text="A", resolved_llm="judge-2026-11", request_id="req_7", tokens_in=1000, tokens_out=200
    )


def test_a_compatible_server_gets_max_tokens_under_its_old_name_and_parameters_of_its_own(
    provider: ScriptedServer,
) -> None:
    complete(adapter_to(provider, "openai_compatible"), max_tokens=5, min_p=0.1, json_schema=False)
    assert provider.seen[0].body == {
        "model": "judge-llm",
        "messages": [{"role": "user", "content": "Hello?"}],
        "max_tokens": 5,
        "min_p": 0.1,
    }


def test_anthropic_is_sent_no_sampling_parameters_and_says_so(provider: ScriptedServer) -> None:
    provider.says(anthropic_reply("A", request_id="req_8"))
    messages = (Message("system", "Be brief."), Message("user", "A or B?"))
    completion = complete(
        adapter_to(provider, "anthropic"),
        *messages,
        max_tokens=5,
        temperature=0,
        top_p=1,
        top_k=4,
        seed=3,
        stop_sequences=["C"],
    )

    seen = provider.seen[0]
    assert seen.path == "/v1/messages"
    assert seen.headers["anthropic-version"] == "2026-10-21"
    assert seen.body == {
        "model": "judge-llm",
        "max_tokens": 5,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "A or B?"}],
        "stop_sequences": ["C"],
    }
    assert completion == Completion(
        text="A",
        resolved_llm="claude-2026-11",
        request_id="req_8",
        tokens_in=1000,  # 900 fresh and 100 from the provider's cache
        tokens_out=200,
        unsupported_parameters=("seed", "temperature", "top_k", "top_p"),
    )


def test_an_older_anthropic_protocol_takes_a_temperature(provider: ScriptedServer) -> None:
    provider.says(anthropic_reply("A"))
    completion = complete(
        adapter_to(provider, "anthropic"), max_tokens=5, temperature=0, seed=3, anthropic_version="2023-06-01"
    )
    assert provider.seen[0].headers["anthropic-version"] == "2023-06-01"
    assert provider.seen[0].body["temperature"] == 0
    assert "anthropic_version" not in provider.seen[0].body
    assert completion.unsupported_parameters == ("seed",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_parameter_listed_as_unsupported_is_not_sent_and_said_to_be_so(
    provider: ScriptedServer, protocol: str
) -> None:
    provider.says(reply(protocol, "A"))
    completion = complete(
        adapter_to(provider, protocol), unsupported=["temperature", "effort"], temperature=0, **parameters_of(protocol)
    )
    assert not {"temperature", "unsupported"} & provider.seen[0].body.keys()
    assert completion.unsupported_parameters == ("temperature",)


def test_openai_holds_a_reply_to_the_strict_schema(provider: ScriptedServer) -> None:
    provider.says(openai_reply('{"passed":true,"side":"A"}'))
    completion = complete(adapter_to(provider, "openai"), schema=Verdict)
    sent = provider.seen[0].body["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["name"] == "Verdict"
    assert sent["json_schema"]["strict"] is True
    assert sent["json_schema"]["schema"]["required"] == ["passed", "side"]
    assert sent["json_schema"]["schema"]["additionalProperties"] is False
    assert completion.text == '{"passed":true,"side":"A"}'


def test_anthropic_holds_a_reply_to_the_schema(provider: ScriptedServer) -> None:
    provider.says(anthropic_reply('{"passed":true,"side":"A"}'))
    complete(adapter_to(provider, "anthropic"), schema=Verdict, max_tokens=9, output_config={"effort": "low"})
    sent = provider.seen[0].body["output_config"]
    assert sent["effort"] == "low"
    assert sent["format"]["type"] == "json_schema"
    assert sent["format"]["schema"]["properties"]["side"]["enum"] == ["A", "B"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_reply_that_breaks_the_schema_is_handed_over_as_it_came(provider: ScriptedServer, protocol: str) -> None:
    provider.says(reply(protocol, "Certainly! I pass it."))
    completion = complete(adapter_to(provider, protocol), schema=Verdict, **parameters_of(protocol))
    assert (completion.text, completion.outcome) == ("Certainly! I pass it.", "ok")


@pytest.mark.parametrize(
    ("answer", "text", "outcome"),
    [
        (openai_reply(None, refusal="I will not."), "I will not.", "refused"),
        (openai_reply("Well", finish="content_filter"), "Well", "blocked"),
        (openai_reply('{"passed": tr', finish="length"), '{"passed": tr', "truncated"),
        (openai_reply("", finish="length"), "", "truncated"),
        (openai_reply(""), "", "empty"),
        (openai_reply(" \n"), " \n", "empty"),
        (openai_reply(None), "", "empty"),
    ],
)
def test_openai_says_itself_how_a_reply_ended(
    provider: ScriptedServer, answer: Answer, text: str, outcome: str
) -> None:
    provider.says(answer)
    completion = complete(adapter_to(provider, "openai"), schema=Verdict)
    assert (completion.text or completion.refusal or "", completion.outcome) == (text, outcome)


@pytest.mark.parametrize(
    ("answer", "text", "outcome"),
    [
        (anthropic_reply("I will not.", stop="refusal"), "I will not.", "refused"),
        (anthropic_reply("", stop="refusal"), "", "refused"),
        (anthropic_reply("Once upon", stop="max_tokens"), "Once upon", "truncated"),
        (anthropic_reply("Once upon", stop="model_context_window_exceeded"), "Once upon", "truncated"),
        (anthropic_reply("A", stop="stop_sequence"), "A", "ok"),
        (anthropic_reply(""), "", "empty"),
    ],
)
def test_anthropic_says_itself_how_a_reply_ended(
    provider: ScriptedServer, answer: Answer, text: str, outcome: str
) -> None:
    provider.says(answer)
    completion = complete(adapter_to(provider, "anthropic"), max_tokens=9)
    assert (completion.text or completion.refusal or "", completion.outcome) == (text, outcome)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_reply_without_counts_and_names_is_a_reply_of_unknown_size(provider: ScriptedServer, protocol: str) -> None:
    bare = {"type": "message", "choices": [{"message": {"content": "A"}}], "content": [{"type": "text", "text": "A"}]}
    provider.says(Answer(200, json.dumps(bare).encode(), {"content-type": "application/json"}))
    assert complete(adapter_to(provider, protocol), **parameters_of(protocol)) == Completion(text="A")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_simulator_is_known_by_its_header(provider: ScriptedServer, protocol: str) -> None:
    provider.says(reply(protocol, "A", x_simulated="1"), reply(protocol, "A"))
    assert complete(adapter_to(provider, protocol), **parameters_of(protocol)).simulated
    assert not complete(adapter_to(provider, protocol), **parameters_of(protocol)).simulated


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, None), ({"retry_after": "7"}, 7.0), ({"retry_after_ms": "250"}, 0.25)]
)
def test_a_full_minute_is_a_rate_limit_with_the_wait_asked_for(
    provider: ScriptedServer, protocol: str, headers: dict[str, str], seconds: float | None
) -> None:
    fault = fault_of(provider, protocol, error(protocol, 429, "Slow down.", **headers))
    assert isinstance(fault, RateLimited)
    assert fault.retry_after == seconds
    assert "Slow down." in fault.sentence
    assert "judge" in fault.sentence


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
def test_a_server_in_trouble_may_be_asked_again(provider: ScriptedServer, protocol: str, status: int) -> None:
    fault = fault_of(provider, protocol, error(protocol, status, "Overloaded", retry_after="3"))
    assert isinstance(fault, TransientLLMError)
    assert not isinstance(fault, RateLimited)
    assert not fault.permanent
    assert fault.retry_after == 3.0
    assert "Overloaded" in fault.sentence


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "unchanged"),
        (401, "Check the key in CONFLICTSCOPE_KEY_TEST"),
        (402, "pay"),
        (403, "Check the key"),
        (404, "llm id"),
        (413, "unchanged"),
        (422, "unchanged"),
        (501, "unchanged"),
    ],
)
def test_what_will_never_be_answered_is_permanent_and_says_what_to_do(
    provider: ScriptedServer, protocol: str, status: int, advice: str
) -> None:
    fault = fault_of(provider, protocol, error(protocol, status, f"No. Your key was {KEY}."))
    assert isinstance(fault, PermanentLLMError)
    assert fault.permanent
    assert "No. Your key was [key]." in fault.sentence
    assert advice in fault.sentence


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("openai", openai_error(429, "You exceeded your current quota.", code="insufficient_quota")),
        ("openai", openai_error(429, "Stopped.", code="billing_hard_limit_reached")),
        ("openai_compatible", openai_error(429, "No credits.", kind="insufficient_quota")),
        ("anthropic", anthropic_error(429, "You have reached your workspace's spend limit.", kind="rate_limit_error")),
        ("anthropic", anthropic_error(400, "Your credit balance is too low.", kind="invalid_request_error")),
        ("anthropic", anthropic_error(402, "Pay.", kind="billing_error")),
    ],
)
def test_an_empty_account_is_permanent_whatever_its_status(
    provider: ScriptedServer, protocol: str, answer: Answer
) -> None:
    assert fault_of(provider, protocol, answer).permanent


def test_a_parameter_that_an_llm_refuses_is_said_how_to_leave_out(provider: ScriptedServer) -> None:
    fault = fault_of(provider, "openai", openai_error(400, "temperature must be 1", code="unsupported_value"))
    assert 'under "unsupported"' in fault.sentence


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_error_page_that_is_not_json_is_quoted(provider: ScriptedServer, protocol: str) -> None:
    page = Answer(503, b"<h1>Bad day</h1>", {"content-type": "text/html"})
    fault = fault_of(provider, protocol, page)
    assert isinstance(fault, TransientLLMError)
    assert "Bad day" in fault.sentence


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Starting up</html>", {"content-type": "text/html"}),
        Answer(200, b'{"choices": [', {"content-type": "application/json"}),
        Answer(200, b"[1, 2]", {"content-type": "application/json"}),
        Answer(200, b"null", {"content-type": "application/json"}),
        Answer(200, b"{}", {"content-type": "application/json"}),
        Answer(200, b'{"choices": ["x"], "content": "x"}', {"content-type": "application/json"}),
        Answer(200, b'{"choices": [{"message": {"content": 5}}], "content": 5}', {"content-type": "application/json"}),
    ],
)
def test_a_success_that_is_not_of_the_protocol_is_no_reply(
    provider: ScriptedServer, protocol: str, answer: Answer
) -> None:
    fault = fault_of(provider, protocol, answer)
    assert isinstance(fault, TransientLLMError)
    assert "not in the form of its protocol" in fault.sentence
    assert fault.maybe_billed


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("answer", [Answer(drop=True), Answer(200, b"x" * 100, cut=True)])
def test_a_dropped_connection_may_be_tried_again(provider: ScriptedServer, protocol: str, answer: Answer) -> None:
    fault = fault_of(provider, protocol, answer)
    assert isinstance(fault, TransientLLMError)
    assert "ended the connection before it had answered" in fault.sentence
    assert fault.maybe_billed


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_where_nobody_listens_the_sentence_says_where_and_what_to_do(protocol: str) -> None:
    with pytest.raises(TransientLLMError) as caught:
        complete(adapter_to("http://127.0.0.1:9", protocol), **parameters_of(protocol))
    for part in ("Endpoint judge", "http://127.0.0.1:9", "Is the server running?", "manage.py simulate_llms"):
        assert part in caught.value.sentence
    assert not caught.value.maybe_billed


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_takes_too_long_is_not_waited_for(provider: ScriptedServer, protocol: str) -> None:
    provider.says(Answer(200, b"{}", seconds=0.6))
    with pytest.raises(TransientLLMError, match=r"did not answer within 0\.2 seconds") as caught:
        complete(adapter_to(provider, protocol, timeout=0.2), **parameters_of(protocol))
    assert caught.value.maybe_billed


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_key_that_a_server_echoes_in_a_reply_is_not_kept(provider: ScriptedServer, protocol: str) -> None:
    provider.says(reply(protocol, f"You sent me {KEY}."))
    assert complete(adapter_to(provider, protocol), **parameters_of(protocol)).text == "You sent me [key]."


def test_the_key_shows_in_no_representation_of_a_connection() -> None:
    connection = Connection("judge", "llm", "http://127.0.0.1", KEY, "CONFLICTSCOPE_KEY_TEST", 1)
    assert KEY not in repr(connection)


NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_the_wait_that_a_provider_asks_for_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert faults.retry_after(headers, now=NOON) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        # Only what is used up must be waited for.
        (
            {
                "x-ratelimit-remaining-requests": "12",
                "x-ratelimit-reset-requests": "2h0m0s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7s",
            },
            7.0,
        ),
        ({"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "6m0s"}, None),
        ({"x-ratelimit-reset-requests": "6m0s"}, None),
        (
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-22T12:00:40Z",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:05Z",
            },
            40.0,
        ),
        (
            {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-11-22T11:00:00Z"},
            0.0,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(1000 * (NOON.timestamp() + 90)))}, 90.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOON.timestamp() + 90))}, 90.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
    ],
)
def test_where_no_wait_is_asked_for_the_limits_that_are_used_up_say_when_they_are_whole_again(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert faults.until_reset(headers, now=NOON) == pytest.approx(seconds)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("said", "seconds"), [({}, 90.0), ({"retry_after": "7"}, 7.0)], ids=["unsaid", "said"])
def test_a_429_without_a_wait_is_waited_for_until_the_limit_is_whole_again(
    provider: ScriptedServer, protocol: str, said: dict[str, str], seconds: float
) -> None:
    limits = {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "1m30s"}
    fault = fault_of(provider, protocol, error(protocol, 429, "Slow down", **limits, **said))
    assert isinstance(fault, RateLimited)
    assert fault.retry_after == seconds


@pytest.mark.parametrize("count", [None, -1, 2**31, "12", 1.5, True])
def test_a_count_that_is_none_is_unknown(count: object) -> None:
    assert faults.token_count(count) is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_redirect_is_not_followed(provider: ScriptedServer, protocol: str) -> None:
    provider.says(Answer(307, b"", {"location": f"{provider.base_url}/elsewhere"}))
    with pytest.raises(PermanentLLMError, match="A redirect is not followed"):
        complete(adapter_to(provider, protocol), **parameters_of(protocol))
    assert len(provider.seen) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_name_that_stands_for_another_address_by_now_is_not_asked(
    provider: ScriptedServer, protocol: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(provider.base_url.rpartition(":")[2])
    settings.LLM_INTERNAL_ADDRESSES = False
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    addresses = ["93.184.215.14"]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses],
    )
    check_resolved(f"http://llm.example.com:{port}")
    addresses[:] = ["127.0.0.1"]
    with pytest.raises(PermanentLLMError, match=r"llm\.example\.com stands for an internal address"):
        complete(adapter_to(f"http://llm.example.com:{port}", protocol), **parameters_of(protocol))
    assert not provider.seen
