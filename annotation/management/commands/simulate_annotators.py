"""Let simulated annotators of known accuracy label a campaign."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns import campaign_named
from annotation.simulated import label_campaign
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named
from evaluation.tables import said


class Command(ConflictScopeCommand):
    help = (
        "Let simulated annotators label a campaign as people would: from the text, with a chosen accuracy. Their answers are "
        "marked as simulated. Running it again does only what is missing; a larger count adds people."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--count", type=int, required=True, help="How many annotators there are to be.")
        parser.add_argument("--accuracy", type=float, default=0.9, help="Probability of the true answer to a question.")
        parser.add_argument("--seed", type=int, default=0, help="The same seed gives the same answers.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        with self.bar(f"Label {campaign.name}", unit="sheet") as bar:
            done = label_campaign(
                campaign,
                count=options["count"],
                accuracy=options["accuracy"],
                seed=options["seed"],
                progress=bar.update,
            )
        by_people = ", ".join(f"{items} by {people}" for people, items in done.answers_per_item) or "none"
        self.stdout.write(
            f"{campaign.name}: {done.annotators} simulated annotators submitted {done.submitted} sheets now. "
            f"Of {done.items} items they have labelled: {by_people}."
        )
        accuracy = said(done.accuracy, percent=True, digits=3, count="answers")
        self.stdout.write(f"Answers that are true of their text: {accuracy}.")
