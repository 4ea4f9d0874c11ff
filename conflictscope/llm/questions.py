"""What exactly is asked: the request of a call, and the digest under which its answer is found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from conflictscope.llm.endpoints import check_parameters
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import PromptLibrary, delimit
from conflictscope.llm.registry import default_parameters, structures_natively
from conflictscope.llm.replies import schema_text
from conflictscope.llm.types import LLMRequest, Message, Parameters, Prompt

PROMPTS = PromptLibrary("conflictscope.llm")


@dataclass(frozen=True, slots=True)
class EndpointQuestion:
    """One question to one endpoint.

    `schema` is the form that the reply must have; `request.schema` is set only where the provider itself holds the reply to
    it, otherwise the last message describes it.
    """

    endpoint: Endpoint
    prompt: Prompt
    request: LLMRequest
    schema: type[BaseModel] | None
    purpose: str
    sample: int
    digest: str
    correction_of: int | None = None

    def stored(self) -> dict[str, Any]:
        """The request as its row keeps it. It holds no key: none was ever in it."""
        stored: dict[str, Any] = {
            "messages": _plain_messages(self.request.messages),
            "parameters": dict(self.request.parameters),
            "schema": None,
        }
        if self.schema is not None:
            stored["schema"] = {
                "name": self.schema.__name__,
                "digest": _sha256(schema_text(self.schema)),
                "native": self.request.schema is not None,
            }
        if self.correction_of is not None:
            stored["correction_of"] = self.correction_of
        return stored

    def corrected(self, reply: str, problem: str, *, call_id: int) -> EndpointQuestion:
        """The same question once more, after a reply (of call `call_id`) that was not of the form asked for."""
        correction = PROMPTS.render("structured/correction", problem=delimit("problem", problem))
        messages = (*self.request.messages, Message("assistant", reply), Message("user", correction.text))
        request = LLMRequest(messages, self.request.parameters, self.request.schema)
        return EndpointQuestion(
            endpoint=self.endpoint,
            prompt=self.prompt,
            request=request,
            schema=self.schema,
            purpose=self.purpose,
            sample=self.sample,
            digest=_digest(self.endpoint, request, self.schema),
            correction_of=call_id,
        )


def question(
    endpoint: Endpoint,
    prompt: Prompt | str,
    *,
    purpose: str,
    system: str = "",
    history: Sequence[Message] = (),
    parameters: Parameters | None = None,
    sample: int = 0,
    schema: type[BaseModel] | None = None,
) -> EndpointQuestion:
    """
    Args:
        parameters: override those of the endpoint; one that is None is not sent at all.

    Raises:
        InvalidInput: a parameter that is no parameter.
    """
    if isinstance(prompt, str):
        prompt = Prompt(name="verbatim", version=0, digest=_sha256(prompt), text=prompt)
    merged = sampling_parameters(endpoint, parameters)
    check_parameters(merged)
    native = schema is not None and structures_natively(endpoint, merged)
    text = prompt.text
    if schema is not None and not native:
        form = PROMPTS.render("structured/json_in_text", schema=delimit("reply_schema", schema_text(schema)))
        text = f"{text}\n\n{form.text}"
    opening = (Message("system", system),) if system else ()
    request = LLMRequest((*opening, *history, Message("user", text)), merged, schema if native else None)
    return EndpointQuestion(
        endpoint=endpoint,
        prompt=prompt,
        request=request,
        schema=schema,
        purpose=purpose,
        sample=sample,
        digest=_digest(endpoint, request, schema),
    )


def sampling_parameters(endpoint: Endpoint, of_call: Parameters | None = None) -> dict[str, Any]:
    """What the endpoint is asked with: the provider's defaults, over them the endpoint's own, over these those of the call."""
    chosen = {name: value for name, value in {**endpoint.parameters, **(of_call or {})}.items() if value is not None}
    return {**default_parameters(endpoint), **chosen}


def _digest(endpoint: Endpoint, request: LLMRequest, schema: type[BaseModel] | None) -> str:
    """Everything that the answer may depend on, but for the sample number, which stands beside it in the log."""
    return _sha256(
        json.dumps(
            {
                "provider": str(endpoint.provider),
                "base_url": endpoint.base_url.rstrip("/"),
                "llm": endpoint.llm,
                "parameters": _plain(request.parameters),
                "messages": _plain_messages(request.messages),
                "schema": schema_text(schema) if schema is not None else None,
                "native": request.schema is not None,
            },
            sort_keys=True,
            ensure_ascii=True,
            allow_nan=False,
        )
    )


def _plain(value: Any) -> Any:
    """Numbers written one way: 0 and 0.0 are the same temperature, and a database may return either."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "text": message.text} for message in messages]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
