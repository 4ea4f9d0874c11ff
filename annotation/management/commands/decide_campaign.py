"""Write down what the people of a campaign agree on."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.consensus import job as deciding
from conflictscope.jobs.commands import JobCommand
from conflictscope.jobs.models import Job
from conflictscope.studies.access import study_named


class Command(JobCommand):
    help = (
        "Make a decision of each question that most people answered alike, and a human verdict of each dimension, which "
        "overrides the judge's. Ties are named and left open. Running it again does only what has changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument(
            "--minimum",
            type=int,
            help="How many people must have labelled an item; by default as many as the campaign asks for.",
        )

    def start(self, **options: Any) -> Job:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        return deciding.start(campaign, minimum=options["minimum"])
