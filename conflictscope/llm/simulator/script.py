"""Exact replies that a test queues up: the next one, or the next one that a request fits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator.faults import Fault

_FIELDS = {"text", "json", "fault", "retry_after", "status", "body", "headers", "delay", "llm", "contains", "times"}


@dataclass(slots=True)
class Scripted:
    """A reply to give, and to whom.

    One of `text` (said as it is), `fault` (goes wrong in that way; with `text` for what is cut off or refused), or `status`
    (a raw HTTP answer with `body` and `headers`). With none of these the simulator answers as usual, after `delay` seconds.
    `llm` and `contains` narrow down which requests it is for: all of `contains` must stand in the request's text. It is used
    `times` times; 0 means for ever.
    """

    text: str | None = None
    fault: Fault | None = None
    retry_after: float | None = None
    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    llm: str = ""
    contains: tuple[str, ...] = ()
    times: int = 1

    def fits(self, llm: str, text: str) -> bool:
        return (not self.llm or self.llm == llm) and all(piece in text for piece in self.contains)

    @classmethod
    def of(cls, entry: str | Mapping[str, Any]) -> Scripted:
        """From a text to say, or from JSON with this class's fields; `json` in place of `text` says an object as JSON.

        Raises:
            InvalidInput: an unknown field or fault.
        """
        if isinstance(entry, str):
            return cls(text=entry)
        if unknown := sorted(set(entry) - _FIELDS):
            raise InvalidInput(
                f"Unknown fields of a scripted reply: {', '.join(unknown)}; known: {', '.join(sorted(_FIELDS))}."
            )
        values = dict(entry)
        if "json" in values:
            values["text"] = json.dumps(values.pop("json"), ensure_ascii=False)
        contains = values.get("contains", ())
        values["contains"] = (contains,) if isinstance(contains, str) else tuple(contains)
        if values.get("fault") is not None:
            try:
                values["fault"] = Fault(values["fault"])
            except ValueError as exc:
                raise InvalidInput(f"Unknown fault {values['fault']!r}; known: {', '.join(Fault)}.") from exc
        return cls(**values)


class Script:
    """Scripted replies, in the order in which they were queued: the first that fits is used."""

    def __init__(self) -> None:
        self._queue: list[Scripted] = []

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, *replies: Scripted) -> None:
        self._queue.extend(replies)

    def clear(self) -> None:
        self._queue = []

    def take(self, llm: str, text: str) -> Scripted | None:
        for place, reply in enumerate(self._queue):
            if reply.fits(llm, text):
                if reply.times == 1:
                    del self._queue[place]
                elif reply.times > 1:
                    reply.times -= 1
                return reply
        return None
