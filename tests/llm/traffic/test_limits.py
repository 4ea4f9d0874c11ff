"""Requests and tokens per minute: what passes, what waits, and that all processes are held together."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from pydantic import BaseModel
from pyrate_limiter import GCRA, Duration, Rate

from conflictscope.llm.client import Client
from conflictscope.llm.errors import TransientLLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.traffic.limits import Limits
from conflictscope.llm.traffic.shared_state import (
    FileSharedState,
    FileStateStore,
    RedisSharedState,
    open_file,
    open_shared_state,
)
from conflictscope.llm.traffic.tokens import estimate
from conflictscope.llm.types import Completion, LLMRequest, Message
from tests.factories.llm import EndpointFactory
from tests.llm.scripted import ScriptedServer, openai_error, openai_reply
from tests.processes import environment

REDIS = settings.CELERY_BROKER_URL.startswith("redis")


class Sleeps:
    """Keeps how long somebody waited, and waits."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(seconds)


def with_limits(
    use: Callable[[Limits, Sleeps], Awaitable[None]], *, requests: int | None = None, tokens: int | None = None
) -> Sleeps:
    """Run `use` with the limits of an endpoint of its own, kept where this installation keeps them."""
    sleeps = Sleeps()
    number = time.time_ns()  # an endpoint that no earlier run of the tests has sent anything
    endpoint = Endpoint(pk=number, requests_per_minute=requests, tokens_per_minute=tokens)

    async def run() -> None:
        shared = open_shared_state()
        try:
            await use(Limits(endpoint, shared, sleep=sleeps), sleeps)
        finally:
            await shared.aclose()

    async_to_sync(run)()
    return sleeps


def counted(tokens: int) -> Completion:
    return Completion(text="", tokens_in=tokens, tokens_out=0)


@pytest.mark.backends
def test_the_limits_are_kept_in_redis_where_it_is_the_broker_and_else_in_a_file() -> None:
    async def run() -> None:
        shared = open_shared_state()
        assert isinstance(shared, RedisSharedState if REDIS else FileSharedState)
        await shared.aclose()

    async_to_sync(run)()


def test_an_endpoint_without_limits_never_waits_and_keeps_no_account() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        for _ in range(1000):
            await limits.reserve(10_000)
        assert sleeps.seconds == []

    with_limits(use)


@pytest.mark.backends
def test_requests_beyond_what_may_go_at_once_wait_for_their_turn() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        for _ in range(3):
            await limits.reserve(5)

    # One at a time: 600 ms apart.
    assert sum(with_limits(use, requests=100).seconds) == pytest.approx(1.2, abs=0.1)


@pytest.mark.backends
def test_a_second_s_worth_of_requests_may_go_at_once() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        for _ in range(100):
            await limits.reserve(5)

    assert sum(with_limits(use, requests=6000).seconds) < 0.1


@pytest.mark.backends
def test_a_request_of_more_tokens_than_may_go_at_once_waits_for_all_of_them() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        await limits.reserve(2500)  # 1,000 at once, and about 1,000 each second

    assert sum(with_limits(use, tokens=60_000).seconds) == pytest.approx(1.5, abs=0.2)


@pytest.mark.backends
def test_tokens_that_were_reserved_and_not_used_are_there_for_the_next() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        await limits.reserve(1000)
        limits.settle(1000, counted(100))
        await limits.reserve(900)

    assert with_limits(use, tokens=60_000).seconds == []


@pytest.mark.backends
def test_tokens_that_were_used_and_not_reserved_are_taken_from_the_next() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        await limits.reserve(500)
        limits.settle(500, counted(1000))
        await limits.reserve(500)  # pays for 1,000: one half is there

    assert sum(with_limits(use, tokens=60_000).seconds) == pytest.approx(0.5, abs=0.2)


def test_a_reply_that_nobody_counted_leaves_its_reservation_as_it_was() -> None:
    async def use(limits: Limits, sleeps: Sleeps) -> None:
        await limits.reserve(1000)
        limits.settle(1000, Completion(text=""))
        await limits.reserve(500)

    assert sum(with_limits(use, tokens=60_000).seconds) == pytest.approx(0.5, abs=0.2)


@pytest.mark.backends
def test_calls_that_wait_are_counted_and_served_in_their_order() -> None:
    served: list[int] = []

    async def use(limits: Limits, sleeps: Sleeps) -> None:
        async def one(number: int) -> None:
            await limits.reserve(1)
            served.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(4)]
        await asyncio.sleep(0.2)
        assert limits.waiting == 3
        await asyncio.gather(*tasks)
        assert limits.waiting == 0

    with_limits(use, requests=119)
    assert served == [0, 1, 2, 3]


