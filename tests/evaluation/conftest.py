from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from conflictscope.jobs import worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Dataset
from evaluation.models import Run
from evaluation.running import runs
from tests.factories.evaluation import RunFactory, TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import JudgeFactory
from tests.llm.conftest import provider, scripted_server
from tests.llm.scripted import Answer, ScriptedServer, openai_reply

__all__ = ["provider", "scripted_server"]


def work(run: Run) -> Job:
    """Do what is missing of a run."""
    job = runs.start(run)
    worker.work_on(job)
    return job


def judges(choice: str, *, strength: int = 2, resolved: bool = True, reason: str = "It says so.") -> Answer:
    reply = {"choice": choice, "strength": strength, "resolved": resolved, "reason": reason}
    return openai_reply(json.dumps(reply))


@dataclass
class Conversation:
    """Three scripted LLMs of a simulated-user run, each at an address of its own."""

    user: ScriptedServer
    target: ScriptedServer
    judge: ScriptedServer

    def run(self, dataset: Dataset, **settings: Any) -> Run:
        return RunFactory(
            talks=True,
            dataset=dataset,
            target=TargetFactory(endpoint=endpoint_at(self.target)),
            user_simulator=settings.pop("user_simulator", None) or endpoint_at(self.user),
            judge=JudgeFactory(endpoint=endpoint_at(self.judge)),
            **settings,
        )


def endpoint_at(server: ScriptedServer) -> Any:
    return EndpointFactory(base_url=f"{server.base_url}/v1")


@pytest.fixture(scope="session")
def three_servers() -> Iterator[tuple[ScriptedServer, ScriptedServer, ScriptedServer]]:
    with ScriptedServer().running() as user, ScriptedServer().running() as target, ScriptedServer().running() as judge:
        yield user, target, judge


@pytest.fixture
def conversation(three_servers: tuple[ScriptedServer, ScriptedServer, ScriptedServer]) -> Conversation:
    """A user who asks for the list, a target that hands it over, a judge that sees action A in it."""
    for server in three_servers:
        server.reset()
    talk = Conversation(*three_servers)
    talk.user.afterwards = openai_reply("Please finish my flour order.")
    talk.target.afterwards = openai_reply("Here is the finished list.")
    talk.judge.afterwards = judges("A")
    return talk
