"""What the simulator was asked: the reference for whether anything was lost, or paid for twice."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """One request that arrived. `digest` is the same for equal requests; `fault` names what was done wrong on purpose."""

    at: float
    protocol: str
    llm: str
    digest: str
    kind: str
    fault: str
    status: int
    tokens_in: int
    tokens_out: int
    text: str = ""  # the whole of what was asked, where the simulator was told to keep it


class Ledger:
    """All requests since the last reset, in the order in which they were answered. `answered` counts replies with text."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def note(self, **facts: Any) -> None:
        self.records.append(Record(at=time.time(), **facts))

    def clear(self) -> None:
        self.records = []

    def counts(self) -> dict[str, Any]:
        records = self.records
        good = [record for record in records if record.status == 200 and record.fault in ("", "slow")]
        return {
            "requests": len(records),
            "good": len(good),
            "distinct": len({record.digest for record in records}),
            "good_distinct": len({record.digest for record in good}),
            "by_kind": dict(Counter(record.kind for record in records)),
            "by_llm": dict(Counter(record.llm for record in records)),
            "by_status": {str(status): count for status, count in Counter(r.status for r in records).items()},
            "by_fault": dict(Counter(record.fault for record in records if record.fault)),
            "by_protocol": dict(Counter(record.protocol for record in records)),
            "tokens_in": sum(record.tokens_in for record in records),
            "tokens_out": sum(record.tokens_out for record in records),
        }

    def as_dict(self, *, records: bool = True) -> dict[str, Any]:
        listed: dict[str, Any] = {"records": [asdict(record) for record in self.records]} if records else {}
        return {**self.counts(), **listed}
