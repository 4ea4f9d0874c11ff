"""What a job would ask and cost, found out by starting it for a moment.

The job is started in a transaction that is rolled back. Its items are those of the real plan, and each asks as it will ask: through
its handler's own functions, but by a door that only writes the questions down. So an estimate cannot fall behind what jobs do. Of
many items a sample of each step is asked, the same ones in every job, and stands for the rest; a smaller one where time runs out,
as that transaction keeps others of SQLite from writing.
"""

from __future__ import annotations

import heapq
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction

from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Foreseeing, Grown, Handler, NewItem, handler_of
from conflictscope.jobs.rights import rights_of
from conflictscope.llm.estimating import DryDoor, EndpointPace, Line, LoggedHabits, Noted, pace_at_limits

SAMPLE = 100  # items of each step of a job that are really asked
SECONDS = 5.0  # for asking them, all steps together, each of which asks one at the least

_LETTERS = re.compile(r"[a-z_]*")


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """One job of an estimate. `later`: items that grow from others; their number is foreseen, not planned."""

    title: str
    items: int
    later: int
    asked: int  # items that were asked, of all; the rest is extrapolated
    lines: Sequence[Line]

    @property
    def calls(self) -> int:
        return round(sum(line.calls for line in self.lines))

    @property
    def tokens(self) -> int:
        return round(sum(line.tokens_in + line.tokens_out for line in self.lines))

    @property
    def cost(self) -> Decimal | None:
        return _sum(line.cost for line in self.lines)


@dataclass(frozen=True, slots=True)
class StartEstimate:
    """What several jobs that start together would ask and cost, by endpoint and purpose."""

    jobs: Sequence[JobEstimate]
    lines: Sequence[Line]
    paces: Sequence[EndpointPace]
    left_out: Sequence[str]

    @property
    def calls(self) -> int:
        return round(sum(line.calls for line in self.lines))

    @property
    def from_log(self) -> int:
        return round(sum(line.from_log for line in self.lines))

    @property
    def grown(self) -> int:
        return round(sum(line.grown for line in self.lines))

    @property
    def tokens_in(self) -> int:
        return round(sum(line.tokens_in for line in self.lines))

    @property
    def tokens_out(self) -> int:
        return round(sum(line.tokens_out for line in self.lines))

    @property
    def cost(self) -> Decimal | None:
        """US dollars to be expected of the endpoints that have a price; None when none of them has."""
        return _sum(line.cost for line in self.lines)

    @property
    def most(self) -> Decimal | None:
        """US dollars if every reply were as long as it may be; None when something has no price, or no end."""
        return None if any(line.most is None for line in self.lines) else _sum(line.most for line in self.lines)

    @property
    def unpriced(self) -> list[str]:
        """Endpoints whose price is unknown: a budget in US dollars does not bite there."""
        return sorted({line.endpoint.name for line in self.lines if line.calls and line.cost is None})

    @property
    def endless(self) -> list[str]:
        """Endpoints whose requests set no end to a reply."""
        return sorted({line.endpoint.name for line in self.lines if line.calls and line.most_out is None})

    @property
    def guessed(self) -> list[Line]:
        """Lines whose lengths of replies nobody has measured."""
        return [line for line in self.lines if line.calls and not line.habit.measured]

    @property
    def items(self) -> int:
        return sum(job.items for job in self.jobs)

    @property
    def asked(self) -> int:
        return sum(job.asked for job in self.jobs)

    @property
    def hours(self) -> float | None:
        """At the limits of the slowest endpoint; None when no endpoint has limits that are known."""
        return max((pace.hours for pace in self.paces if pace.hours is not None), default=None)

    @property
    def seconds(self) -> float | None:
        return None if self.hours is None else self.hours * 3600

    def remarks(self) -> list[str]:
        """What the numbers rest on, and what they leave out, in sentences."""
        sentences = []
        if not self.calls:
            sentences.append("Nothing is left to ask: it would cost nothing.")
        if self.hours is not None:
            slowest = max(self.paces, key=lambda pace: pace.hours or 0)
            sentences.append(
                f"It takes {in_time(self.hours)} at the least: {slowest.endpoint.name} is held by its {slowest.held_by}."
            )
        elif self.calls:
            sentences.append(
                "How long it takes is unknown: no limits per minute are set, and no such call was timed yet."
            )
        if self.unpriced:
            sentences.append(
                f"Without a price: {', '.join(self.unpriced)}. What is asked there costs an unknown amount, and a budget in US "
                "dollars does not bite there: set the prices, or a budget in calls or tokens."
            )
        if self.endless:
            sentences.append(
                f"Nothing ends the replies of {', '.join(self.endless)}, so there is no most that a call may cost: give the endpoint "
                "max_tokens among its parameters."
            )
        if self.asked < self.items:
            sentences.append(f"Extrapolated from {self.asked:,} of {self.items:,} items, drawn at random step by step.")
        if self.grown:
            sentences.append(
                f"{self.grown:,} calls grow from replies that are not there yet: their prompts are filled with words of the usual length."
            )
        if self.guessed:
            steps = ", ".join(dict.fromkeys(line.purpose for line in self.guessed))
            sentences.append(
                f"The lengths of some replies are a guess, as their endpoints were not asked for these steps yet: {steps}."
            )
        if self.calls:
            sentences.append(
                "Left out: a second try after an error, and the one time that a reply which is not of the form asked for is "
                "asked for again."
            )
        return [*sentences, *self.left_out]


def in_time(hours: float) -> str:
    minutes = hours * 60
    if minutes < 1:
        return f"{max(1, round(minutes * 60))} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{hours:,.1f} h"


