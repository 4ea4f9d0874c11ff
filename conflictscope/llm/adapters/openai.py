"""The OpenAI protocol, for OpenAI itself and for every server that speaks it (vLLM, Ollama, llama.cpp, OpenRouter, ...)."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from conflictscope.llm.adapters import faults
from conflictscope.llm.adapters.transport import http_options
from conflictscope.llm.types import Completion, Connection, Request


class OpenAIAdapter:
    """Chat completions through the `openai` SDK, whose own retries are off.

    Args:
        renames_max_tokens: OpenAI's newer LLMs refuse `max_tokens`, and all of them take `max_completion_tokens`; compatible
            servers know the old name.
    """

    def __init__(self, connection: Connection, *, renames_max_tokens: bool) -> None:
        self._connection = connection
        self._renames_max_tokens = renames_max_tokens
        self._sdk = openai.AsyncOpenAI(
            api_key=connection.key,
            base_url=connection.base_url,
            timeout=connection.timeout_seconds,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(**http_options()),
        )

    async def complete(self, request: Request) -> Completion:
        parameters = {name: value for name, value in request.parameters.items() if name not in LOCAL_PARAMETERS}
        unsupported = sorted(set(request.parameters.get("unsupported", ())) & parameters.keys())
        body = {name: value for name, value in parameters.items() if name not in unsupported}
        if self._renames_max_tokens and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
        if request.schema is not None:
            # The SDK's way of making the strict schema that OpenAI asks for; it is public for functions only.
            strict = openai.pydantic_function_tool(request.schema)["function"]["parameters"]
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": request.schema.__name__, "strict": True, "schema": strict},
            }
        messages: list[Any] = [{"role": message.role, "content": message.text} for message in request.messages]
        raw = await self._send(messages, body)
        try:
            completion = raw.parse()
        except (ValueError, TypeError, openai.OpenAIError) as exc:
            raise faults.unreadable(self._connection, str(exc)) from None
        text, outcome = self._read(completion)
        # The SDK checks nothing, and servers that only resemble OpenAI leave things out.
        usage = getattr(completion, "usage", None)
        return Completion(
            text=faults.reply_without_key(text, self._connection),
            outcome=outcome,
            resolved_llm=str(getattr(completion, "model", None) or ""),
            request_id=raw.headers.get("x-request-id") or str(getattr(completion, "id", None) or ""),
            tokens_in=faults.token_count(getattr(usage, "prompt_tokens", None)),
            tokens_out=faults.token_count(getattr(usage, "completion_tokens", None)),
            unsupported_parameters=tuple(unsupported),
            simulated=raw.headers.get("x-simulated") == "1",
        )

    async def aclose(self) -> None:
        await self._sdk.close()

    async def _send(self, messages: list[ChatCompletionMessageParam], body: dict[str, Any]) -> Any:
        # `from None`: the SDK's exceptions may carry what the server said, and the server may have said our key.
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):  # the SDK's own is for each read
                return await self._sdk.chat.completions.with_raw_response.create(
                    model=self._connection.llm, messages=messages, extra_body=body
                )
        except openai.APIStatusError as exc:
            raise faults.status_fault(
                self._connection, exc.status_code, exc.response.headers, exc.body or exc.response.text
            ) from None
        except (TimeoutError, openai.APITimeoutError):
            raise faults.timed_out(self._connection) from None
        except openai.APIConnectionError as exc:
            raise faults.unreachable(self._connection, exc.__cause__) from None

    def _read(self, completion: object) -> tuple[str, Literal["ok", "refused", "truncated", "empty"]]:
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise faults.unreadable(self._connection, _beginning(completion))
        choice = completion.choices[0]
        message = getattr(choice, "message", None)
        content, refusal = getattr(message, "content", None), getattr(message, "refusal", None)
        if message is None or not isinstance(content, str | None):
            raise faults.unreadable(self._connection, _beginning(completion))
        if refusal:
            return str(refusal), "refused"
        text = content or ""
        finish_reason = getattr(choice, "finish_reason", None)
        if finish_reason == "content_filter":
            return text, "refused"
        if finish_reason == "length":
            return text, "truncated"
        return (text, "ok") if text.strip() else (text, "empty")


# Ours, not the provider's: `json_schema` says that a compatible server can hold a reply to a schema, `unsupported` lists the
# parameters that this LLM refuses.
LOCAL_PARAMETERS = frozenset({"json_schema", "unsupported"})


def _beginning(answer: object) -> str:
    return json.dumps(answer if isinstance(answer, str) else str(answer))[:200]
