"""Write down what the people of a campaign agree on."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.consensus.deciding import decide
from annotation.consensus.reports import decision_report
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Make a decision of each question that most people answered alike, and a human verdict of each dimension, which "
        "overrides the judge's. Ties are named and left open. Running it again does only what has changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument(
            "--minimum",
            type=int,
            help="How many people must have labelled an item; by default as many as the campaign asks for.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        total = campaign.items.filter(is_training=False).count()
        with self.bar(f"Decide {campaign.name}", unit="item", total=total) as bar:
            decided = decide(campaign, minimum=options["minimum"], progress=bar.update)
        self.stdout.write(decision_report(campaign, decided))
