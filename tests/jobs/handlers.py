"""A small kind of job for the tests of this room: two stages that write nothing but their items' notes."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Iterable

from conflictscope.errors import InvalidInput
from conflictscope.jobs import control
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import NewItem
from conflictscope.llm.client import Door
from conflictscope.llm.errors import PermanentLLMError, TransientLLMError
from conflictscope.llm.models import Endpoint


class CountingHandler:
    """Plans `first` items, and `second` more once those are done. Parameters name the keys that go wrong, and how."""

    kind = "tests.count"

    def plan(self, job: Job) -> Iterable[NewItem]:
        if "plan_error" in job.parameters:
            raise InvalidInput(job.parameters["plan_error"])
        for number in range(job.parameters.get("first", 0)):
            yield NewItem(f"first-{number}", {"number": number})
        first = job.items.filter(key__startswith="first-")
        if first.exists() and not first.exclude(state=WorkItem.State.DONE).exists():
            for number in range(job.parameters.get("second", 0)):
                yield NewItem(f"second-{number}", {"number": number})

    def prepare(self, item: WorkItem) -> tuple[WorkItem, dict[str, str], Endpoint | None]:
        parameters = item.job.parameters
        for _ in range(parameters.get("ctrl_c", {}).get(item.key, 0)):
            signal.raise_signal(signal.SIGINT)
        if parameters.get("cancels") == item.key:
            control.cancel(item.job)
        if parameters.get("pauses") == item.key and item.attempts == 1:
            control.pause(item.job)
        if parameters.get("trouble", {}).get(item.key) == "burns while it is read":
            burn()
        endpoint = Endpoint.objects.get(pk=parameters["endpoint"]) if "endpoint" in parameters else None
        return item, parameters.get("trouble", {}), endpoint

    async def ask(self, prepared: tuple[WorkItem, dict[str, str], Endpoint | None], door: Door) -> str:
        item, trouble, endpoint = prepared
        if endpoint is not None:
            reply = await door.ask(endpoint, f"Please count to {item.payload['number']}.", purpose="counting")
            return reply.outcome
        match trouble.get(item.key) or trouble.get("all"):
            case "transient once" if item.attempts == 1:
                raise TransientLLMError("The server is busy. Try later.")
            case "transient":
                raise TransientLLMError("The server is busy. Try later.")
            case "endless":
                await asyncio.sleep(3600)
            case "backtracks for ever":
                re.fullmatch("(a+)+b", "a" * 64)  # with the interpreter's lock: no other thread of the process runs
            case "stuck":
                time.sleep(60)
            case "slow":
                await asyncio.sleep(0.1)
            case "permanent":
                raise PermanentLLMError("The key is wrong. Set another.")
            case "bug":
                raise ZeroDivisionError("a mistake of our own")
        return f"{item.key} stored"

    def store(self, item: WorkItem, outcome: str) -> str:
        match item.job.parameters.get("trouble", {}).get(item.key):
            case "burns while it is stored":
                burn()
            case "waits while it is stored":
                time.sleep(4)
        return outcome


def burn() -> None:
    while True:
        pass
