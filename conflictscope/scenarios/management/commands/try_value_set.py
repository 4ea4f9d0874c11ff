from typing import Any

from django.core.management.base import CommandParser

from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.scenarios.value_sets import trying
from conflictscope.studies.access import study_named
from conflictscope.values.finding import draft_named
from conflictscope.values.publishing import version_named


class Command(JobCommand):
    help = "Have a study's generator write three scenarios for each pair of a value set, which are in no dataset."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("value_set", help="The slug of a value set: hhh, or hhh@1 for a version, or hhh@draft.")
        parser.add_argument("--study", required=True, help="The slug of the study that pays.")
        parser.add_argument("--generator", required=True, help="The endpoint that writes.")

    def start(self, **options: Any) -> Job:
        slug, _, which = options["value_set"].partition("@")
        version = draft_named(slug) if which == "draft" else version_named(options["value_set"])
        study, generator = study_named(options["study"]), endpoint_named(options["generator"])
        return trying.start(version, study, generator, budget=budget_of(options))
