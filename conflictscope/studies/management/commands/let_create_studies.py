"""Let a person create studies, or no longer."""

from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.membership import let_create_studies, user_named


class Command(ConflictScopeCommand):
    help = "Let a person create studies. Whoever came to label has no need to: see docs/adr/0017."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--withdraw", action="store_true", help="no longer; the studies they own stay theirs")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_named(options["username"])
        let_create_studies(user, allowed=not options["withdraw"])
        self.stdout.write(f"{user} may {'no longer ' if options['withdraw'] else ''}create studies.")