def estimate(
    start: Callable[[], Job | Sequence[Job]], *, sample: int = SAMPLE, seconds: float = SECONDS
) -> StartEstimate:
    """What the jobs that `start` starts would ask and cost. Nothing is sent, and nothing stays written.

    A job that lives already is estimated by what it has left.

    Raises:
        ConflictScopeError: whatever `start` raises: the job could not be started.
    """
    habits = LoggedHabits()
    door = DryDoor(habits)
    with transaction.atomic():
        started = start()
        forecasts = [_Forecast(job, sample) for job in ([started] if isinstance(started, Job) else started)]
        clock = _Clock(seconds, steps=sum(forecast.steps for forecast in forecasts))
        for forecast in forecasts:
            if isinstance(forecast.handler, Foreseeing):
                habits.guess(forecast.handler.reply_tokens)
            door.rights = rights_of(forecast.job)
            async_to_sync(forecast.ask)(door, clock)
        transaction.set_rollback(True)
    lines: dict[tuple[int, str], Line] = {}
    for forecast in forecasts:
        for key, line in forecast.lines.items():
            lines.setdefault(key, line.like_it()).add_line(line)
    return StartEstimate(
        jobs=[forecast.result() for forecast in forecasts],
        lines=list(lines.values()),
        paces=pace_at_limits(lines.values()),
        left_out=list(dict.fromkeys(forecast.left_out for forecast in forecasts if forecast.left_out)),
    )


class _Clock:
    """Time that steps share: what one leaves over is the others'."""

    def __init__(self, seconds: float, *, steps: int) -> None:
        self._end = time.monotonic() + seconds
        self._steps = steps

    def end_of_next(self) -> float:
        """The moment, by the monotonic clock, until which the next step may ask."""
        now = time.monotonic()
        share = max(0.0, self._end - now) / self._steps
        self._steps -= 1
        return now + share


class _Forecast:
    """The items that one job has to do, a sample of each step, and what asking those comes to."""

    def __init__(self, job: Job, sample: int) -> None:
        self.job = job
        self.handler: Handler[Any, Any] = handler_of(job)
        self.left_out = self.handler.left_out if isinstance(self.handler, Foreseeing) else ""
        self.counts: Counter[str] = Counter()
        self.later = 0.0
        self.asked = 0
        self.lines: dict[tuple[int, str], Line] = {}
        self._chosen: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
        for item in self._items():
            self._count(item, sample)

    def _items(self) -> Iterable[NewItem]:
        """Those the job has left, and those that its plan would add."""
        left = self.job.items.filter(state__in=[WorkItem.State.OPEN, WorkItem.State.LEASED])
        for key, payload in left.order_by("pk").values_list("key", "payload").iterator():
            yield NewItem(key, payload)
        had = set(self.job.items.values_list("key", flat=True).iterator())
        handler = self.handler
        planned = handler.foresee(self.job) if isinstance(handler, Foreseeing) else handler.plan(self.job)
        for item in planned:
            if item.key not in had:
                yield item

    def _count(self, item: NewItem, sample: int) -> None:
        """Keep the items of each step whose hashed keys are the least: a random sample, and the same one in every job that
        has these items, so that what jobs share is seen to be shared."""
        step = step_of(item.key)
        self.counts[step] += 1
        chosen = self._chosen.setdefault(step, [])
        entry = (-int.from_bytes(blake2b(item.key.encode(), digest_size=8).digest()), item.key, item.payload)
        if len(chosen) < sample:
            heapq.heappush(chosen, entry)
        elif entry[0] > chosen[0][0]:
            heapq.heapreplace(chosen, entry)

    @property
    def steps(self) -> int:
        return len(self._chosen)

    async def ask(self, door: DryDoor, clock: _Clock) -> None:
        prepare = sync_to_async(self.handler.prepare, thread_sensitive=True)
        for step, chosen in self._chosen.items():
            until = clock.end_of_next()
            asked: list[_Asked] = []
            # By their hashes: however many there is time for, they are a random sample.
            for _, key, payload in sorted(chosen, key=lambda entry: entry[0], reverse=True):
                if asked and time.monotonic() >= until:
                    break
                item = WorkItem(job=self.job, key=key, payload=payload)
                asked.append(await self._ask(Grown(item, await prepare(item)), door))
            self.asked += len(asked)
            for sampled in asked:
                self._add(sampled, door, times=self.counts[step] / len(asked), grown=False)

    async def _ask(self, one: Grown[Any], door: DryDoor) -> _Asked:
        handler = self.handler
        outcome = await handler.ask(one.prepared, door)
        asked = _Asked(door.take(), one.times, [])
        if isinstance(handler, Foreseeing):
            follow = sync_to_async(lambda: list(handler.follow(one.item, outcome)), thread_sensitive=True)
            for next_one in await follow():
                asked.grown.append(await self._ask(next_one, door))
        return asked

    def _add(self, asked: _Asked, door: DryDoor, *, times: float, grown: bool) -> None:
        """So many times what one item asked, and what grows from it."""
        for noted in asked.noted:
            line = Line(noted.endpoint, noted.purpose, door.habits.of(noted.endpoint, noted.purpose))
            self.lines.setdefault(line.key, line).add(noted, times=times, grown=grown)
        for each in asked.grown:
            self.later += times * each.times
            self._add(each, door, times=times * each.times, grown=True)

    def result(self) -> JobEstimate:
        return JobEstimate(
            title=self.job.title,
            items=self.counts.total(),
            later=round(self.later),
            asked=self.asked,
            lines=list(self.lines.values()),
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one item asked, which stands for so many, and those that grow from it."""

    noted: Sequence[Noted]
    times: int
    grown: list[_Asked]


def step_of(key: str) -> str:
    """The word that the key of an item begins with."""
    match = _LETTERS.match(key)
    return match.group() if match else ""


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known else None
