from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from annotation.agreement.asked_again import ask_again
from annotation.agreement.measures import judge_of
from annotation.campaigns.lifecycle import campaign_named
from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job
from conflictscope.studies.access import study_named
from evaluation.readings.job import USUAL_SAMPLES, USUAL_SIZE


class Command(JobCommand):
    help = (
        "Ask a judge again about anchors of a campaign, some times as usual and once with the actions the other way round. Its "
        "passport then tells whether it says the same twice, follows places, and has changed since the last time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--judge", required=True, help="The judge's name.")
        parser.add_argument(
            "--anchors",
            type=int,
            default=USUAL_SIZE,
            help="How many items it is asked about. Drawn on the first occasion; later ones ask about the same.",
        )
        parser.add_argument("--samples", type=int, default=USUAL_SAMPLES, help="Answers to each question, as usual.")

    def start(self, **options: Any) -> Job | Sequence[Job]:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        return ask_again(
            campaign,
            judge_of(campaign, options["judge"]),
            size=options["anchors"],
            samples=options["samples"],
            budget=budget_of(options),
        )
