"""From a configured endpoint to the adapter that speaks its protocol; SDKs are imported when the first endpoint needs one."""

from __future__ import annotations

import os

from conflictscope.errors import ConflictScopeError
from conflictscope.llm.addresses import check_resolved
from conflictscope.llm.endpoints import OWN_ADDRESSES, check_key_name
from conflictscope.llm.errors import MissingKey
from conflictscope.llm.models import Endpoint
from conflictscope.llm.types import Adapter, Connection, Parameters

# For servers that ask for no key: the SDKs insist on some text.
_NO_KEY = "no-key"
# Anthropic's protocol will not go without it; stored with each call like any other parameter.
_ANTHROPIC_MAX_TOKENS = 4096


def adapter_for(endpoint: Endpoint) -> Adapter:
    """An adapter for the running event loop; the caller closes it.

    Raises:
        MissingKey: the variable that the endpoint names is not set, or it names none and the provider insists on a key.
        PermanentLLMError: the endpoint is at an internal address, and such are not allowed.
    """
    connection = connection_of(endpoint)
    if endpoint.provider == Endpoint.Provider.ANTHROPIC:
        from conflictscope.llm.adapters.anthropic import AnthropicAdapter

        return AnthropicAdapter(connection)
    from conflictscope.llm.adapters.openai import OpenAIAdapter

    return OpenAIAdapter(connection, renames_max_tokens=endpoint.provider == Endpoint.Provider.OPENAI)


def connection_of(endpoint: Endpoint) -> Connection:
    """
    Raises:
        PermanentLLMError: as `adapter_for`.
    """
    if endpoint.base_url:
        check_resolved(endpoint.base_url)
    return Connection(
        name=endpoint.name,
        llm=endpoint.llm,
        base_url=endpoint.base_url or OWN_ADDRESSES[endpoint.provider],
        key=_key(endpoint),
        key_name=endpoint.key_name,
        timeout_seconds=endpoint.timeout_seconds,
    )


def key_problem(endpoint: Endpoint) -> str:
    """Why this process could not ask the endpoint for want of a key, and what to do; empty: it could."""
    try:
        _key(endpoint)
    except ConflictScopeError as exc:
        return exc.sentence
    return ""


def key_is_set(endpoint: Endpoint) -> bool:
    """Whether the variable that the endpoint names holds anything, in this process. Its value goes nowhere."""
    return bool(endpoint.key_name and os.environ.get(endpoint.key_name, "").strip())


def default_parameters(endpoint: Endpoint) -> Parameters:
    """What the provider's protocol must be told, unless the endpoint or the call says otherwise."""
    return {"max_tokens": _ANTHROPIC_MAX_TOKENS} if endpoint.provider == Endpoint.Provider.ANTHROPIC else {}


def structures_natively(endpoint: Endpoint, parameters: Parameters) -> bool:
    """Whether the provider itself holds a reply to a schema; a compatible server does if a parameter `json_schema` says so."""
    if endpoint.provider == Endpoint.Provider.OPENAI_COMPATIBLE:
        return bool(parameters.get("json_schema"))
    return True


def _key(endpoint: Endpoint) -> str:
    if not endpoint.key_name:
        if endpoint.base_url:
            return _NO_KEY
        raise MissingKey(
            f"Endpoint {endpoint.name} names no key, and {endpoint.get_provider_display()} asks for one. "
            "Give the endpoint a key_name."
        )
    check_key_name(endpoint.key_name, provider=endpoint.provider, base_url=endpoint.base_url)
    key = os.environ.get(endpoint.key_name, "").strip()
    if not key:
        raise MissingKey(
            f"Endpoint {endpoint.name} takes its key from the environment variable {endpoint.key_name}, which is not set. "
            "Set it where this process, and every worker, is started."
        )
    if not (key.isascii() and key.isprintable()):
        # An HTTP library would refuse the header and quote it.
        raise MissingKey(
            f"The environment variable {endpoint.key_name} holds characters that no key has, such as a line break. "
            "Set it to the key alone."
        )
    return key
