"""Leave somebody's work out of a campaign, or take it back in."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.quality.excluding import exclude, include, participant_named
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Leave all of a person's work out of a campaign's figures, with a reason: it is kept, and others are asked in their place. "
        "With --undo it counts again, where nobody has answered in their place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--annotator", required=True, help="The person's pseudonym in the campaign.")
        parser.add_argument("--reason", default="", help="Why; kept with the exclusion.")
        parser.add_argument("--undo", action="store_true", help="Take the person back in.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        person = participant_named(campaign, options["annotator"])
        if options["undo"]:
            counted = include(person, reason=options["reason"], by=None)
            self.stdout.write(f"{person.pseudonym} is taken back: {counted} submissions count again.")
        else:
            freed = exclude(person, reason=options["reason"], by=None)
            self.stdout.write(f"{person.pseudonym} is left out: {freed} slots are free for others.")
