"""The door: what is asked, what is kept, what is not paid for twice, and what is never kept."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection, transaction
from pydantic import BaseModel, ConfigDict

from conflictscope.errors import InvalidInput
from conflictscope.llm.client import Book, Client, Door, Entry, ask_once
from conflictscope.llm.errors import LLMError, MissingKey, PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.retrying import Retries
from conflictscope.llm.types import Message, Parsed, Prompt, Reply
from tests.factories.llm import EndpointFactory
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    anthropic_reply,
    openai_error,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]

KEY = "sk-a-key-that-nobody-may-ever-see-0123456789"
T = TypeVar("T")


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    passed: bool
    reason: str


GOOD = '{"passed": true, "reason": "It could happen."}'


class Waits:
    """Keeps how long the client would have waited, and does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Notes:
    """The book of an asker who only remembers."""

    def __init__(self) -> None:
        self.ends: list[Entry] = []

    def opened(self, entries: Sequence[Entry]) -> None:
        pass

    def ended(self, entries: Sequence[Entry]) -> None:
        self.ends.extend(entries)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def endpoint(provider: ScriptedServer) -> Endpoint:
    return EndpointFactory(base_url=f"{provider.base_url}/v1")


def with_a_client(use: Callable[[Client], Coroutine[Any, Any, T]], *, waits: Waits | None = None, **retries: Any) -> T:
    async def run() -> T:
        async with Client(retries=Retries(first_delay=1, sleep=(waits or Waits()).sleep, **retries)) as client:
            return await use(client)

    return async_to_sync(run)()


def through_a_door(use: Callable[[Door], Coroutine[Any, Any, T]], *, book: Book | None = None, **options: Any) -> T:
    return with_a_client(lambda client: use(client.door(book)), **options)


def ask(endpoint: Endpoint, prompt: Prompt | str = "A or B?", **options: Any) -> Reply:
    door_options = {name: options.pop(name) for name in ("book", "waits", "patience", "attempts") if name in options}
    return through_a_door(lambda door: door.ask(endpoint, prompt, purpose="testing", **options), **door_options)


def ask_for(endpoint: Endpoint, prompt: Prompt | str = "Passed?", **options: Any) -> Parsed[Verdict]:
    door_options = {name: options.pop(name) for name in ("book", "waits") if name in options}
    return through_a_door(
        lambda door: door.ask_for(Verdict, endpoint, prompt, purpose="testing", **options), **door_options
    )


def the_call() -> Call:
    return Call.objects.get()


# What a call leaves behind


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


# The log as an answer


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


# Intents, transactions


@pytest.mark.django_db(transaction=True)
def test_the_intent_is_committed_before_the_request_is_sent(provider: ScriptedServer, endpoint: Endpoint) -> None:
    seen_by_another_connection: list[tuple[str, str]] = []

    def look() -> None:
        try:
            seen_by_another_connection.extend(Call.objects.values_list("outcome", "request_digest"))
        finally:
            connection.close()

    provider.on_request = look
    ask(endpoint)
    call = the_call()
    assert seen_by_another_connection == [("sent", call.request_digest)]
    assert call.outcome == "ok"


