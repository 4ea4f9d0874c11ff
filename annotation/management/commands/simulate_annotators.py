"""Let simulated annotators of known accuracy label a campaign."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.simulated import Annotator, label_campaign
from annotation.simulated.answering import KINDS_OF_PEOPLE, READERS
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named
from evaluation.tables import said


class Command(ConflictScopeCommand):
    help = (
        "Let simulated annotators label a campaign as people's programs would: through the API, from the text, with a chosen "
        "accuracy, speed and bias. Their answers are marked as simulated. Running it again does only what is missing; a "
        "larger count adds people."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--count", type=int, required=True, help="How many annotators there are to be.")
        parser.add_argument(
            "--first", type=int, default=1, help="The number of the first of them: other numbers are other people."
        )
        parser.add_argument("--accuracy", type=float, default=0.9, help="Probability of the true answer to a question.")
        parser.add_argument(
            "--speed", type=float, default=READERS, help="Words they read in a second: it makes their time at work."
        )
        parser.add_argument(
            "--bias",
            type=float,
            default=0.0,
            help="Share of answers given without reading: yes, action A, the middle of a scale.",
        )
        parser.add_argument(
            "--doubt",
            type=float,
            default=0.0,
            help="Where second answers may be marked: the share of answers beside which they mark one.",
        )
        parser.add_argument(
            "--base-url",
            default="",
            help="The server whose API they use, such as http://127.0.0.1:8000; it must serve this database. "
            "Without it one is started for the time.",
        )
        parser.add_argument(
            "--kind",
            default="honest",
            help=f"What sort of people they are, one of: {', '.join(KINDS_OF_PEOPLE)}. A colluder copies sim-annotator-1.",
        )
        parser.add_argument("--seed", type=int, default=0, help="The same seed gives the same answers.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        like = Annotator(
            "",
            accuracy=options["accuracy"],
            speed=options["speed"],
            bias=options["bias"],
            doubt=options["doubt"],
            seed=options["seed"],
            kind=options["kind"],
        )
        with self.bar(f"Label {campaign.name}", unit="sheet") as bar:
            done = label_campaign(
                campaign,
                count=options["count"],
                first=options["first"],
                like=like,
                base_url=options["base_url"],
                progress=bar.update,
            )
        by_people = ", ".join(f"{items} by {people}" for people, items in done.answers_per_item) or "none"
        self.stdout.write(
            f"{campaign.name}: {done.annotators} simulated annotators submitted {done.submitted} sheets now. "
            f"Of {done.items} items they have labelled: {by_people}."
        )
        accuracy = said(done.accuracy, percent=True, digits=3, count="answers")
        self.stdout.write(f"Answers that are true of their text: {accuracy}.")
