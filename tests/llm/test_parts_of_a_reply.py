"""What a provider sends, and what of it is an answer: in every form in which thought, refusal and ending come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conflictscope.llm.client import ask_once
from conflictscope.llm.errors import PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.traffic.retrying import Retries
from tests.factories.llm import EndpointFactory
from tests.llm.scripted import Answer, ScriptedServer, anthropic_reply, openai_error, openai_reply
from tests.llm.test_adapters import adapter_to, complete, fault_of

pytestmark = pytest.mark.django_db(transaction=True)


def message(finish: str | None = "stop", **fields: Any) -> Answer:
    """A reply whose message has these fields."""
    body = json.loads(openai_reply("", finish="stop").body)
    body["choices"][0] |= {"message": {"role": "assistant", **fields}, "finish_reason": finish}
    return Answer(200, json.dumps(body).encode(), {"content-type": "application/json"})


def whole(body: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"content-type": "application/json"})


PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "B"}]


@pytest.mark.parametrize(
    ("answer", "text", "thought", "outcome"),
    [
        (message(content="<think>hm</think>B"), "B", "hm", "ok"),
        (message(content="B", reasoning_content="hm"), "B", "hm", "ok"),
        (message(content="B", reasoning="hm"), "B", "hm", "ok"),
        (message(content="B", reasoning="hm", reasoning_content="hm"), "B", "hm", "ok"),
        (message(content=PARTS), "B", "hm", "ok"),
        (message(content=[{"type": "text", "text": "B"}]), "B", "", "ok"),
        (message(content=None, reasoning_content="hm", finish="length"), "", "hm", "truncated"),
        (message(content="<think>A, because", finish="length"), "", "A, because", "truncated"),
        (message(content="<think>A, because"), "", "A, because", "truncated"),
        (message(content="A", finish="MAX_TOKENS"), "A", "", "truncated"),
        (message(content="A", finish="STOP"), "A", "", "ok"),
        (message(content="A", finish=None), "A", "", "ok"),
        (message(content="A", finish="error"), "A", "", "failed"),
        (message(content="", finish="SAFETY"), "", "", "blocked"),
        (message(content="A, b", finish="model_length"), "A, b", "", "truncated"),
        (message(content="", finish="RECITATION"), "", "", "blocked"),
        (message(content="A, b", finish="abort"), "A, b", "", "failed"),
        (message(content="A", finish="insufficient_system_resource"), "A", "", "failed"),
        (message(content="I mu", finish="content_filter"), "I mu", "", "blocked"),
        (message(content=None, refusal="I will not."), "", "", "refused"),
    ],
)
def test_the_openai_protocol_in_every_dialect(
    provider: ScriptedServer, answer: Answer, text: str, thought: str, outcome: str
) -> None:
    provider.says(answer)
    completion = complete(adapter_to(provider, "openai_compatible"))
    assert (completion.text, completion.thought, completion.outcome) == (text, thought, outcome)


def test_anthropics_thinking_blocks_are_thought(provider: ScriptedServer) -> None:
    body = json.loads(anthropic_reply("B").body)
    body["content"][:0] = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "redacted_thinking", "data": "zzz"},
    ]
    provider.says(whole(body))
    completion = complete(adapter_to(provider, "anthropic"), max_tokens=9)
    assert (completion.text, completion.outcome) == ("B", "ok")
    assert completion.thought == "hm\n\n(a thought that the provider keeps to itself)"


@pytest.fixture
def endpoint(provider: ScriptedServer) -> Endpoint:
    return EndpointFactory(base_url=f"{provider.base_url}/v1")


def test_thought_stays_in_the_log_and_out_of_the_answer(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(openai_reply("<think>maybe 3</think>5"))
    assert ask_once(endpoint, "From 1 to 7?", purpose="test").answer == "5"
    call = Call.objects.get()
    assert (call.reply, call.thought) == ("5", "maybe 3")


def test_where_thought_ate_the_tokens_that_is_said(provider: ScriptedServer, endpoint: Endpoint) -> None:
    hidden = json.loads(openai_reply("", finish="length").body)
    hidden["usage"]["completion_tokens_details"] = {"reasoning_tokens": 200}
    for number, answer in enumerate([openai_reply("<think>A, because", finish="length"), whole(hidden)]):
        provider.says(answer)
        reply = ask_once(endpoint, "A or B?", purpose="test", sample=number)
        assert (reply.outcome, reply.answer) == ("truncated", "")
        assert reply.problem == "Its thought used up max_tokens before an answer began; raise max_tokens."


def test_a_reply_that_ends_with_an_error_is_asked_for_again_and_then_no_answer(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(message(content="A", finish="error"))
    reply = ask_once(endpoint, "A or B?", purpose="test")
    assert reply.answer == "OK"

    provider.afterwards = message(content="A", finish="error")
    patience = Retries(attempts=2, first_delay=0)
    reply = ask_once(endpoint, "A or B?", purpose="test", sample=1, retries=patience)
    assert (reply.outcome, reply.text, reply.answer) == ("failed", "A", "")
    call = Call.objects.get(pk=reply.call_ids[0])
    assert (call.outcome, call.attempts) == ("failed", 2)
    assert call.error == "The provider broke the reply off with an error: no further words."


BLOCKS = [
    openai_error(400, "blocked", code="content_filter"),
    whole({"error": {"code": "content_filter", "message": "blocked", "innererror": {"code": "x"}}}, 400),
    whole({"error": {"code": "BadRequest", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, 400),
    whole(
        {"error": {"code": 403, "message": "Flagged.", "metadata": {"reasons": ["violence"], "flagged_input": "…"}}},
        403,
    ),
    whole({"choices": [], "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
]


@pytest.mark.parametrize("answer", BLOCKS)
def test_what_a_provider_blocks_is_an_ending_and_no_fault(
    provider: ScriptedServer, endpoint: Endpoint, answer: Answer
) -> None:
    provider.says(answer)
    reply = ask_once(endpoint, "A or B?", purpose="test")
    assert (reply.outcome, reply.answer) == ("blocked", "")
    assert reply.problem.startswith("The provider blocked the reply: Endpoint")


GEMINI = {
    "code": 429,
    "message": "You exceeded your current quota, please check your plan and billing details. Please retry in 1s.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}],
}
PER_DAY = {
    "code": 429,
    "message": "You exceeded your current quota.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
        {"@type": "…QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
        {"@type": "…RetryInfo", "retryDelay": "30s"},
    ],
}


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (whole([{"error": GEMINI}], 429), 1),
        (whole({"error": GEMINI}, 429), 1),
        (whole({"error": GEMINI | {"details": []}}, 429), 1),  # by the words alone
        (whole({"error": PER_DAY}, 429), 3600),
        (openai_error(429, "Rate limit reached. Please try again in 1m2s.", code="rate_limit_exceeded"), 62),
        (
            whole({"error": {"message": "Slow down", "code": 429, "metadata": {"headers": {"Retry-After": "7"}}}}, 429),
            7,
        ),
        (whole({"error": {"message": "Rate limit exceeded", "code": 429}}), None),
        (whole({"error": {"message": "Rate limit exceeded", "code": "429"}}), None),
        (whole({"error": {"message": "Wait", "code": "rate_limit_exceeded", "retry_after": 3}}), 3),
    ],
)
def test_a_rate_limit_is_known_by_its_structure_and_says_how_long(
    provider: ScriptedServer, answer: Answer, wait: float | None
) -> None:
    fault = fault_of(provider, "openai_compatible", answer)
    assert isinstance(fault, RateLimited)
    assert fault.retry_after == wait


def test_a_limit_of_the_day_is_said_to_be_one(provider: ScriptedServer) -> None:
    said = fault_of(provider, "openai_compatible", whole({"error": PER_DAY}, 429)).sentence
    assert "This is a limit of the day" in said
    assert "lower its concurrency" not in said


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "The upstream is down", "code": 502}}, TransientLLMError),
        ({"error": {"message": "No credits", "code": 402}}, PermanentLLMError),
        ({"error": {"message": "No such model", "code": 404}}, PermanentLLMError),
        ({"error": "something broke"}, TransientLLMError),
    ],
)
def test_an_error_in_a_success_is_the_error_that_it_says(
    provider: ScriptedServer, body: object, kind: type[Exception]
) -> None:
    assert isinstance(fault_of(provider, "openai_compatible", whole(body)), kind)


def test_a_providers_words_come_in_full(provider: ScriptedServer) -> None:
    words = "Every word of this counts. " * 40
    for answer in (openai_error(400, words), whole({"error": {"message": words, "code": 400}})):
        provider.reset()
        assert words.strip() in fault_of(provider, "openai_compatible", answer).sentence
    provider.reset()
    routed = {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "upstream: no space"}}}
    assert "(upstream: no space)" in fault_of(provider, "openai_compatible", whole(routed)).sentence


def test_a_rate_limit_in_a_success_is_waited_for_and_gone_on_from(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(whole([{"error": GEMINI}], 429), whole({"error": {"message": "Rate limit exceeded", "code": 429}}))
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    reply = ask_once(endpoint, "A or B?", purpose="test", retries=Retries(first_delay=0, sleep=noted))
    assert reply.answer == "OK"
    assert 1 in waits
