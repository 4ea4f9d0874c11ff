"""Set scenarios of a campaign aside for tuning judges, before anybody has labelled."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.campaigns.splitting import split
from annotation.models import Item
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = "Part a campaign's scenarios, by chance, into those whose labels judges are tuned on and a sealed test."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--percent", type=int, default=50, help="Of the scenarios, for tuning (50).")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        split(campaign, options["percent"] / 100)
        dev = campaign.items.filter(part=Item.Part.DEV).count()
        self.stdout.write(f"{campaign.name}: {dev} items for tuning, {campaign.items.count() - dev} sealed.")
