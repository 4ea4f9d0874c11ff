"""Found a study."""

from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.membership import create_study, user_named


class Command(ConflictScopeCommand):
    help = "Found a study; its owner may then run the pipeline in it and add members."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the study is called on every page")
        parser.add_argument("--owner", required=True, help="the username of the person who owns it")
        parser.add_argument(
            "--slug", default="", help="its short name in addresses and commands (default: from the name)"
        )
        parser.add_argument("--description", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = user_named(options["owner"])
        study = create_study(
            name=options["name"], slug=options["slug"], description=options["description"], created_by=owner
        )
        self.stdout.write(f"Study {study.name!r} stands: --study {study.slug}, owned by {owner}.")
