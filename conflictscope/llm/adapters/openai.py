"""The OpenAI protocol, for OpenAI itself and for every server that speaks it (vLLM, Ollama, llama.cpp, OpenRouter, ...)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from conflictscope.llm.adapters import faults
from conflictscope.llm.adapters.transport import http_options
from conflictscope.llm.thought import part
from conflictscope.llm.types import Completion, Connection, Ending, LLMRequest


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

    async def complete(self, request: LLMRequest) -> Completion:
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
            raise faults.unreadable(self._connection, faults.body_of(raw) or str(exc)) from None
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise faults.error_in_success(self._connection, raw.headers, faults.body_of(raw))
        parts = self._read(completion, raw)
        # The SDK checks nothing, and servers that only resemble OpenAI leave things out.
        usage = getattr(completion, "usage", None)
        details = getattr(usage, "completion_tokens_details", None)
        return Completion(
            text=faults.reply_without_key(parts.text, self._connection),
            thought=faults.reply_without_key(parts.thought, self._connection),
            refusal=parts.refusal and faults.reply_without_key(parts.refusal, self._connection),
            ending=parts.ending,
            words=faults.reply_without_key(parts.words, self._connection),
            thought_tokens=faults.token_count(getattr(details, "reasoning_tokens", None)),
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

    def _read(self, completion: ChatCompletion, raw: Any) -> _Parts:
        choice = completion.choices[0]
        message = getattr(choice, "message", None)
        content = getattr(message, "content", None)
        if message is None or not isinstance(content, str | list | None):
            raise faults.unreadable(self._connection, faults.body_of(raw))
        spoken, thoughts = (content, []) if isinstance(content, str) else _of_parts(content or [])
        for name in _THOUGHT_FIELDS:  # a server that sends both names sends the same twice
            beside = getattr(message, name, None)
            if isinstance(beside, str) and beside.strip():
                thoughts.append(beside.strip())
                break
        inline = part(spoken)
        refusal = getattr(message, "refusal", None)
        ending, words = _ending(choice)
        if inline.unfinished and ending == "complete":
            ending = "truncated"
        return _Parts(
            inline.answer,
            "\n\n".join(filter(None, (*thoughts, inline.thought))),
            str(refusal) if refusal else None,
            ending,
            words,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    text: str
    thought: str
    refusal: str | None
    ending: Ending
    words: str


# What servers call a thought that they part from the answer: DeepSeek, vLLM and SGLang; OpenRouter, Groq and newer vLLM.
_THOUGHT_FIELDS = ("reasoning_content", "reasoning")
# How a reply ended, in every server's words for it; Gemini's compatible layer writes its own in capitals.
_ENDINGS: Mapping[str, Ending] = {
    "length": "truncated",
    "max_tokens": "truncated",
    "model_length": "truncated",
    "content_filter": "blocked",
    "safety": "blocked",
    "prohibited_content": "blocked",
    "blocklist": "blocked",
    "spii": "blocked",
    "recitation": "blocked",
    "language": "blocked",
    "error": "error",
    "malformed_function_call": "error",
    "abort": "error",
    "insufficient_system_resource": "error",
}


def _ending(choice: object) -> tuple[Ending, str]:
    """How a reply ended, and the provider's words where that was an error. What is not known of is taken as an end."""
    reason = getattr(choice, "finish_reason", None)
    error = getattr(choice, "error", None)
    ending = _ENDINGS.get(str(reason or "").lower(), "complete")
    if isinstance(error, Mapping):
        return ("error" if ending == "complete" else ending), faults.words_of({"error": error})
    if ending == "blocked":
        return ending, f"finish_reason is {reason}."
    return ending, ""


def _of_parts(content: list[Any]) -> tuple[str, list[str]]:
    """The text and the thoughts of a reply in parts. A thought is a text, or a list of parts of its own (Mistral)."""
    spoken: list[str] = []
    thoughts: list[str] = []
    for each in content:
        kind = each.get("type") if isinstance(each, Mapping) else None
        if kind in ("thinking", "reasoning"):
            inner = each.get("thinking") or each.get("text") or each.get("reasoning") or ""
            thoughts.append(inner if isinstance(inner, str) else _of_parts(inner)[0] if isinstance(inner, list) else "")
        elif isinstance(each, Mapping) and isinstance(each.get("text"), str):
            spoken.append(each["text"])
    return "".join(spoken), thoughts


# Ours, not the provider's: `json_schema` says that a compatible server can hold a reply to a schema, `unsupported` lists the
# parameters that this LLM refuses.
LOCAL_PARAMETERS = frozenset({"json_schema", "unsupported"})
