from __future__ import annotations

import shlex
import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.overview import demo


class Command(ConflictScopeCommand):
    help = "Run the whole path on simulated LLMs and annotators, through the queue. Running it again does only what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--per-pair", type=int, default=30, help="Scenarios for each value pair.")
        parser.add_argument("--items", type=int, default=60, help="Scenarios that people check.")
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--port", type=int, default=8100, help="Of the simulated LLMs.")
        parser.add_argument(
            "--password", default="", help="Of the demo's people; needed unless the database is the embedded one."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = demo.password_for(options["password"])
        started = time.monotonic()
        study = demo.people_and_study(password=password)
        with demo.simulated_llms(study, port=options["port"], seed=options["seed"]), demo.worker():
            for command, *arguments in demo.steps(
                per_pair=options["per_pair"], items=options["items"], seed=options["seed"]
            ):
                self.stdout.write(self.style.MIGRATE_HEADING(f"\nmanage.py {shlex.join([command, *arguments])}"))
                call_command(
                    command, *arguments, verbosity=options["verbosity"], stdout=self.stdout, stderr=self.stderr
                )
        self.stdout.write(
            f"\nThe study “{study.name}” is ready after {time.monotonic() - started:.0f} s. Log in as\n"
            + "".join(f"  {name} ({role}), password {password}\n" for name, role in demo.PEOPLE.items())
            + "(people who were there before keep their password)."
        )
