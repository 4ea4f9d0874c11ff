"""`manage.py simulate_llms`: it serves until it is told to stop, and says clearly why it cannot."""

from __future__ import annotations

import io
import os
import signal
import socket
import threading
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from conflictscope.llm.models import Endpoint
from conflictscope.llm.simulator.server import Running, answers_at, listen
from tests.llm.simulator.wire import chat


def free_port() -> int:
    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])


def simulate(*options: str, stop_with: signal.Signals = signal.SIGTERM) -> tuple[str, list[tuple[int, Any]]]:
    """Run the command until it answers, put one question, stop it. What it printed, and what was answered."""
    port = free_port()
    answers: list[tuple[int, Any]] = []

    def ask_and_stop() -> None:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 20
        while time.monotonic() < until and not answers_at(address):
            time.sleep(0.02)
        status, _, answer = chat(address, "Good morning")
        answers.append((status, answer))
        os.kill(os.getpid(), stop_with)

    asker = threading.Thread(target=ask_and_stop)
    asker.start()
    out = io.StringIO()
    call_command("simulate_llms", "--port", str(port), *options, stdout=out)
    asker.join()
    return out.getvalue(), answers


@pytest.mark.parametrize("stop_with", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_stopped_and_says_what_it_did(stop_with: signal.Signals) -> None:
    said, answers = simulate(stop_with=stop_with)
    assert answers[0][1]["choices"][0]["message"]["content"]
    assert "Simulated LLMs at http://127.0.0.1:" in said
    assert "provider anthropic and base_url http://127.0.0.1:" in said
    assert "Stopped after 1 requests, 1 of them answered in full." in said


@pytest.mark.parametrize(("fault", "status"), [("429=1", 429), ("500=1", 500), ("overloaded=1", 503)])
def test_faults_can_be_asked_for(fault: str, status: int) -> None:
    said, answers = simulate("--fault", fault)
    assert [answer[0] for answer in answers] == [status]
    assert "Stopped after 1 requests, 0 of them answered in full." in said


@pytest.mark.django_db
def test_it_can_add_its_endpoints() -> None:
    said, _ = simulate("--endpoints")
    assert "Their endpoints point here" in said
    assert Endpoint.objects.get(name="sim-judge").base_url in said.replace(": sim-generator", "/v1: sim-generator")


def test_a_simulator_that_answers_there_already_is_named(simulator: Running) -> None:
    port = simulator.base_url.rpartition(":")[2]
    with pytest.raises(CommandError, match=rf"answer at http://127\.0\.0\.1:{port} already"):
        call_command("simulate_llms", "--port", port)


@pytest.mark.django_db
def test_the_endpoints_can_be_pointed_to_a_simulator_that_answers_already(simulator: Running) -> None:
    out = StringIO()
    call_command("simulate_llms", "--endpoints", "--port", simulator.base_url.rpartition(":")[2], stdout=out)
    assert "answer at" in out.getvalue()
    assert Endpoint.objects.get(name="sim-judge").base_url == f"{simulator.base_url}/v1"


def test_a_port_that_something_else_holds_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.settimeout(0)
        with pytest.raises(CommandError, match=rf"Cannot listen on 127\.0\.0\.1:{port}.*--port"):
            call_command("simulate_llms", "--port", str(port))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fault", "fire=0.1"], "Unknown faults fire; known: rate_limit"),
        (["--fault", "429"], "'429' is no fault with its probability; write 429=0.05"),
        (["--fault", "429=often"], "write 429=0.05"),
        (["--fault", "slow=1.5"], "The probability of slow must be between 0 and 1"),
        (["--fault", "slow=0.6", "--fault", "500=0.6"], "together must not exceed 1"),
        (["--latency-ms=-1"], "--latency-ms is a number of milliseconds"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(options: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("simulate_llms", *options)
