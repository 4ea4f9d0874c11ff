"""What questions would cost before any of them is sent: a door that writes them down, and what the call log says of their like.

Prompts are the real ones, so their length is known; how a provider counts it, and how long replies are, is taken from the newest
calls to the same endpoint for the same purpose, where there are any.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

from asgiref.sync import sync_to_async

from conflictscope.llm import log
from conflictscope.llm.client import Door, _Answer, _read
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.questions import EndpointQuestion
from conflictscope.llm.rights import FOR_NOBODY, Blinded, Rights
from conflictscope.llm.traffic.tokens import bytes_of, estimate, longest_reply
from conflictscope.llm.types import SchemaT

LATEST = 100  # calls that a habit is measured on
FEWEST = 5
OTHER_ENDPOINTS = 10  # how many are looked through for replies of a purpose that an endpoint was never asked for
# Where nothing was measured. English has about four bytes a token; a reply is guessed by whoever asks, or to be this long.
TYPICAL_BYTES_PER_TOKEN = 4.0
TYPICAL_REPLY = 150


@dataclass(frozen=True, slots=True)
class Habit:
    """What calls to an endpoint for a purpose are like. `measured`: on so many calls of the log; 0: guessed."""

    measured: int
    bytes_per_token: float
    reply_tokens: float
    reply_bytes: float
    latency_seconds: float | None


class LoggedHabits:
    """Habits read from the call log, each once."""

    def __init__(self, reply_tokens: Mapping[str, int] | None = None) -> None:
        self._guessed = dict(reply_tokens or {})
        self._known: dict[tuple[int, str], Habit] = {}

    def guess(self, reply_tokens: Mapping[str, int]) -> None:
        """Tokens of a reply, by purpose, where the log knows none of its like."""
        self._guessed |= reply_tokens

    def of(self, endpoint: Endpoint, purpose: str) -> Habit:
        if (endpoint.pk, purpose) not in self._known:
            self._known[endpoint.pk, purpose] = self._measure(endpoint, purpose)
        return self._known[endpoint.pk, purpose]

    def _measure(self, endpoint: Endpoint, purpose: str) -> Habit:
        calls = _latest(endpoint, purpose)
        if len(calls) >= FEWEST:
            return Habit(
                measured=len(calls),
                bytes_per_token=fmean(_request_bytes(call) for call in calls)
                / max(1.0, fmean(call.tokens_in or 0 for call in calls)),
                reply_tokens=fmean(call.tokens_out or 0 for call in calls),
                reply_bytes=fmean(len(call.reply.encode()) for call in calls),
                latency_seconds=fmean((call.latency_ms or 0) / 1000 for call in calls),
            )
        replies = self._replies_elsewhere(endpoint, purpose)
        tokens = fmean(call.tokens_out or 0 for call in replies) if replies else self._guess_of(purpose)
        return Habit(
            measured=0,
            bytes_per_token=TYPICAL_BYTES_PER_TOKEN,
            reply_tokens=tokens,
            reply_bytes=tokens * TYPICAL_BYTES_PER_TOKEN,
            latency_seconds=None,
        )

    def _replies_elsewhere(self, endpoint: Endpoint, purpose: str) -> list[Call]:
        others = Endpoint.objects.exclude(pk=endpoint.pk).order_by("-pk")[:OTHER_ENDPOINTS]
        return next((calls for other in others if len(calls := _latest(other, purpose)) >= FEWEST), [])

    def _guess_of(self, purpose: str) -> float:
        return self._guessed.get(purpose, TYPICAL_REPLY)


@dataclass(frozen=True, slots=True)
class Noted:
    """One question that would be asked.

    `tokens_in` and `tokens_out` are what is to be expected; `most_in` errs upwards, and `most_out` is where the request ends the
    reply, None where it does not. All are 0 where the log answers.
    """

    endpoint: Endpoint
    purpose: str
    from_log: bool
    tokens_in: float = 0
    tokens_out: float = 0
    most_in: int = 0
    most_out: int | None = 0


class DryDoor(Door):
    """A door behind which nobody is: what is asked is noted, and answered from the log, or by words of the usual length.

    Handlers ask it as they ask the real one, so what is noted is what would be sent: to the letter where no answer of an LLM
    goes into a prompt. A structured reply that the log does not know is None, as one that could not be read.
    """

    def __init__(self, habits: LoggedHabits) -> None:
        self.habits = habits
        self.rights: Rights = FOR_NOBODY  # of whoever asks next
        self.noted: list[Noted] = []
        self._asked_before: set[tuple[str, int]] = set()

    def take(self) -> list[Noted]:
        """What was noted since the last time."""
        noted, self.noted = self.noted, []
        return noted

    async def _answer(self, asked: EndpointQuestion, schema: type[SchemaT] | None) -> _Answer[SchemaT]:
        self.rights.check(asked.endpoint)
        return await sync_to_async(self._note, thread_sensitive=True)(asked, schema)

    def _note(self, asked: EndpointQuestion, schema: type[SchemaT] | None) -> _Answer[SchemaT]:
        habit = self.habits.of(asked.endpoint, asked.purpose)
        (known,) = log.find([(asked, self.rights)])
        if isinstance(known, Blinded):
            raise known
        if known is not None:
            value, problem = _read(schema, known.reply)
            if known.outcome == Call.Outcome.MALFORMED or not problem:
                self.noted.append(Noted(asked.endpoint, asked.purpose, from_log=True))
                return _Answer(known, value)
        if (asked.digest, asked.sample) in self._asked_before:
            self.noted.append(Noted(asked.endpoint, asked.purpose, from_log=True))
        else:
            self._asked_before.add((asked.digest, asked.sample))
            self.noted.append(_noted(asked, habit))
        # Words that differ from question to question: what is asked about them differs, too.
        words = f"{asked.digest} {asked.sample} " + "word " * (int(habit.reply_bytes) // 5)
        reply = words[: max(1, round(habit.reply_bytes))]
        return _Answer(Call(endpoint=asked.endpoint, outcome=Call.Outcome.OK, reply=reply), None)


def _noted(asked: EndpointQuestion, habit: Habit) -> Noted:
    most_out = longest_reply(asked.request)
    size = sum(len(message.text.encode()) for message in asked.request.messages)
    if not habit.measured:  # a measured habit counts the schema with the messages
        size = bytes_of(asked.request)
    return Noted(
        asked.endpoint,
        asked.purpose,
        from_log=False,
        tokens_in=size / habit.bytes_per_token,
        tokens_out=habit.reply_tokens if most_out is None else min(habit.reply_tokens, most_out),
        most_in=estimate(asked.request).tokens_in,
        most_out=most_out,
    )


def _latest(endpoint: Endpoint, purpose: str) -> list[Call]:
    counted = endpoint.calls.filter(
        purpose=purpose, outcome=Call.Outcome.OK, tokens_in__isnull=False, tokens_out__isnull=False
    )
    return list(counted.order_by("-sent_at")[:LATEST])  # in the order of an index


def _request_bytes(call: Call) -> int:
    return sum(len(message["text"].encode()) for message in call.request["messages"])


@dataclass(slots=True)
class Line:
    """All the questions of one purpose to one endpoint, foreseen. `grown`: so many of the calls grow from replies to come."""

    endpoint: Endpoint
    purpose: str
    habit: Habit
    asked: float = 0
    from_log: float = 0
    grown: float = 0
    tokens_in: float = 0
    tokens_out: float = 0
    most_in: float = 0
    most_out: float | None = 0

    @property
    def key(self) -> tuple[int, str]:
        return self.endpoint.pk, self.purpose

    def add(self, noted: Noted, *, times: float, grown: bool) -> None:
        self.asked += times
        if noted.from_log:
            self.from_log += times
            return
        self.grown += times * grown
        self.tokens_in += times * noted.tokens_in
        self.tokens_out += times * noted.tokens_out
        self.most_in += times * noted.most_in
        self.most_out = (
            None if self.most_out is None or noted.most_out is None else self.most_out + times * noted.most_out
        )

    def like_it(self) -> Line:
        """Another of the same questions, with none of them yet."""
        return Line(self.endpoint, self.purpose, self.habit)

    def add_line(self, line: Line) -> None:
        for name in ("asked", "from_log", "grown", "tokens_in", "tokens_out", "most_in"):
            setattr(self, name, getattr(self, name) + getattr(line, name))
        self.most_out = None if self.most_out is None or line.most_out is None else self.most_out + line.most_out

    @property
    def calls(self) -> float:
        """Those to be sent and paid for."""
        return self.asked - self.from_log

    @property
    def whole(self) -> dict[str, int]:
        """Its figures as pages show them."""
        return {name: round(getattr(self, name)) for name in ("calls", "from_log", "tokens_in", "tokens_out")}

    @property
    def cost(self) -> Decimal | None:
        """US dollars, expected; None: the endpoint has no price."""
        return self.endpoint.cost(round(self.tokens_in), round(self.tokens_out)) if self.calls else Decimal(0)

    @property
    def most(self) -> Decimal | None:
        """US dollars at the most, each question asked once; None: no price, or nothing ends the replies."""
        if not self.calls:
            return Decimal(0)
        return None if self.most_out is None else self.endpoint.cost(math.ceil(self.most_in), math.ceil(self.most_out))


@dataclass(frozen=True, slots=True)
class EndpointPace:
    """How long an endpoint takes for its share at least. `hours` None: it has no limits, and no call was timed yet."""

    endpoint: Endpoint
    hours: float | None
    held_by: str


def pace_at_limits(lines: Iterable[Line]) -> list[EndpointPace]:
    """For each endpoint the hours at its limits: requests and tokens a minute, and calls at a time of the latency measured."""
    of: dict[int, list[Line]] = {}
    for line in lines:
        if line.calls:
            of.setdefault(line.endpoint.pk, []).append(line)
    return [_pace(each) for each in of.values()]


def _pace(lines: list[Line]) -> EndpointPace:
    endpoint = lines[0].endpoint
    hours: dict[str, float] = {}
    if endpoint.requests_per_minute:
        hours["requests a minute"] = sum(line.calls for line in lines) / endpoint.requests_per_minute / 60
    if endpoint.tokens_per_minute:
        hours["tokens a minute"] = (
            sum(line.tokens_in + line.tokens_out for line in lines) / endpoint.tokens_per_minute / 60
        )
    timed = [line for line in lines if line.habit.latency_seconds is not None]
    if timed:
        seconds = sum(line.calls * (line.habit.latency_seconds or 0) for line in timed)
        hours["calls at a time"] = seconds / endpoint.max_concurrency / 3600
    if not hours:
        return EndpointPace(endpoint, None, "")
    held_by = max(hours, key=lambda name: hours[name])
    return EndpointPace(endpoint, hours[held_by], held_by)
