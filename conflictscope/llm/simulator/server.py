"""The simulator on the wire: an ASGI application, and a way to run it beside the caller on a free port."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import logging
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.llm.simulator import answering, personas
from conflictscope.llm.simulator.characters import character_of
from conflictscope.llm.simulator.faults import Fault, Faults, spoil
from conflictscope.llm.simulator.ledger import Ledger
from conflictscope.llm.simulator.protocols import Anthropic, OpenAI, Said, SimulatorRequest, TokenUsage, Wire, tokens
from conflictscope.llm.simulator.questions import understand
from conflictscope.llm.simulator.script import Script, Scripted
from conflictscope.llm.simulator.thinking import thoughtful

logger = logging.getLogger(__name__)

_REFUSAL = "I can't help with this request."
_HEADERS = {"x-simulated": "1"}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a server was started with, and what a reset without words returns to."""

    seed: int = personas.DEFAULT_SEED
    faults: Faults = field(default_factory=Faults)
    latency_ms: float = 0.0
    slow_seconds: float = 20.0
    retry_after: float = 1.0
    keep_text: bool = False  # in the ledger: what was asked, word for word

    def changed(self, data: Mapping[str, Any]) -> Behaviour:
        """
        Raises:
            InvalidInput: an unknown field or fault, or a number out of range.
        """
        fields = {"seed", "faults", "latency_ms", "slow_seconds", "retry_after", "keep_text"}
        if unknown := sorted(set(data) - fields):
            raise InvalidInput(f"Unknown settings {', '.join(unknown)}; known: {', '.join(sorted(fields))}.")
        values = {name: getattr(self, name) for name in fields} | dict(data)
        if not isinstance(values["faults"], Faults):
            values["faults"] = Faults.of(values["faults"])
        return Behaviour(**values)


