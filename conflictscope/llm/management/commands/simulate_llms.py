from __future__ import annotations

import os
import signal
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator.characters import KINDS
from conflictscope.llm.simulator.endpoints import KEY_NAME, simulated_endpoints
from conflictscope.llm.simulator.faults import Fault, Faults
from conflictscope.llm.simulator.personas import DEFAULT_SEED, LLM_IDS
from conflictscope.llm.simulator.server import Behaviour, Simulation, answers_at, listen, serve


class Command(ConflictScopeCommand):
    help = (
        "Serve simulated LLMs, whose values and errors are known, over the protocols of OpenAI and Anthropic. An endpoint may ask "
        "for one of a kind by its id, with settings behind a colon: sim-target-candid:gap=1.5,thinks=inline; kinds of their own are "
        f"{', '.join(KINDS)} (conflictscope/llm/simulator/characters.py lists all settings)."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8100, help="0 takes a free one (8100)")
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"of all that is drawn ({DEFAULT_SEED})")
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            metavar="FAULT=SHARE",
            help=f"how often requests go wrong, such as 429=0.05; may be given again. 429, 500, 529, {', '.join(Fault)}",
        )
        parser.add_argument("--latency-ms", type=float, default=0.0, help="how long each answer takes (0)")
        parser.add_argument(
            "--endpoints", action="store_true", help="add the endpoints of these LLMs, or point those there are here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if options["latency_ms"] < 0:
            raise InvalidInput("--latency-ms is a number of milliseconds, 0 or more.")
        simulation = Simulation(
            Behaviour(seed=options["seed"], faults=Faults.parse(options["fault"]), latency_ms=options["latency_ms"])
        )
        shown = f"[{host}]" if ":" in host else host
        if port and answers_at(f"http://{shown}:{port}"):
            self._use_those(f"http://{shown}:{port}", endpoints=options["endpoints"])
            return
        with listen(host, port) as sock:
            address = f"http://{shown}:{sock.getsockname()[1]}"
            if options["endpoints"]:
                simulated_endpoints(address)
            self._say(address, endpoints=options["endpoints"])
            before = signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                with suppress(KeyboardInterrupt):
                    serve(simulation, sock)
            finally:
                signal.signal(signal.SIGTERM, before)
        counts = simulation.ledger.counts()
        self.stdout.write(f"Stopped after {counts['requests']} requests, {counts['good']} of them answered in full.")

    def _use_those(self, address: str, *, endpoints: bool) -> None:
        if not endpoints:
            raise InvalidInput(f"Simulated LLMs answer at {address} already. Use those, or choose another --port.")
        simulated_endpoints(address)
        self.stdout.write(f"Simulated LLMs answer at {address} already; their endpoints point there.")

    def _say(self, address: str, *, endpoints: bool) -> None:
        self.stdout.write(f"Simulated LLMs at {address}: {', '.join(LLM_IDS)}. Ctrl-C stops them.")
        if endpoints:
            self.stdout.write("Their endpoints point here, each named as its LLM.")
        else:
            self.stdout.write(
                "With --endpoints their endpoints are made to point here. By hand: provider openai_compatible and base_url "
                f"{address}/v1, or provider anthropic and base_url {address}."
            )
        if not os.environ.get(KEY_NAME):
            self.stdout.write(f"Any key will do. Set {KEY_NAME}=simulated where commands and workers are started.")
        self.stdout.flush()
