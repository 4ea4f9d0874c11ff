"""What a call leaves behind in the log, of whatever the provider said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from conflictscope.errors import InvalidInput
from conflictscope.llm.client import ask_once
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.types import Message, Prompt, Reply
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import Notes, ask, the_call
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    anthropic_reply,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


def test_a_call_keeps_what_was_asked_what_was_said_and_what_it_cost(provider: ScriptedServer) -> None:
    endpoint = EndpointFactory(
        base_url=provider.base_url, parameters={"temperature": 0.7, "top_p": 1}, price_in="0.15", price_out="0.60"
    )
    prompt = Prompt(name="filtering/realism", version=2, digest="d" * 64, text="Could it happen?")
    provider.says(openai_reply("Yes.", x_request_id="req_9"))
    reply = ask(
        endpoint,
        prompt,
        system="Be brief.",
        history=[Message("user", "Hello"), Message("assistant", "Hi")],
        parameters={"temperature": 0, "top_p": None},
        sample=3,
    )

    call = the_call()
    assert reply == Reply("Yes.", "ok", (call.pk,))
    assert reply.ok
    assert call.endpoint == endpoint
    assert (call.purpose, call.prompt_name, call.prompt_version) == ("testing", "filtering/realism", 2)
    assert call.prompt_digest == "d" * 64
    assert call.request == {
        "messages": [
            {"role": "system", "text": "Be brief."},
            {"role": "user", "text": "Hello"},
            {"role": "assistant", "text": "Hi"},
            {"role": "user", "text": "Could it happen?"},
        ],
        "parameters": {"temperature": 0},
        "schema": None,
    }
    assert provider.seen[0].body["messages"][-1] == {"role": "user", "content": "Could it happen?"}
    assert provider.seen[0].body["temperature"] == 0
    assert "top_p" not in provider.seen[0].body
    assert (call.outcome, call.reply, call.error, call.sample) == ("ok", "Yes.", "", 3)
    assert (call.resolved_llm, call.request_id) == ("judge-2026-11", "req_9")
    assert (call.tokens_in, call.tokens_out) == (1000, 200)
    # 1000 tokens at $0.15 and 200 at $0.60 a million: 0.00015 + 0.00012
    assert call.cost == Decimal("0.00027")
    assert call.attempts == 1
    assert call.latency_ms is not None
    assert call.answered_at is not None
    assert not call.simulated


@pytest.mark.parametrize(
    ("price_in", "price_out", "cost"),
    [(None, None, None), ("1", None, None), (None, "1", None), ("0", "0", Decimal(0)), ("3", "15", Decimal("0.006"))],
)
def test_a_cost_is_known_only_if_both_prices_are(
    provider: ScriptedServer, price_in: str | None, price_out: str | None, cost: Decimal | None
) -> None:
    ask(EndpointFactory(base_url=provider.base_url, price_in=price_in, price_out=price_out))
    assert the_call().cost == cost


def test_a_cost_is_unknown_if_a_count_is() -> None:
    endpoint = EndpointFactory.build(price_in="1", price_out="1")
    assert endpoint.cost(None, 5) is None
    assert endpoint.cost(5, None) is None
    assert endpoint.cost(0, 0) == 0


def test_text_that_is_no_prompt_of_ours_is_kept_as_verbatim(endpoint: Endpoint) -> None:
    ask(endpoint, "Should I tell her?")
    call = the_call()
    assert (call.prompt_name, call.prompt_version, len(call.prompt_digest)) == ("verbatim", 0, 64)


def test_anthropic_is_told_how_much_to_say_and_the_log_keeps_what_it_would_not_take(provider: ScriptedServer) -> None:
    endpoint = EndpointFactory(provider="anthropic", base_url=provider.base_url, parameters={"temperature": 0})
    provider.says(anthropic_reply("A"))
    ask(endpoint)
    call = the_call()
    assert call.request["parameters"] == {"max_tokens": 4096, "temperature": 0}
    assert call.unsupported_parameters == ["temperature"]
    assert provider.seen[0].body["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (openai_reply(None, refusal="No."), "refused"),
        (openai_reply("Once upon", finish="length"), "truncated"),
        (openai_reply(""), "empty"),
    ],
)
def test_what_is_no_whole_answer_is_kept_as_what_it_is_and_asked_again_next_time(
    provider: ScriptedServer, endpoint: Endpoint, answer: Answer, outcome: str
) -> None:
    provider.says(answer, openai_reply("Whole."))
    first = ask(endpoint)
    assert first.outcome == outcome
    assert not first.ok
    assert ask(endpoint).text == "Whole."
    assert list(Call.objects.order_by("pk").values_list("outcome", flat=True)) == [outcome, "ok"]


def test_text_that_no_database_takes_is_made_storable(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(openai_reply("half a \ud83d face and a \x00"))
    assert ask(endpoint).text == "half a ? face and a \ufffd"


def test_a_server_that_says_it_is_a_simulator_marks_its_endpoint_for_good(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(openai_reply("A", x_simulated="1"), openai_reply("B"))
    ask(endpoint, "first")
    endpoint.refresh_from_db()
    assert endpoint.simulated
    ask(endpoint, "second")
    endpoint.refresh_from_db()
    assert endpoint.simulated
    assert list(Call.objects.order_by("pk").values_list("simulated", flat=True)) == [True, False]


def test_what_a_simulator_said_marks_another_endpoint_at_its_address_when_the_log_says_it_again(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(openai_reply("A", x_simulated="1"))
    ask(endpoint)
    other = EndpointFactory(base_url=endpoint.base_url, llm=endpoint.llm)
    ask(other)
    assert Call.objects.count() == 1
    other.refresh_from_db()
    assert other.simulated


def test_a_parameter_that_would_replace_the_request_is_refused_before_anything_is_sent(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    with pytest.raises(InvalidInput, match="messages, stream"):
        ask(endpoint, parameters={"messages": [], "stream": True})
    assert not provider.seen
    assert not Call.objects.exists()


def test_one_question_can_be_asked_from_ordinary_code(endpoint: Endpoint) -> None:
    notes = Notes()
    reply = ask_once(endpoint, "A or B?", purpose="testing", book=notes)
    assert reply == Reply("OK", "ok", (the_call().pk,))
    assert [entry.from_cache for entry in notes.ends] == [False]