SENDER = """
import asyncio, json, sys, time
import django
django.setup()
from conflictscope.llm.traffic.shared_state import open_shared_state
from conflictscope.llm.traffic.limits import Limits
from conflictscope.llm.models import Endpoint

async def send(number, seconds, limit):
    shared = open_shared_state()
    limits = Limits(Endpoint(pk=number, requests_per_minute=limit), shared)
    end, sent = time.time() + seconds, []
    while time.time() < end:
        await limits.reserve(1)
        sent.append(time.time())
    await shared.aclose()
    return sent

print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(asyncio.run(send(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))))
"""


@pytest.mark.backends
@pytest.mark.django_db
def test_two_processes_together_keep_to_the_limit() -> None:
    limit, seconds = 1200, 3.0
    command = [sys.executable, "-c", SENDER, str(time.time_ns()), str(seconds), str(limit)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    senders = [subprocess.Popen(command, env=environment(), cwd=settings.BASE_DIR, **pipes) for _ in range(2)]
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
    sent = [json.loads(sender.communicate("go\n", timeout=60)[0]) for sender in senders]
    times = sorted([*sent[0], *sent[1]])
    at_once, per_second = limit / 60, limit / 60
    assert min(len(part) for part in sent) > 0  # neither has shut the other out
    # Each process sends one more when its time is over.
    assert len(times) <= at_once + per_second * (times[-1] - times[0]) + 2
    assert len(times) >= per_second * (seconds - 1)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert sum(gap > 0.02 for gap in gaps) > len(gaps) / 3


def test_a_clock_that_was_set_back_does_not_stop_everybody(tmp_path: Any) -> None:
    file = open_file(tmp_path / "limits.sqlite3")
    store = FileStateStore(file, "endpoint 1")
    rates = [Rate(60, Duration.MINUTE, burst=1)]
    assert store.check(GCRA(), rates, 10_000_000, 1).allowed
    assert not store.check(GCRA(), rates, 10_000_000, 1).allowed
    assert store.check(GCRA(), rates, 5_000_000, 1).allowed
    file.close()


def test_a_redis_that_does_not_answer_is_an_error_that_may_pass() -> None:
    async def run() -> None:
        shared = RedisSharedState("redis://127.0.0.1:9/0")
        try:
            await shared.check("endpoint 1", Rate(60, Duration.MINUTE), 1)
        finally:
            await shared.aclose()

    with pytest.raises(TransientLLMError, match="kept in Redis, which does not answer"):
        async_to_sync(run)()


# Through the door


def ask_many(endpoint: Endpoint, number: int) -> None:
    async def run() -> None:
        async with Client() as client:
            door = client.door()
            await asyncio.gather(*(door.ask(endpoint, f"Question {n}?", purpose="testing") for n in range(number)))

    async_to_sync(run)()


@pytest.mark.backends
@pytest.mark.django_db
def test_a_call_leaves_no_intent_before_its_limit_lets_it_go(provider: ScriptedServer) -> None:
    seen: list[int] = []
    endpoint = EndpointFactory(base_url=f"{provider.base_url}/v1", requests_per_minute=100, pk=time.time_ns())

    async def run() -> None:
        async with Client() as client:
            door = client.door()
            tasks = [asyncio.create_task(door.ask(endpoint, f"{n}?", purpose="testing")) for n in range(3)]
            await tasks[0]
            seen.append(await Call.objects.acount())
            assert client.waiting >= 1
            await asyncio.gather(*tasks)

    async_to_sync(run)()
    assert seen[0] < 3
    assert len(provider.seen) == Call.objects.count() == 3


@pytest.mark.backends
@pytest.mark.django_db
def test_a_request_that_is_sent_again_counts_again(provider: ScriptedServer) -> None:
    provider.says(openai_error(500, "Oh no."), openai_reply("Yes."))
    endpoint = EndpointFactory(base_url=f"{provider.base_url}/v1", requests_per_minute=100, pk=time.time_ns())
    began = time.monotonic()
    ask_many(endpoint, 1)
    assert Call.objects.get().attempts == 2
    assert time.monotonic() - began > 0.5  # 600 ms apart, though the retries of the tests do not wait


# The estimate


class Verdict(BaseModel):
    passed: bool


def test_a_request_is_estimated_from_its_length_its_form_and_the_longest_reply() -> None:
    short = LLMRequest((Message("user", "x" * 300),), {"max_tokens": 50})
    assert (estimate(short).tokens_in, estimate(short).tokens_out, estimate(short).total) == (108, 50, 158)
    with_form = LLMRequest(short.messages, short.parameters, Verdict)
    assert estimate(with_form).tokens_in > estimate(short).tokens_in
    assert estimate(LLMRequest(short.messages, {})).tokens_out == 1024


def test_a_text_that_is_not_latin_is_estimated_by_what_it_takes() -> None:
    assert estimate(LLMRequest((Message("user", "价值" * 50),))).tokens_in == 108
