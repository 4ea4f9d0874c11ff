"""Hand out nothing more in a campaign until open_campaign is asked for it again."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named, pause
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = "Hand out nothing more in a campaign until open_campaign is asked for it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        words = "paused: nothing more is handed out" if pause(campaign) else "was not open, nothing changed"
        self.stdout.write(f"{campaign.name}: {words}.")
