"""A call is written down before it is sent, and its end together with what its asker notes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from conflictscope.llm.client import Client, Door, Entry
from conflictscope.llm.errors import LLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.types import Reply
from tests.factories.llm import EndpointFactory
from tests.llm.client.asking import Notes, ask, the_call, through_a_door, with_a_client
from tests.llm.scripted import (
    Answer,
    ScriptedServer,
    openai_error,
    openai_reply,
)

pytestmark = [pytest.mark.django_db, pytest.mark.backends]


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
    monkeypatch.setattr("conflictscope.llm.batching.AGAIN_AFTER", (0, 0, 0))
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
