"""What can go wrong on purpose: which faults there are, and when one strikes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator import draws


class Fault(StrEnum):
    """How an answer goes wrong. Each is asked for by a probability of the same name."""

    RATE_LIMIT = "rate_limit"  # 429 with Retry-After
    RATE_LIMIT_WITHOUT_RETRY_AFTER = "rate_limit_without_retry_after"
    SERVER_ERROR = "server_error"  # 500
    OVERLOADED = "overloaded"  # 529 (Anthropic), 503 (OpenAI)
    SLOW = "slow"  # the right answer, `slow_seconds` late
    DROPPED = "dropped"  # the connection closes half way through the reply
    TRUNCATED = "truncated"  # cut off, and the reply says so
    EMPTY = "empty"  # a reply without text
    MALFORMED = "malformed"  # where JSON is asked for: text that is not JSON
    WRONG_SCHEMA = "wrong_schema"  # where JSON is asked for: JSON of another form
    REFUSAL = "refusal"  # the protocol's own refusal


# What a command line may say instead of a fault's name.
_BY_STATUS: Mapping[str, str] = {"429": Fault.RATE_LIMIT, "500": Fault.SERVER_ERROR, "529": Fault.OVERLOADED}


@dataclass(frozen=True, slots=True)
class Faults:
    """The probability of each fault, per request; together at most 1. A retry is a new request with a draw of its own."""

    rate_limit: float = 0.0
    rate_limit_without_retry_after: float = 0.0
    server_error: float = 0.0
    overloaded: float = 0.0
    slow: float = 0.0
    dropped: float = 0.0
    truncated: float = 0.0
    empty: float = 0.0
    malformed: float = 0.0
    wrong_schema: float = 0.0
    refusal: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) <= 1:
                raise InvalidInput(f"The probability of {field.name} must be between 0 and 1.")
        if sum(self.as_dict().values()) > 1 + 1e-9:
            raise InvalidInput("The probabilities of all faults together must not exceed 1.")

    def as_dict(self) -> dict[str, float]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, probabilities: Mapping[str, float]) -> Faults:
        """
        Raises:
            InvalidInput: an unknown fault, or a probability out of range.
        """
        unknown = sorted(set(probabilities) - {field.name for field in fields(cls)})
        if unknown:
            raise InvalidInput(f"Unknown faults {', '.join(unknown)}; known: {', '.join(Fault)}.")
        return cls(**{name: float(share) for name, share in probabilities.items()})

    @classmethod
    def parse(cls, wanted: Sequence[str]) -> Faults:
        """From "fault=probability", as on a command line: `429=0.05`, `slow=0.01`. A later one replaces an earlier one.

        Raises:
            InvalidInput: not of this form, an unknown fault, or a probability out of range.
        """
        probabilities: dict[str, float] = {}
        for item in wanted:
            name, _, share = item.partition("=")
            name = name.strip().lower().replace("-", "_")
            try:
                probabilities[_BY_STATUS.get(name, name)] = float(share)
            except ValueError:
                raise InvalidInput(f"{item!r} is no fault with its probability; write 429=0.05 or slow=0.01.") from None
        return cls.of(probabilities)

    def strike(self, *, seed: int, digest: str, attempt: int) -> Fault | None:
        """Which fault, if any, meets the `attempt`-th asking of this request."""
        rest = draws.uniform(seed, "fault", digest, attempt)
        for name, share in self.as_dict().items():
            if share and rest < share:
                return Fault(name)
            rest -= share
        return None


_OBJECT_KEY = re.compile(r'"(\w+)":')


def spoil(text: str, fault: Fault) -> str:
    """A JSON answer made unusable: broken off into prose, or with other keys than were asked for."""
    if fault is Fault.MALFORMED:
        return f"Sure! Here is what I think.\n\n{text[: max(len(text) // 2, 1)]}"
    return _OBJECT_KEY.sub(lambda match: f'"my_{match[1]}":', text)
