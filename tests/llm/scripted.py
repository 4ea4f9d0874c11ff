"""A provider that says exactly what a test puts in its mouth, byte for byte, over either wire protocol.

It stands in for somebody else's server, never for our own code: the real SDKs talk to it over a real socket.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `drop`: close the connection without any; `cut`: close it in the middle of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Seen:
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})})


def openai_reply(text: str | None, *, finish: str = "stop", refusal: str | None = None, **headers: str) -> Answer:
    return _json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "judge-2026-11",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": refusal},
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
        },
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def anthropic_reply(text: str, *, stop: str = "end_turn", **headers: str) -> Answer:
    return _json(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-2026-11",
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 900, "output_tokens": 200, "cache_read_input_tokens": 100},
        },
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def openai_error(status: int, message: str, *, code: str | None = None, kind: str = "error", **headers: str) -> Answer:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return _json({"error": error}, status, {name.replace("_", "-"): value for name, value in headers.items()})


def anthropic_error(status: int, message: str, *, kind: str = "api_error", **headers: str) -> Answer:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return _json(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


class ScriptedServer:
    """Answers in the order of `answers`, then goes on with `afterwards`; keeps what it was sent in `seen`."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.afterwards: Answer = openai_reply("OK")
        self.seen: list[Seen] = []
        self.on_request: Callable[[], None] | None = None
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def says(self, *answers: Answer) -> None:
        self.answers.extend(answers)

    def reset(self) -> None:
        self.answers.clear()
        self.seen.clear()
        self.afterwards = openai_reply("OK")
        self.on_request = None
        self.at_once = self.most_at_once = 0

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with script._lock:
                    script.seen.append(
                        Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body))
                    )
                    answer = script.answers.popleft() if script.answers else script.afterwards
                    script.at_once += 1
                    script.most_at_once = max(script.most_at_once, script.at_once)
                try:
                    if script.on_request is not None:
                        script.on_request()
                    time.sleep(answer.seconds)
                finally:
                    with script._lock:
                        script.at_once -= 1
                with suppress(BrokenPipeError, ConnectionResetError):  # who asked did not wait
                    self._say(answer)

            def _say(self, answer: Answer) -> None:
                self.close_connection = True
                if answer.drop:
                    return
                self.send_response(answer.status)
                for name, value in {"connection": "close", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)

            def log_message(self, *args: object) -> None:
                """Quiet: tests look at `seen`."""

        return Handler
