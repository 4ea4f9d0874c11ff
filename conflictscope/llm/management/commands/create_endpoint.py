from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput
from conflictscope.llm.endpoints import add_endpoint
from conflictscope.llm.models import Endpoint


class Command(ConflictScopeCommand):
    help = "Add an endpoint: one language model at one address."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what pages and commands call it, such as judge")
        parser.add_argument("--provider", required=True, help=", ".join(Endpoint.Provider.values))
        parser.add_argument("--llm", required=True, help="the provider's id of the language model")
        parser.add_argument("--base-url", default="", help="left out: the provider's own address")
        parser.add_argument(
            "--key-name", default="", help="the environment variable that holds the key, never the key itself"
        )
        parser.add_argument("--price-in", help="US dollars per million tokens in; left out: unknown")
        parser.add_argument("--price-out", help="US dollars per million tokens out; left out: unknown")
        parser.add_argument(
            "--parameters", default="{}", help="sent with every call that sets none of its own: '{\"temperature\": 0}'"
        )
        parser.add_argument("--max-concurrency", type=int, default=8, help="calls under way at a time (8)")
        parser.add_argument("--requests-per-minute", type=int, help="of all workers together; left out: no limit")
        parser.add_argument(
            "--tokens-per-minute", type=int, help="in and out, of all workers together; left out: no limit"
        )
        parser.add_argument("--timeout", type=int, default=120, help="seconds to wait for a reply (120)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            parameters = json.loads(options["parameters"])
        except ValueError as exc:
            raise InvalidInput(f"--parameters is no JSON: {exc}. Write it as '{{\"temperature\": 0}}'.") from exc
        endpoint = add_endpoint(
            Endpoint(
                name=options["name"],
                provider=options["provider"],
                llm=options["llm"],
                base_url=options["base_url"],
                key_name=options["key_name"],
                parameters=parameters,
                price_in=options["price_in"],
                price_out=options["price_out"],
                max_concurrency=options["max_concurrency"],
                requests_per_minute=options["requests_per_minute"],
                tokens_per_minute=options["tokens_per_minute"],
                timeout_seconds=options["timeout"],
            )
        )
        where = endpoint.base_url or "its provider's own address"
        self.stdout.write(f"Endpoint {endpoint.name}: {endpoint.llm} at {where}.")
