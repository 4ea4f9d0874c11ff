"""Say how well a judge agrees with people in a campaign, and people with each other."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.agreement.measures import judge_of, measure
from annotation.agreement.reports import agreement_report
from annotation.agreement.tables import tables_of
from annotation.campaigns.lifecycle import campaign_named
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = "For each dimension of the filter, or question about responses: how well a judge agrees with people, and people with each other."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument(
            "--judge", default="", help="The judge's name; by default the dataset's primary judge, or that of the runs."
        )
        parser.add_argument(
            "--minimum", type=int, default=1, help="How many people must have labelled an item for it to count."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        judge = judge_of(campaign, options["judge"]) if options["judge"] else None
        tables = tables_of(campaign, judge=judge, minimum=options["minimum"])
        with self.bar("Measure", unit="dimension", total=len(tables.dimensions)) as bar:
            measured = measure(tables, minimum=options["minimum"], progress=bar.update)
        self.stdout.write(agreement_report(campaign, measured))
