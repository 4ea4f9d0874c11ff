"""The two wire protocols: what a request says, and the bytes of each kind of answer. No decision is made here."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator.questions import Turn

# From this date on Anthropic's API answers requests that carry sampling parameters with 400.
_NO_SAMPLING_SINCE = "2026-10-21"


@dataclass(frozen=True, slots=True)
class SimulatorRequest:
    """A request, whichever protocol it came by. `sampling` is what distinguishes repeated askings of the same text."""

    llm: str
    system: str
    turns: tuple[Turn, ...]
    schema: Mapping[str, Any] | None
    max_tokens: int | None
    sampling: str
    digest: str

    @property
    def text(self) -> str:
        return "\n".join([self.system, *(turn.text for turn in self.turns)])


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered. `ended` is how: of itself, cut off, or refused. `thought` came before it."""

    @property
    def in_line(self) -> str:
        """Thought and answer as one text, as servers without a parser for thoughts send them."""
        if not self.thought or self.form not in ("inline", "closing"):
            return self.text
        opened = "<think>" if self.form == "inline" else ""
        cut = self.ended == "length" and not self.text
        return f"{opened}{self.thought}" if cut else f"{opened}{self.thought}</think>\n\n{self.text}"

    text: str
    ended: Literal["stop", "length", "refusal"] = "stop"
    thought: str = ""
    form: str = ""  # in which a thought is sent, by its name in `characters`


@dataclass(frozen=True, slots=True)
class TokenUsage:
    tokens_in: int
    tokens_out: int


def tokens(text: str) -> int:
    """About as many as a real tokenizer counts in English."""
    return (len(text) + 3) // 4


class Wire(Protocol):
    """One provider's way of putting it."""

    name: str

    def read(self, body: bytes, headers: Mapping[str, str]) -> SimulatorRequest: ...

    def reply(self, asked: SimulatorRequest, said: Said, usage: TokenUsage) -> dict[str, Any]: ...

    def error(self, status: int, message: str) -> dict[str, Any]: ...


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError as exc:
        raise InvalidInput("The request body is not JSON.") from exc
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("model"), str)
        or not isinstance(data.get("messages"), list)
    ):
        raise InvalidInput("The request needs `model` and `messages`.")
    if data.get("stream"):
        raise InvalidInput("The simulator does not stream; leave `stream` out.")
    return data


