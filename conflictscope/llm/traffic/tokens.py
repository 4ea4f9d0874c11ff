"""How many tokens a request may cost, before anybody has counted them.

Each provider counts with a tokenizer of its own, and few of them are public, so this is a rule of thumb that errs upwards: a token
for each three bytes of UTF-8 (English has about four, Chinese about three), and a few for the frame of each message. A reply
is taken to be as long as it may be.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from conflictscope.llm.types import LLMRequest

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
# Where the request sets no end to the reply. What a reply took beyond it is settled afterwards.
REPLY_WITHOUT_END = 1024
_ENDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    tokens_in: int
    tokens_out: int

    @property
    def total(self) -> int:
        return self.tokens_in + self.tokens_out


def estimate(request: LLMRequest) -> TokenEstimate:
    """What a request may cost at most, roughly."""
    longest = longest_reply(request)
    return TokenEstimate(
        tokens_in=math.ceil(bytes_of(request) / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(request.messages),
        tokens_out=REPLY_WITHOUT_END if longest is None else longest,
    )


def bytes_of(request: LLMRequest) -> int:
    """Of its messages in UTF-8, and of the schema that goes with them."""
    size = sum(len(message.text.encode()) for message in request.messages)
    if request.schema is not None:
        size += len(json.dumps(request.schema.model_json_schema()))
    return size


def longest_reply(request: LLMRequest) -> int | None:
    """The number of tokens after which the request ends the reply; None: it sets no end."""
    longest = [value for name in _ENDS if isinstance(value := request.parameters.get(name), int) and value > 0]
    return min(longest, default=None)
