"""Give a person a role in a study."""

from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named
from conflictscope.studies.membership import add_member
from conflictscope.studies.permissions import Role


class Command(ConflictScopeCommand):
    help = "Give a person a role in a study, or another role than they had."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--study", required=True, help="the study's short name")
        parser.add_argument("--role", required=True, help=f"one of: {', '.join(Role.values)}")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        membership = add_member(study, username=options["username"], role=options["role"])
        self.stdout.write(f"{membership.user} is {membership.role} of {study.name!r}.")
