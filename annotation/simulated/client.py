"""A small client of the labelling API: one connection, kept open; what got no reply is sent again, which changes nothing."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conflictscope.errors import ConflictScopeError, InvalidInput

API = "/api/v1"
_PASSING = {408, 429, 500, 502, 503, 504}


class Refused(ConflictScopeError):
    """The server has answered with an error, said in its own words."""

    def __init__(self, sentence: str, *, code: str, http_status: int) -> None:
        super().__init__(sentence)
        self.code = code
        self.http_status = http_status


class Unreachable(ConflictScopeError):
    """No answer came, however often it was asked."""

    code = "unreachable"
    http_status = 502


@dataclass(frozen=True, slots=True)
class ServerResponse:
    status: int
    headers: Mapping[str, str]
    body: Any


class LabellingClient:
    """For one person and one thread.

    Args:
        base_url: such as http://127.0.0.1:8000.
        patience: seconds for which passing faults are tried over (0: not at all).
        new_token: asked once when the token is no good any more.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = 60,
        timeout: float = 60,
        new_token: Callable[[], str] | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"{base_url!r} is no address of a server. Give one such as http://127.0.0.1:8000.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._base = parts.path.rstrip("/") + API
        self._address = base_url
        self._patience = patience
        self._new_token = new_token
        self._headers = {
            "Authorization": f"Token {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            **(headers or {}),
        }

    def __enter__(self) -> LabellingClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def next(self, campaign: int) -> dict[str, Any] | None:
        """The item in hand or the next one; None: there is none at present."""
        answer = self.ask("POST", f"/campaigns/{campaign}/next/", {})
        return answer.body if answer.status == 200 else None

    def submit(
        self,
        token: str,
        answers: Mapping[str, str],
        *,
        also: Mapping[str, str] | None = None,
        active_seconds: int = 0,
        then_next: bool = False,
    ) -> dict[str, Any]:
        """Submit, also answers at odds with each other; with `then_next` the reply has the next item in `next`."""
        body = {"answers": dict(answers), "submit": True, "sure": True, "active_seconds": active_seconds}
        if also:
            body["also"] = dict(also)
        if then_next:
            body["next"] = True
        return dict(self.ask("PUT", f"/assignments/{token}/", body).body)

    def consent(self, campaign: int) -> None:
        self.ask("POST", f"/campaigns/{campaign}/consent/", {})

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> ServerResponse:
        """Send until an answer comes that is no passing fault.

        Raises:
            Refused: with the server's own sentence.
            Unreachable: nobody answered for as long as there was patience.
        """
        until = time.monotonic() + self._patience
        wait = 0.05
        while True:
            try:
                answer = self._send(method, path, body)
            except (OSError, http.client.HTTPException) as exc:
                self._connection.close()
                if time.monotonic() + wait > until:
                    raise Unreachable(
                        f"{self._address} does not answer ({exc!r}). Start the server, or name another."
                    ) from exc
            else:
                if answer.status < 400:
                    return answer
                if answer.status == 401 and self._new_token is not None:
                    self._headers["Authorization"] = f"Token {self._new_token()}"
                    self._new_token = None
                    continue
                asked_to_wait = float(answer.headers.get("Retry-After") or wait)
                if answer.status not in _PASSING or time.monotonic() + asked_to_wait > until:
                    raise _refused(answer)
                wait = asked_to_wait
            time.sleep(wait)
            wait = min(2 * wait, 2.0)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> ServerResponse:
        sent = json.dumps(body).encode() if body is not None else None
        self._connection.request(method, self._base + path, sent, self._headers)
        reply = self._connection.getresponse()
        text = reply.read()
        document = json.loads(text) if text and "json" in reply.headers.get("Content-Type", "") else None
        return ServerResponse(reply.status, dict(reply.headers.items()), document)


def _refused(answer: ServerResponse) -> Refused:
    problem = answer.body if isinstance(answer.body, dict) else {}
    title = str(problem.get("title") or f"The server answered {answer.status}.")
    return Refused(title, code=str(problem.get("code", "")), http_status=answer.status)
