"""Bare HTTP to a simulator, for what no SDK would send."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, Mapping[str, str], Any]


def post(base_url: str, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Status, headers (names in small letters) and JSON. A body that is text is sent as it is, anything else as JSON."""
    sent = body if isinstance(body, str) else json.dumps(body)
    return _answer(base_url, "POST", path, sent.encode(), {"content-type": "application/json", **(headers or {})})


def get(base_url: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    return _answer(base_url, "GET", path, None, headers or {})


def _answer(base_url: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(text)
    finally:
        connection.close()


def chat(base_url: str, text: str, *, llm: str = "sim-judge", **more: object) -> Answer:
    """One question by OpenAI's protocol."""
    return post(
        base_url, "/v1/chat/completions", {"model": llm, "messages": [{"role": "user", "content": text}], **more}
    )
