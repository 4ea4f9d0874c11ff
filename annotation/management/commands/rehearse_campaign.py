"""What so many people would give in a campaign, before anybody is asked."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.simulated.answering import KINDS_OF_PEOPLE, READERS, Annotator
from annotation.simulated.rehearsing import rehearse
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named
from evaluation.tables import said


class Command(ConflictScopeCommand):
    help = (
        "Let simulated people label a campaign in memory, drafts too: how many labels they would give, how long it takes, what it "
        "costs, and how wide the intervals would be. Nothing is stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--people", type=int, default=30, help="How many people (30).")
        parser.add_argument("--accuracy", type=float, default=0.9, help="Share of their answers that is true (0.9).")
        parser.add_argument("--speed", type=float, default=READERS, help="Words they read in a second.")
        parser.add_argument("--rate", type=float, help="What an hour at work is paid, in any currency.")
        parser.add_argument(
            "--kind", default="honest", help=f"What sort of people, one of: {', '.join(KINDS_OF_PEOPLE)}."
        )
        parser.add_argument("--seed", type=int, default=0, help="The same seed gives the same answers.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        like = Annotator(
            "", accuracy=options["accuracy"], speed=options["speed"], seed=options["seed"], kind=options["kind"]
        )
        with self.bar(f"Rehearse {campaign.name}", unit="sheet") as bar:
            done = rehearse(campaign, people=options["people"], like=like, rate=options["rate"], progress=bar.update)
        self.stdout.write(
            f"{campaign.name}: {done.people} people would give {done.sheets} of {done.wanted} sheets wanted, "
            f"{done.complete} of {done.items} items complete."
        )
        cost = "" if done.cost is None else f" It would cost {done.cost:,.2f}."
        self.stdout.write(
            f"A sheet takes {done.median_seconds:.0f} s (median), a person {done.hours_each:.1f} hours.{cost}"
        )
        for what, figure in (
            ("judge and people, κ", done.figures.judge_people.kappa),
            ("between people, α", done.figures.alpha),
        ):
            self.stdout.write(f"{done.figures.label}, {what}: {said(figure, digits=2, count='items')}")
        self.stdout.write("Simulated people: how wide the intervals are is of use; how high, is the accuracy you gave.")