def _plain(content: Any) -> str:
    """The text of a message, whether it came as a string or as parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "\n".join(str(part.get("text", "")) for part in content)
    raise InvalidInput("A message's content must be text.")


def _turns(messages: list[Any], system_roles: tuple[str, ...]) -> tuple[str, tuple[Turn, ...]]:
    system: list[str] = []
    turns: list[Turn] = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role in system_roles:
            system.append(_plain(message.get("content")))
        elif role in ("user", "assistant"):
            turns.append(Turn(role, _plain(message.get("content"))))
        else:
            raise InvalidInput(f"Unknown message role {role!r}.")
    if not turns:
        raise InvalidInput("The request holds no message of a user.")
    return "\n".join(system), tuple(turns)


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()


def _whole(number: Any) -> int | None:
    return number if isinstance(number, int) and number > 0 else None


class OpenAI:
    """POST /v1/chat/completions."""

    name = "openai"

    def read(self, body: bytes, headers: Mapping[str, str]) -> SimulatorRequest:
        data = _object(body)
        system, turns = _turns(data["messages"], ("system", "developer"))
        wanted = data.get("response_format")
        schema = None
        if isinstance(wanted, dict):
            described = wanted.get("json_schema")
            schema = described.get("schema") if isinstance(described, dict) else None
            if wanted.get("type") == "json_object":
                schema = {}
        return SimulatorRequest(
            llm=data["model"],
            system=system,
            turns=turns,
            schema=schema,
            max_tokens=_whole(data.get("max_completion_tokens")) or _whole(data.get("max_tokens")),
            sampling=f"{data.get('temperature')} {data.get('seed')}",
            digest=_digest(data),
        )

    def reply(self, asked: SimulatorRequest, said: Said, usage: TokenUsage) -> dict[str, Any]:
        refused = said.ended == "refusal"
        content: Any = said.in_line
        if said.thought and said.form == "parts":
            content = [{"type": "thinking", "thinking": [{"type": "text", "text": said.thought}]}]
            content += [{"type": "text", "text": said.text}] if said.text else []
        beside = {said.form: said.thought} if said.thought and said.form in ("reasoning_content", "reasoning") else {}
        details = {"completion_tokens_details": {"reasoning_tokens": tokens(said.thought)}} if said.thought else {}
        return {
            "id": f"chatcmpl-sim-{asked.digest[:20]}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked.llm,
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": None if refused else content,
                        **beside,
                        "refusal": said.text if refused else None,
                        "annotations": [],
                    },
                    "logprobs": None,
                    "finish_reason": "length" if said.ended == "length" else "stop",
                }
            ],
            "usage": {
                "prompt_tokens": usage.tokens_in,
                "completion_tokens": usage.tokens_out,
                "total_tokens": usage.tokens_in + usage.tokens_out,
                **details,
            },
            "system_fingerprint": "fp_simulated",
        }

    def error(self, status: int, message: str) -> dict[str, Any]:
        kind, code = {
            400: ("invalid_request_error", None),
            404: ("invalid_request_error", "model_not_found"),
            429: ("requests", "rate_limit_exceeded"),
        }.get(status, ("server_error", None))
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class Anthropic:
    """POST /v1/messages."""

    name = "anthropic"

    def read(self, body: bytes, headers: Mapping[str, str]) -> SimulatorRequest:
        data = _object(body)
        if _whole(data.get("max_tokens")) is None:
            raise InvalidInput("max_tokens: a whole number above 0 is required.")
        sampling = [name for name in ("temperature", "top_p", "top_k") if name in data]
        if sampling and headers.get("anthropic-version", "") >= _NO_SAMPLING_SINCE:
            raise InvalidInput(f"{sampling[0]}: this version of the API takes no sampling parameters.")
        _, turns = _turns(data["messages"], ())
        config = data.get("output_config")
        wanted = config.get("format") if isinstance(config, dict) else data.get("output_format")
        schema = wanted.get("schema") if isinstance(wanted, dict) else None
        return SimulatorRequest(
            llm=data["model"],
            system=_plain(data.get("system", "")),
            turns=turns,
            schema=schema,
            max_tokens=_whole(data.get("max_tokens")),
            sampling=f"{data.get('temperature')} None",
            digest=_digest(data),
        )

    def reply(self, asked: SimulatorRequest, said: Said, usage: TokenUsage) -> dict[str, Any]:
        return {
            "id": f"msg_sim_{asked.digest[:20]}",
            "type": "message",
            "role": "assistant",
            "model": asked.llm,
            "content": [*_blocks(said), *([{"type": "text", "text": said.in_line}] if said.in_line else [])],
            "stop_reason": {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}[said.ended],
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.tokens_in,
                "output_tokens": usage.tokens_out,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "service_tier": "standard",
            },
        }

    def error(self, status: int, message: str) -> dict[str, Any]:
        kind = {
            400: "invalid_request_error",
            404: "not_found_error",
            429: "rate_limit_error",
            529: "overloaded_error",
        }.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}


def _blocks(said: Said) -> list[dict[str, Any]]:
    """A thought as Anthropic sends it: in a block of its own, or sealed."""
    if not said.thought or said.form in ("inline", "closing"):
        return []
    if said.form == "redacted":
        return [{"type": "redacted_thinking", "data": hashlib.blake2b(said.thought.encode()).hexdigest()}]
    return [{"type": "thinking", "thinking": said.thought, "signature": "simulated"}]