@pytest.mark.django_db(transaction=True)
def test_a_call_whose_asker_dies_stays_visible_as_sent_and_is_asked_again(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(Answer(200, openai_reply("late").body, {"content-type": "application/json"}, seconds=0.5))

    async def die(door: Door) -> None:
        asking = asyncio.create_task(door.ask(endpoint, "A or B?", purpose="testing"))
        while not provider.seen:
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()

    through_a_door(die)
    assert the_call().outcome == "sent"
    assert ask(endpoint).text == "OK"
    assert list(Call.objects.order_by("pk").values_list("outcome", flat=True)) == ["sent", "ok"]


def test_the_end_of_a_call_and_what_the_asker_notes_are_one_transaction(endpoint: Endpoint) -> None:
    class CannotNote(Notes):
        def ended(self, entries: Sequence[Entry]) -> None:
            assert connection.in_atomic_block
            EndpointFactory(name="noted")
            raise LookupError("the asker cannot note it")

    with pytest.raises(LookupError):
        ask(endpoint, book=CannotNote())
    assert the_call().outcome == "sent"
    assert not Endpoint.objects.filter(name="noted").exists()


@pytest.mark.parametrize(
    ("answers", "maybe_billed"),
    [
        ([Answer(drop=True), openai_error(400, "No.")], True),
        ([openai_error(500, "Oops."), openai_error(400, "No.")], False),
        ([Answer(drop=True), openai_reply("OK")], False),
    ],
)
def test_the_asker_is_told_when_a_failed_call_may_be_billed(
    provider: ScriptedServer, endpoint: Endpoint, answers: list[Answer], maybe_billed: bool
) -> None:
    provider.says(*answers)
    notes = Notes()
    with suppress(LLMError):
        ask(endpoint, book=notes)
    assert [entry.maybe_billed for entry in notes.ends] == [maybe_billed]


@pytest.mark.django_db(transaction=True)
def test_a_reply_outlives_a_database_that_is_away_for_a_moment(
    provider: ScriptedServer, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conflictscope.llm.together.AGAIN_AFTER", (0, 0, 0))
    away = iter([True, True])

    def away_twice(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith('UPDATE "llm_call"') and next(away, False):
            raise OperationalError("the server closed the connection")
        return execute(sql, *rest)

    with connection.execute_wrapper(away_twice):
        assert ask(endpoint).text == "OK"
    assert (the_call().outcome, the_call().reply, len(provider.seen)) == ("ok", "OK", 1)


def test_a_book_may_refuse_a_call_and_then_nothing_is_sent(provider: ScriptedServer, endpoint: Endpoint) -> None:
    """One of several that are opened together: the others go their way."""

    class RefusesThree(Notes):
        def opened(self, entries: Sequence[Entry]) -> None:
            if any(entry.owner == 3 for entry in entries):
                raise LookupError("no more money")

    async def five(client: Client) -> list[Reply | BaseException]:
        asked = (client.door(RefusesThree(), n).ask(endpoint, f"Question {n}", purpose="testing") for n in range(5))
        return await asyncio.gather(*asked, return_exceptions=True)

    said = with_a_client(five)
    assert isinstance(said.pop(3), LookupError)
    assert [reply.text for reply in said if isinstance(reply, Reply)] == ["OK"] * 4
    assert len(provider.seen) == Call.objects.count() == 4


def test_what_cannot_be_noted_of_one_call_does_not_undo_what_was_noted_of_another(endpoint: Endpoint) -> None:
    class CannotNoteThree(Notes):
        def ended(self, entries: Sequence[Entry]) -> None:
            if any(entry.owner == 3 for entry in entries):
                raise LookupError("the asker cannot note it")

    async def five(client: Client) -> list[Reply | BaseException]:
        asked = (client.door(CannotNoteThree(), n).ask(endpoint, f"Question {n}", purpose="testing") for n in range(5))
        return await asyncio.gather(*asked, return_exceptions=True)

    with_a_client(five)
    assert sorted(Call.objects.values_list("outcome", flat=True)) == ["ok"] * 4 + ["sent"]


@pytest.mark.django_db(transaction=True)
def test_asking_inside_a_transaction_is_refused_before_anything_is_sent(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        ask(endpoint)
    assert not provider.seen


# Errors and retries


@pytest.mark.parametrize(
    "answer",
    [
        openai_error(429, "Slow down."),
        openai_error(500, "Oops."),
        openai_error(529, "Overloaded."),
        Answer(drop=True),
        Answer(200, b"<html>", {"content-type": "text/html"}),
    ],
)
def test_what_passes_is_tried_again_and_paid_for_once(
    provider: ScriptedServer, endpoint: Endpoint, waits: Waits, answer: Answer
) -> None:
    provider.says(answer, answer, openai_reply("There."))
    assert ask(endpoint, waits=waits).text == "There."
    call = the_call()
    assert (call.outcome, call.attempts, call.error) == ("ok", 3, "")
    # 1 s and 2 s, less up to half by chance
    assert 0.5 <= waits.seconds[0] <= 1 <= waits.seconds[1] <= 2


def test_after_four_attempts_the_error_is_raised_and_kept(
    provider: ScriptedServer, endpoint: Endpoint, waits: Waits
) -> None:
    provider.afterwards = openai_error(500, "Oops.")
    notes = Notes()
    with pytest.raises(TransientLLMError, match="Oops"):
        ask(endpoint, waits=waits, book=notes)
    call = the_call()
    assert len(provider.seen) == call.attempts == 4
    assert call.outcome == "failed"
    assert "Oops." in call.error
    assert (call.reply, call.cost, call.tokens_in) == ("", None, None)
    assert [(entry.call.outcome, entry.from_cache) for entry in notes.ends] == [("failed", False)]


def test_an_error_is_never_an_answer(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(openai_error(400, "No."))
    with pytest.raises(PermanentLLMError):
        ask(endpoint)
    assert ask(endpoint).text == "OK"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_what_will_never_pass_is_not_tried_again(
    provider: ScriptedServer, endpoint: Endpoint, waits: Waits, status: int
) -> None:
    provider.says(openai_error(status, "No."))
    with pytest.raises(PermanentLLMError, match="No\\."):
        ask(endpoint, waits=waits)
    assert len(provider.seen) == 1
    assert waits.seconds == []
    assert (the_call().outcome, the_call().attempts) == ("failed", 1)


def test_the_wait_that_a_provider_asks_for_is_kept_to(
    provider: ScriptedServer, endpoint: Endpoint, waits: Waits
) -> None:
    provider.says(openai_error(429, "Slow down.", retry_after="7"), openai_error(503, "Soon.", retry_after_ms="40"))
    ask(endpoint, waits=waits)
    assert waits.seconds == [7.0, 0.04]


def test_a_wait_beyond_all_patience_is_left_to_the_asker(
    provider: ScriptedServer, endpoint: Endpoint, waits: Waits
) -> None:
    provider.says(openai_error(429, "Slow down.", retry_after="7"), openai_error(429, "Slow down.", retry_after="55"))
    with pytest.raises(RateLimited) as caught:
        ask(endpoint, waits=waits, patience=60)
    assert caught.value.retry_after == 55
    assert waits.seconds == [7.0]
    assert the_call().attempts == 2


def test_waits_double_up_to_a_longest() -> None:
    retries = Retries(first_delay=1, longest_delay=10)
    error = TransientLLMError("Oops.")
    for attempt, most in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (9, 10)):
        assert most / 2 <= retries.delay(attempt, error) <= most


def test_where_nobody_listens_the_call_fails_with_what_to_do(waits: Waits) -> None:
    with pytest.raises(TransientLLMError, match=r"manage\.py simulate_llms"):
        ask(EndpointFactory(name="far-away"), waits=waits)
    assert "Endpoint far-away" in the_call().error


# Keys


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


# Structured replies


def test_a_compatible_server_is_told_the_form_in_words(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(openai_reply(GOOD))
    parsed = ask_for(endpoint)
    assert parsed.value == Verdict(passed=True, reason="It could happen.")
    assert parsed.problem == ""
    body = provider.seen[0].body
    assert "response_format" not in body
    message = body["messages"][0]["content"]
    assert message.startswith("Passed?\n\n")
    assert '"reason"' in message
    assert "<reply_schema>" in message
    schema = the_call().request["schema"]
    assert (schema["name"], schema["native"], len(schema["digest"])) == ("Verdict", False, 64)


@pytest.mark.parametrize(
    ("provider_name", "parameters"), [("openai", {}), ("openai_compatible", {"json_schema": True}), ("anthropic", {})]
)
def test_a_server_that_can_hold_a_reply_to_a_form_is_asked_to(
    provider: ScriptedServer, provider_name: str, parameters: dict[str, Any]
) -> None:
    endpoint = EndpointFactory(base_url=provider.base_url, provider=provider_name, parameters=parameters)
    provider.says(anthropic_reply(GOOD) if provider_name == "anthropic" else openai_reply(GOOD))
    assert ask_for(endpoint).value == Verdict(passed=True, reason="It could happen.")
    body = provider.seen[0].body
    assert ("output_config" if provider_name == "anthropic" else "response_format") in body
    assert body["messages"][-1]["content"] == "Passed?"
    assert "json_schema" not in body
    assert the_call().request["schema"]["native"]


def test_an_object_of_the_form_is_answered_from_the_log_afterwards(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(openai_reply(GOOD))
    assert ask_for(endpoint) == ask_for(endpoint)
    assert len(provider.seen) == 1


@pytest.mark.parametrize(
    ("bad", "wrong"),
    [
        ("Certainly! It passes.", "no JSON object"),
        ('{"passed": true', "no JSON object"),
        ('{"passed": "perhaps", "reason": "r"}', "passed: "),
        ('{"passed": true}', "reason: Field required"),
        ('{"passed": true, "reason": "r", "score": 3}', "score: "),
        ("[]", "the reply: "),
    ],
)
def test_a_reply_of_another_form_is_answered_once_with_what_was_wrong(
    provider: ScriptedServer, endpoint: Endpoint, bad: str, wrong: str
) -> None:
    provider.says(openai_reply(bad), openai_reply(GOOD))
    parsed = ask_for(endpoint, sample=2)
    assert parsed.value == Verdict(passed=True, reason="It could happen.")

    first, second = Call.objects.order_by("pk")
    assert parsed.reply == Reply(GOOD, "ok", (first.pk, second.pk))
    assert (first.outcome, first.reply, second.outcome) == ("malformed", bad, "ok")
    assert wrong in first.error
    assert second.request["correction_of"] == first.pk
    assert second.sample == 2
    conversation = provider.seen[1].body["messages"]
    assert [message["role"] for message in conversation] == ["user", "assistant", "user"]
    assert conversation[1]["content"] == bad
    assert wrong in conversation[2]["content"]


def test_a_correction_that_does_not_help_leaves_no_value_and_both_replies(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(openai_reply("It passes."), openai_reply("I said it passes."))
    parsed = ask_for(endpoint)
    assert parsed.value is None
    assert "no JSON object" in parsed.problem
    assert parsed.reply.outcome == "malformed"
    assert parsed.reply.text == "I said it passes."
    assert len(parsed.reply.call_ids) == 2
    assert list(Call.objects.values_list("outcome", flat=True)) == ["malformed", "malformed"]


def test_what_could_not_be_read_is_asked_afresh_next_time(provider: ScriptedServer, endpoint: Endpoint) -> None:
    provider.says(openai_reply("It passes."), openai_reply("I said it passes."), openai_reply(GOOD))
    assert ask_for(endpoint).value is None
    assert ask_for(endpoint).value is not None
    assert [len(seen.body["messages"]) for seen in provider.seen] == [1, 3, 1]


def test_what_was_corrected_is_answered_from_the_log_without_paying_again(
    provider: ScriptedServer, endpoint: Endpoint
) -> None:
    provider.says(openai_reply("It passes."), openai_reply(GOOD))
    notes = Notes()
    first = ask_for(endpoint)
    again = ask_for(endpoint, book=notes)
    assert again == first
    assert [entry.from_cache for entry in notes.ends] == [True, True]
    assert len(provider.seen) == 2


@pytest.mark.parametrize("interruption", [openai_error(400, "No."), None], ids=["failed", "died"])
def test_a_correction_that_was_never_answered_is_taken_up_where_it_stopped(
    provider: ScriptedServer, endpoint: Endpoint, interruption: Answer | None
) -> None:
    """Also after an earlier round that came to nothing with the very same words."""
    provider.says(openai_reply("It passes."), openai_reply("It does."))
    assert ask_for(endpoint).value is None
    provider.says(openai_reply("It passes."), interruption or Answer(drop=True))
    if interruption:
        with pytest.raises(PermanentLLMError):
            ask_for(endpoint)
    else:

        async def die(door: Door) -> None:
            asking = asyncio.create_task(door.ask_for(Verdict, endpoint, "Passed?", purpose="testing"))
            while len(provider.seen) < 4:
                await asyncio.sleep(0.005)
            asking.cancel()
            await asyncio.wait([asking])

        provider.answers.pop()
        provider.says(Answer(200, openai_reply(GOOD).body, {"content-type": "application/json"}, seconds=0.5))
        through_a_door(die)
    provider.says(openai_reply(GOOD))
    assert ask_for(endpoint).value is not None
    assert len(provider.seen) == 5
    assert len(provider.seen[4].body["messages"]) == 3


@pytest.mark.parametrize(
    ("answer", "outcome", "problem"),
    [
        (openai_reply(None, refusal="I will not."), "refused", "refusal"),
        (openai_reply('{"passed": tr', finish="length"), "truncated", "cut off"),
        (openai_reply(" "), "empty", "empty"),
    ],
)
def test_a_reply_that_is_no_whole_one_has_no_value_and_is_not_asked_for_again_at_once(
    provider: ScriptedServer, endpoint: Endpoint, answer: Answer, outcome: str, problem: str
) -> None:
    provider.says(answer)
    parsed = ask_for(endpoint)
    assert parsed.value is None
    assert parsed.reply.outcome == outcome
    assert problem in parsed.problem
    assert len(provider.seen) == 1


@pytest.mark.parametrize("provider_name", ["openai", "openai_compatible"])
def test_a_form_that_changed_is_another_question(provider: ScriptedServer, provider_name: str) -> None:
    class Stricter(BaseModel):
        passed: bool

    endpoint = EndpointFactory(base_url=provider.base_url, provider=provider_name)
    provider.says(openai_reply(GOOD), openai_reply('{"passed": false}'))
    ask_for(endpoint)
    parsed = through_a_door(lambda door: door.ask_for(Stricter, endpoint, "Passed?", purpose="testing"))
    assert parsed.value == Stricter(passed=False)
    assert len(provider.seen) == 2


# One question outside a job


def test_one_question_can_be_asked_from_ordinary_code(endpoint: Endpoint) -> None:
    notes = Notes()
    reply = ask_once(endpoint, "A or B?", purpose="testing", book=notes)
    assert reply == Reply("OK", "ok", (the_call().pk,))
    assert [entry.from_cache for entry in notes.ends] == [False]
