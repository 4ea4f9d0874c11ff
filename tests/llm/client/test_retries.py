"""What passes is tried again, what never will is not, and an error is never an answer."""

from __future__ import annotations

import pytest

from conflictscope.llm.errors import PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.models import Endpoint
from conflictscope.llm.traffic.retrying import Retries
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import Notes, Waits, ask, the_call
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    openai_error,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


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
