"""Anthropic's protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
from anthropic.types import Message, TextBlock, ThinkingBlock

from conflictscope.llm.adapters import faults
from conflictscope.llm.adapters.transport import http_options
from conflictscope.llm.thought import part
from conflictscope.llm.types import Completion, Connection, Ending, LLMRequest

# The protocol refuses these with 400; the first three were taken by the version before.
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_NEVER = frozenset({"seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias"})
_VERSION_WITH_SAMPLING = "2023-06-01"

# Ours, not the provider's: `anthropic_version` asks for an older protocol, under which older LLMs take a temperature;
# `unsupported` lists the parameters that this LLM refuses.
LOCAL_PARAMETERS = frozenset({"anthropic_version", "unsupported"})


class AnthropicAdapter:
    """Messages through the `anthropic` SDK, whose own retries are off."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sdk = anthropic.AsyncAnthropic(
            api_key=connection.key,
            base_url=connection.base_url,
            timeout=connection.timeout_seconds,
            max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(**http_options()),
        )

    async def complete(self, request: LLMRequest) -> Completion:
        version = request.parameters.get("anthropic_version")
        refused = _NEVER | (set(request.parameters.get("unsupported", ())) - {"max_tokens"})
        if version != _VERSION_WITH_SAMPLING:
            refused |= _SAMPLING
        parameters = {name: value for name, value in request.parameters.items() if name not in LOCAL_PARAMETERS}
        unsupported = tuple(sorted(refused & parameters.keys()))
        body = {name: value for name, value in parameters.items() if name not in refused}
        system = "\n\n".join(message.text for message in request.messages if message.role == "system")
        if system:
            body["system"] = system
        if request.schema is not None:
            schema = anthropic.transform_schema(request.schema)
            body["output_config"] = {
                **body.get("output_config", {}),
                "format": {"type": "json_schema", "schema": schema},
            }
        messages: list[Any] = [
            {"role": message.role, "content": message.text} for message in request.messages if message.role != "system"
        ]
        headers = {"anthropic-version": str(version)} if version else None
        raw = await self._send(messages, body, headers)
        try:
            answer = await raw.parse()
        except (ValueError, TypeError, anthropic.AnthropicError) as exc:
            raise faults.unreadable(self._connection, faults.body_of(raw) or str(exc)) from None
        if not isinstance(answer, Message) or not isinstance(getattr(answer, "content", None), list):
            raise faults.error_in_success(self._connection, raw.headers, faults.body_of(raw))
        text, thought, ending = _parts(answer)
        declined = getattr(answer, "stop_reason", None) == "refusal"
        # The SDK checks nothing, and servers that only resemble Anthropic leave things out.
        usage = getattr(answer, "usage", None)
        return Completion(
            text="" if declined else faults.reply_without_key(text, self._connection),
            thought=faults.reply_without_key(thought, self._connection),
            refusal=faults.reply_without_key(text, self._connection) if declined else None,
            ending=ending,
            resolved_llm=str(getattr(answer, "model", None) or ""),
            request_id=raw.headers.get("request-id") or str(getattr(answer, "id", None) or ""),
            tokens_in=_tokens_in(usage),
            tokens_out=faults.token_count(getattr(usage, "output_tokens", None)),
            unsupported_parameters=unsupported,
            simulated=raw.headers.get("x-simulated") == "1",
        )

    async def aclose(self) -> None:
        await self._sdk.close()

    async def _send(self, messages: list[Any], body: dict[str, Any], headers: dict[str, str] | None) -> Any:
        # `from None`: the SDK's exceptions may carry what the server said, and the server may have said our key.
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):  # the SDK's own is for each read
                return await self._sdk.messages.with_raw_response.create(
                    model=self._connection.llm,
                    max_tokens=body.pop("max_tokens"),
                    messages=messages,
                    extra_body=body,
                    extra_headers=headers,
                )
        except anthropic.APIStatusError as exc:
            raise faults.status_fault(
                self._connection, exc.status_code, exc.response.headers, exc.body or exc.response.text
            ) from None
        except (TimeoutError, anthropic.APITimeoutError):
            raise faults.timed_out(self._connection) from None
        except anthropic.APIConnectionError as exc:
            raise faults.unreachable(self._connection, exc.__cause__) from None


_TRUNCATED = frozenset({"max_tokens", "model_context_window_exceeded", "pause_turn"})
_REDACTED = "(a thought that the provider keeps to itself)"


def _parts(answer: Message) -> tuple[str, str, Ending]:
    """The answer, the thought, and how the reply ended."""
    spoken: list[str] = []
    thoughts: list[str] = []
    for block in answer.content:
        if isinstance(block, TextBlock) and isinstance(block.text, str):
            spoken.append(block.text)
        elif isinstance(block, ThinkingBlock) and isinstance(block.thinking, str):
            thoughts.append(block.thinking)
        elif getattr(block, "type", None) == "redacted_thinking":
            thoughts.append(_REDACTED)
    inline = part("".join(spoken))
    reason = str(getattr(answer, "stop_reason", None) or "").lower()
    ending: Ending = "truncated" if reason in _TRUNCATED or inline.unfinished else "complete"
    if reason == "error":
        ending = "error"
    return inline.answer, "\n\n".join(filter(None, (*thoughts, inline.thought))), ending


def _tokens_in(usage: object) -> int | None:
    """All tokens read. Those of the provider's cache are reported apart, and are counted at the full price here."""
    first = faults.token_count(getattr(usage, "input_tokens", None))
    if first is None:
        return None
    cached = (getattr(usage, name, None) for name in ("cache_creation_input_tokens", "cache_read_input_tokens"))
    return first + sum(faults.token_count(count) or 0 for count in cached)
