"""Draw a sample of a dataset and open it for labelling."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.utils.text import slugify

from annotation.campaigns.creating import CampaignSettings, create_campaign, judgeable_runs, open_campaign
from annotation.campaigns.sampling import Plan
from annotation.kinds import KINDS, SCENARIO_FILTER, kind_named, questions_of
from annotation.models import Campaign
from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.access import study_named
from evaluation.models import Run

DRAWN = {
    Plan.RANDOM: "at random",
    Plan.STRATIFIED: "in equal parts by what the judge made of them",
    Plan.UNCERTAINTY: "more often where the judge was least sure",
}


class Command(ConflictScopeCommand):
    help = (
        "Open a campaign in which people label a sample of a dataset: its scenarios, those that the judge dropped included, or "
        "the responses of runs. With the same name and settings again, the campaign that stands is found."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument("--name", required=True, help="What annotators see; its slug names the campaign.")
        parser.add_argument("--items", type=int, required=True, help="Scenarios to draw; more than there are: all.")
        parser.add_argument(
            "--kind",
            default=SCENARIO_FILTER.key,
            help=f"What people are asked, one of: {', '.join(KINDS)}.",
        )
        parser.add_argument(
            "--target",
            action="append",
            default=[],
            help="Action judgement: a target whose simulated-user runs on the dataset are judged; may be repeated. "
            "By default every one there is; where the campaign stands already, those that it has.",
        )
        parser.add_argument(
            "--responses-each",
            type=int,
            help="Action judgement: at most so many responses of a scenario; all by default.",
        )
        parser.add_argument(
            "--among",
            default="",
            metavar="FILTER",
            help="Action judgement: only answers that a run's page shows under this address, such as "
            '"only=judges_differ&pair=honesty~harmlessness". No estimate uses what people say of them.',
        )
        parser.add_argument("--overlap", type=int, default=3, help="How many people label each item.")
        parser.add_argument("--seed", type=int, default=0, help="The same seed draws the same sample.")
        parser.add_argument("--plan", default=Plan.RANDOM, help=f"How to draw, one of: {', '.join(Plan)}.")
        parser.add_argument("--quota", type=int, help="Items that one person may label; no limit by default.")
        parser.add_argument("--lease", type=int, default=30, help="Minutes for which an item is held.")
        parser.add_argument(
            "--annotator", action="append", default=[], help="Who is asked; may be repeated. By default all annotators."
        )
        parser.add_argument("--guideline", type=Path, help="A file in Markdown; by default the kind's own guideline.")
        parser.add_argument("--purpose", default="", help="What the labels are for.")
        parser.add_argument(
            "--second-answers",
            default=Campaign.SecondAnswers.OFF,
            help="Whether people may mark a second answer as also defensible, one of: "
            f"{', '.join(Campaign.SecondAnswers.values)}.",
        )
        parser.add_argument("--draft", action="store_true", help="Draw the items, and leave the campaign unopened.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        dataset = dataset_named(study, options["dataset"])
        before = set(study.campaigns.values_list("pk", flat=True))
        make = create_campaign if options["draft"] else open_campaign
        settings = CampaignSettings(
            name=options["name"],
            kind=options["kind"],
            runs=_runs(dataset, options["kind"], options["target"], name=options["name"]),
            responses_each=options["responses_each"],
            among=options["among"],
            size=options["items"],
            overlap=options["overlap"],
            plan=options["plan"],
            seed=options["seed"],
            quota=options["quota"],
            lease_minutes=options["lease"],
            guideline=_text_of(options["guideline"]),
            purpose=options["purpose"],
            invited=_people(options["annotator"]),
            second_answers=options["second_answers"],
        )
        campaign = make(study, dataset, settings)
        self.stdout.write(f"{campaign.name} ({campaign.slug}): {_since_when(campaign, known=campaign.pk in before)}.")
        self.stdout.write(_sampled(campaign))
        questions = len(questions_of(campaign))
        sheets = int(campaign.sampling_plan["drawn"]) * campaign.overlap
        quota = f"at most {campaign.quota}" if campaign.quota else "any number of"
        self.stdout.write(
            f"{campaign.overlap} people label each item, {quota} items a person: {sheets} sheets of {questions} questions, "
            f"{sheets * questions} answers wanted."
        )


def _sampled(campaign: Campaign) -> str:
    plan = campaign.sampling_plan
    drawn = int(plan["scenarios"])
    sentence = (
        f"{drawn} of {plan['population']} scenarios of {campaign.dataset.slug}, drawn {DRAWN[Plan(plan['plan'])]} "
        f"(seed {plan['seed']})"
    )
    more = KINDS[campaign.kind].drawn.format(drawn=plan["drawn"], outcomes=_counted(plan["drawn_by_outcome"]))
    return f"{sentence}{more}."


def _runs(dataset: Dataset, kind: str, targets: list[str], *, name: str) -> list[Run]:
    if not kind_named(kind).of_responses:
        return []
    standing = dataset.study.campaigns.filter(slug=slugify(name)[:50], dataset=dataset, kind=kind).first()
    if standing is not None and not targets:
        return list(standing.runs.all())
    runs = list(judgeable_runs(dataset))
    known = sorted({run.target.label for run in runs})
    unknown = sorted(set(targets) - set(known))
    if unknown:
        raise NotFound(
            f"No run with a simulated user of {', '.join(unknown)} on {dataset.slug}. Targets: {', '.join(known) or 'none yet'}."
        )
    return [run for run in runs if not targets or run.target.label in targets]


def _people(names: list[str]) -> list[User]:
    people = {user.get_username(): user for user in User.objects.filter(username__in=names)}
    unknown = sorted(set(names) - set(people))
    if unknown:
        raise NotFound(f"There is no account {', '.join(unknown)}.")
    return list(people.values())


def _text_of(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"The guideline {path} cannot be read as text: {exc}") from exc


def _since_when(campaign: Campaign, *, known: bool) -> str:
    if campaign.state == Campaign.State.CLOSED:
        return "closed, and stays closed"
    if campaign.state == Campaign.State.DRAFT:
        return "a draft already, nothing drawn anew" if known else "a draft, which nobody labels yet"
    return "open already, nothing drawn anew" if known else "open from now on"


def _counted(by_outcome: dict[str, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(by_outcome.items(), key=lambda each: -each[1]))