class Dropped(Response):
    """A reply that ends before it is whole: the server closes the connection under it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


class Simulation:
    """One simulator: its behaviour, its ledger, its script. The HTTP routes and the tests' handle both work on this."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._started_with = behaviour
        self.behaviour = behaviour
        self.ledger = Ledger()
        self.script = Script()
        self._asked_before: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def reset(self, **settings: Any) -> None:
        """Forget what was asked and scripted, and go back to the behaviour at the start, apart from `settings`."""
        self.behaviour = self._started_with.changed(settings)
        self.ledger.clear()
        self.script.clear()
        self._asked_before.clear()

    async def answer(self, wire: Wire, request: Request) -> Response:
        headers = {**_HEADERS, "x-request-id": f"req_sim_{next(self._numbers):08d}"}
        headers["request-id"] = headers["x-request-id"]
        try:
            asked = wire.read(await request.body(), request.headers)
        except InvalidInput as exc:
            self.ledger.note(
                protocol=wire.name, llm="", digest="", kind="", fault="", status=400, tokens_in=0, tokens_out=0
            )
            return JSONResponse(wire.error(400, exc.sentence), 400, headers)
        return await self._answer(wire, asked, headers)

    async def _answer(self, wire: Wire, asked: SimulatorRequest, headers: dict[str, str]) -> Response:
        behaviour = self.behaviour
        tokens_in = tokens(asked.text)
        question = understand(asked.turns)
        note: dict[str, Any] = {
            "protocol": wire.name,
            "llm": asked.llm,
            "digest": asked.digest,
            "kind": question.kind.value,
            "fault": "",
            "status": 200,
            "tokens_in": tokens_in,
            "tokens_out": 0,
            "text": asked.text if behaviour.keep_text else "",
        }
        if not asked.llm.startswith("sim-"):
            self.ledger.note(**note | {"status": 404})
            known = ", ".join(personas.LLM_IDS)
            message = f"The model '{asked.llm}' does not exist here; known: {known}, and any other sim-... id."
            return JSONResponse(wire.error(404, message), 404, headers)

        try:
            character_of(asked.llm)
        except InvalidInput as exc:
            self.ledger.note(**note | {"status": 400})
            return JSONResponse(wire.error(400, exc.sentence), 400, headers)
        scripted = self.script.take(asked.llm, asked.text)
        attempt = self._asked_before[asked.digest]
        self._asked_before[asked.digest] += 1
        if scripted is None:
            fault = behaviour.faults.strike(seed=behaviour.seed, digest=asked.digest, attempt=attempt)
            scripted = Scripted(fault=fault)
        fault = scripted.fault
        if fault is not None:
            note["fault"] = fault.value

        pause = behaviour.latency_ms / 1000 + scripted.delay
        if fault is Fault.SLOW:
            pause += scripted.delay or behaviour.slow_seconds
        if pause:
            await asyncio.sleep(pause)

        if scripted.status is not None:
            self.ledger.note(**note | {"status": scripted.status})
            return Response(
                scripted.body,
                scripted.status,
                {**headers, **scripted.headers},
                None if "content-type" in scripted.headers else "application/json",
            )
        if (failure := self._failure(wire, fault, scripted)) is not None:
            status, message, more = failure
            self.ledger.note(**note | {"status": status})
            return JSONResponse(wire.error(status, message), status, {**headers, **more})

        text = scripted.text
        if text is None:
            text = answering.answer(question, asked, seed=behaviour.seed)
        spoken = self._shaped(text, fault, asked, scripted_text=scripted.text)
        if spoken is None:  # a fault that only JSON can have, met by a question that wants none
            spoken, note["fault"] = Said(text), ""
        if scripted.text is None and fault in (None, Fault.SLOW):
            spoken = thoughtful(spoken, asked, protocol=wire.name)
        usage = TokenUsage(tokens_in, max(tokens(spoken.text) + tokens(spoken.thought), 1))
        note["tokens_out"] = usage.tokens_out
        self.ledger.note(**note)
        reply = wire.reply(asked, spoken, usage)
        if fault is Fault.DROPPED:
            return Dropped(json.dumps(reply), 200, headers, "application/json")
        return JSONResponse(reply, 200, headers)

    def _failure(self, wire: Wire, fault: Fault | None, scripted: Scripted) -> tuple[int, str, dict[str, str]] | None:
        """An HTTP error instead of a reply: its status, its words, its headers."""
        if fault is Fault.RATE_LIMIT:
            wait = self.behaviour.retry_after if scripted.retry_after is None else scripted.retry_after
            return 429, "Rate limit reached. Please try again later.", {"retry-after": f"{wait:g}"}
        if fault is Fault.RATE_LIMIT_WITHOUT_RETRY_AFTER:
            return 429, "Rate limit reached. Please try again later.", {}
        if fault is Fault.SERVER_ERROR:
            return 500, "The server had an error while processing the request.", {}
        if fault is Fault.OVERLOADED:
            return (529 if wire.name == "anthropic" else 503), "Overloaded.", {}
        return None

    def _shaped(
        self, text: str, fault: Fault | None, asked: SimulatorRequest, *, scripted_text: str | None
    ) -> Said | None:
        """The answer as it is said: cut to what was allowed, or spoiled by the fault."""
        if fault is Fault.REFUSAL:
            return Said(scripted_text or _REFUSAL, "refusal")
        if fault is Fault.EMPTY:
            return Said("")
        if fault in (Fault.MALFORMED, Fault.WRONG_SCHEMA):
            return Said(spoil(text, fault)) if text.lstrip().startswith("{") else None
        if fault is Fault.TRUNCATED:
            return Said(text[: max(2 * len(text) // 3, 1)], "length")
        if asked.max_tokens is not None and tokens(text) > asked.max_tokens:
            return Said(text[: 4 * asked.max_tokens], "length")
        return Said(text)


def _models(request: Request) -> JSONResponse:
    ids = personas.LLM_IDS
    if "anthropic-version" in request.headers:
        listed: list[dict[str, Any]] = [
            {"type": "model", "id": llm, "display_name": llm, "created_at": "2026-01-01T00:00:00Z"} for llm in ids
        ]
        return JSONResponse(
            {"data": listed, "has_more": False, "first_id": ids[0], "last_id": ids[-1]}, headers=_HEADERS
        )
    listed = [{"id": llm, "object": "model", "created": 1767225600, "owned_by": "conflictscope"} for llm in ids]
    return JSONResponse({"object": "list", "data": listed}, headers=_HEADERS)


def _routes(simulation: Simulation) -> list[Route]:
    openai, anthropic = OpenAI(), Anthropic()

    async def chat_completions(request: Request) -> Response:
        return await simulation.answer(openai, request)

    async def messages(request: Request) -> Response:
        return await simulation.answer(anthropic, request)

    async def models(request: Request) -> Response:
        return _models(request)

    async def ledger(request: Request) -> Response:
        records = request.query_params.get("records", "1") != "0"
        return JSONResponse(simulation.ledger.as_dict(records=records), headers=_HEADERS)

    async def reset(request: Request) -> Response:
        body = await request.body()
        simulation.reset(**(json.loads(body) if body else {}))
        return JSONResponse({"reset": True})

    async def script(request: Request) -> Response:
        entries = json.loads(await request.body())
        if not isinstance(entries, list):
            raise InvalidInput("POST a list of replies.")
        simulation.script.add(*(Scripted.of(entry) for entry in entries))
        return JSONResponse({"queued": len(simulation.script)})

    # With and without /v1: the one SDK wants it in its base_url, the other adds it of itself.
    paths = [
        ("/chat/completions", chat_completions, "POST"),
        ("/messages", messages, "POST"),
        ("/models", models, "GET"),
    ]
    return [
        *(Route(prefix + path, call, methods=[method]) for path, call, method in paths for prefix in ("/v1", "")),
        Route("/ledger", ledger, methods=["GET"]),
        Route("/reset", reset, methods=["POST"]),
        Route("/script", script, methods=["POST"]),
    ]


async def _say_what_is_wrong(request: Request, exc: Exception) -> Response:
    sentence = exc.sentence if isinstance(exc, ConflictScopeError) else "The request body is not JSON."
    return JSONResponse({"error": sentence}, 400)


def create_app(simulation: Simulation | None = None) -> Starlette:
    """The ASGI application. `GET /ledger`, `POST /reset` and `POST /script` are for whoever runs it."""
    return Starlette(
        routes=_routes(simulation or Simulation(Behaviour())),
        exception_handlers={ConflictScopeError: _say_what_is_wrong, json.JSONDecodeError: _say_what_is_wrong},
    )


@dataclass(frozen=True)
class Running:
    """A simulator that runs beside the caller. `base_url` has no path; for the openai SDK add `/v1` (both are answered)."""

    base_url: str
    simulation: Simulation

    @property
    def openai_url(self) -> str:
        return f"{self.base_url}/v1"

    def ledger(self) -> dict[str, Any]:
        """Counts and records of what was asked since the last reset."""
        return self.simulation.ledger.as_dict()

    def script(
        self, *replies: str | Mapping[str, Any], llm: str = "", contains: str | tuple[str, ...] = (), times: int = 1
    ) -> None:
        """Queue exact replies: texts, or mappings with the fields of `Scripted` (`json` says an object as JSON)."""
        narrowed = {"llm": llm, "contains": contains, "times": times}
        for reply in replies:
            entry = {"text": reply} if isinstance(reply, str) else reply
            self.simulation.script.add(Scripted.of({**narrowed, **entry}))

    def reset(self, **settings: Any) -> None:
        """Forget everything; `seed`, `faults` (fault to probability), `latency_ms`, `slow_seconds`, `retry_after` and `keep_text` change
        the behaviour until the next reset."""
        self.simulation.reset(**settings)


def config_of(app: Starlette) -> uvicorn.Config:
    """How uvicorn runs it: silent, without what a local server of fixed answers does not need."""
    return uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Port 0 takes a free one.

    Raises:
        InvalidInput: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, not left to be 0: asyncio turns Nagle's algorithm off only where it knows the protocol, and each reply would wait
    # some 40 ms for the acknowledgement of its own headers.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(512)
    except OSError as exc:
        sock.close()
        raise InvalidInput(
            f"Cannot listen on {host}:{port} ({exc.strerror or exc}); choose another address with --host and --port."
        ) from exc
    return sock


def serve(simulation: Simulation, sock: socket.socket) -> None:
    """Serve in this thread until a signal ends it: KeyboardInterrupt after Ctrl-C, else what the signal's handler does."""
    try:
        uvicorn.Server(config_of(create_app(simulation))).run(sockets=[sock])
    finally:
        sock.close()


def answers_at(base_url: str, *, wait_seconds: float = 2.0) -> bool:
    """Whether a simulator answers at an address; False also where something else does."""
    try:
        address = urlsplit(base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=wait_seconds)
    except (ValueError, http.client.HTTPException):
        return False
    try:
        connection.request("GET", "/ledger?records=0")
        answer = connection.getresponse()
        return answer.status == 200 and answer.headers.get("x-simulated") == "1"
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def running(
    behaviour: Behaviour | None = None, *, host: str = "127.0.0.1", port: int = 0, wait_seconds: float = 10.0
) -> Iterator[Running]:
    """Run a simulator in a thread of this process for the length of the block, on a free port unless one is named.

    Raises:
        InvalidInput: the port is taken.
    """
    simulation = Simulation(behaviour or Behaviour())
    sock = listen(host, port)
    server = uvicorn.Server(config_of(create_app(simulation)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="simulator", daemon=True)
    thread.start()
    try:
        # The socket listens already, so that whoever asks before the server is up is answered when it is.
        yield Running(f"http://{host}:{sock.getsockname()[1]}", simulation)
    finally:
        server.should_exit = True
        thread.join(wait_seconds)
        sock.close()
