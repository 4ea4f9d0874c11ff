"""Say which endpoints a study may use."""

from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.llm.models import Endpoint
from conflictscope.studies.access import study_named
from conflictscope.studies.endpoints import allow, endpoints_of, withdraw


class Command(ConflictScopeCommand):
    help = "Let a study use endpoints, or no longer. Without a name it only says which ones the study may use."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", help="names of endpoints")
        parser.add_argument("--study", required=True, help="the study's short name")
        parser.add_argument("--all", action="store_true", help="every endpoint that there is now")
        parser.add_argument("--withdraw", action="store_true", help="take them away; what was asked of them stays")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        endpoints = [endpoint_named(name) for name in options["names"]]
        if options["all"]:
            endpoints = list(Endpoint.objects.all())
        if options["withdraw"]:
            withdraw(study, endpoints)
        else:
            allow(study, endpoints)
        listed = ", ".join(endpoint.name for endpoint in endpoints_of(study)) or "no endpoint"
        self.stdout.write(f"{study.name!r} may use {listed}.")
