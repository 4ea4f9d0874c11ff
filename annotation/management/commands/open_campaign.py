"""Draw a sample of a dataset and open it for labelling."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.campaigns import open_campaign
from annotation.models import Campaign
from annotation.sampling import Plan
from conflictscope.commands import ConflictScopeCommand
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.scenarios.dimensions import dimensions_of, questions_of
from conflictscope.studies.access import study_named

DRAWN = {Plan.RANDOM: "at random", Plan.STRATIFIED: "in equal parts by what the judge made of them"}


class Command(ConflictScopeCommand):
    help = (
        "Open a campaign in which people label a sample of a dataset's scenarios, those that the judge dropped included. "
        "With the same name and settings again, the campaign that stands is found."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument("--name", required=True, help="What annotators see; its slug names the campaign.")
        parser.add_argument("--items", type=int, required=True, help="Scenarios to draw; more than there are: all.")
        parser.add_argument("--overlap", type=int, default=3, help="How many people label each item.")
        parser.add_argument("--seed", type=int, default=0, help="The same seed draws the same sample.")
        parser.add_argument("--plan", default=Plan.RANDOM, help=f"How to draw, one of: {', '.join(Plan)}.")
        parser.add_argument("--quota", type=int, help="Items that one person may label; no limit by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        dataset = dataset_named(study, options["dataset"])
        before = set(study.campaigns.values_list("pk", flat=True))
        campaign = open_campaign(
            study,
            dataset,
            name=options["name"],
            size=options["items"],
            overlap=options["overlap"],
            plan=options["plan"],
            seed=options["seed"],
            quota=options["quota"],
        )
        self.stdout.write(f"{campaign.name} ({campaign.slug}): {_since_when(campaign, known=campaign.pk in before)}.")
        plan = campaign.sampling_plan
        drawn = int(plan["drawn"])
        self.stdout.write(
            f"{drawn} of {plan['population']} scenarios of {dataset.slug}, drawn {DRAWN[Plan(plan['plan'])]} "
            f"(seed {plan['seed']}); the judge's statuses among them: {_counted(plan['drawn_by_outcome'])}."
        )
        questions = sum(len(questions_of(dimension)) for dimension in dimensions_of(dataset))
        sheets = drawn * campaign.overlap
        quota = f"at most {campaign.quota}" if campaign.quota else "any number of"
        self.stdout.write(
            f"{campaign.overlap} people label each item, {quota} items a person: {sheets} sheets of {questions} questions, "
            f"{sheets * questions} answers wanted."
        )


def _since_when(campaign: Campaign, *, known: bool) -> str:
    if campaign.state == Campaign.State.CLOSED:
        return "closed, and stays closed"
    return "open already, nothing drawn anew" if known else "open from now on"


def _counted(by_outcome: dict[str, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(by_outcome.items(), key=lambda each: -each[1]))
