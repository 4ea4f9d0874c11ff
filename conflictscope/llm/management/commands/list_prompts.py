from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from conflictscope.commands import ConflictScopeCommand
from conflictscope.llm.prompts import all_prompts, digest_table


class Command(ConflictScopeCommand):
    help = "List every prompt of every room, with its version and the digest of its file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the table that tests/llm/released_prompts.json keeps")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(digest_table(), indent=2, sort_keys=True))
            return
        for file in all_prompts():
            self.stdout.write(f"{file.package} {file.name} v{file.version} {file.digest[:12]}")
