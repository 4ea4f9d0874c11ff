"""Replies that have a form: how they are asked for, read, put right once, and answered from the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from conflictscope.llm.client import Door
from conflictscope.llm.errors import PermanentLLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.types import Reply
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import GOOD, Notes, Verdict, ask_for, the_call, through_a_door
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    anthropic_reply,
    openai_error,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


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
        ('{"passed": true, "passed": false, "reason": "r"}', "two things of 'passed'"),
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
