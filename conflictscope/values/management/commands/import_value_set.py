from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.values.publishing import SHIPPED, import_value_set


class Command(ConflictScopeCommand):
    help = "Publish a value set from a JSON file, or one of those that ship."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help=f"A JSON file, or one of: {', '.join(SHIPPED)}.")
        parser.add_argument("--slug", default="", help="What addresses and commands call it.")
        parser.add_argument("--name", default="", help="What people call it.")

    def handle(self, *args: Any, **options: Any) -> None:
        imported = import_value_set(options["source"], slug=options["slug"], name=options["name"])
        version = imported.version
        verb = "published" if imported.created else "is already here, unchanged"
        self.stdout.write(
            f"{version} {verb}: {version.values.count()} values, {len(version.pairs())} pairs that conflict."
        )
