"""Bare HTTP to a simulator, for what no SDK would send."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def post(
    base_url: str, path: str, body: object, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], Any]:
    """Status, headers (names in small letters) and JSON. A body that is text is sent as it is, anything else as JSON."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=10)
    try:
        sent = body if isinstance(body, str) else json.dumps(body)
        connection.request("POST", path, sent.encode(), {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(text)
    finally:
        connection.close()


def chat(base_url: str, text: str, *, llm: str = "sim-judge", **more: object) -> tuple[int, Mapping[str, str], Any]:
    """One question by OpenAI's protocol."""
    return post(
        base_url, "/v1/chat/completions", {"model": llm, "messages": [{"role": "user", "content": text}], **more}
    )
