"""Ask for more in a campaign: more scenarios by its own plan, or more people for each item."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.creating import extend_campaign, scenarios_drawn
from annotation.campaigns.lifecycle import campaign_named
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Draw more scenarios into a campaign by the plan it was drawn by, so that all of them are a sample of the larger size, "
        "or hand its items to more people. Running it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--items", type=int, help="Scenarios in all; as many as there are by default.")
        parser.add_argument("--overlap", type=int, help="People for each item in all; as many as now by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        added = extend_campaign(campaign, size=options["items"], overlap=options["overlap"])
        self.stdout.write(
            f"{campaign.name}: {added} items added, {campaign.items.count()} of {scenarios_drawn(campaign)} scenarios in all, "
            f"{campaign.overlap} people for each."
        )
