from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.scenarios.filtering.judges import judge_named
from conflictscope.studies.access import study_named
from evaluation.models import Response, Run
from evaluation.running.runs import ORDERS, RunSettings, evaluate
from evaluation.running.targets import target_for
from evaluation.steering.creating import steering_named


class Command(JobCommand):
    help = (
        "Ask target LLMs what they would do: by multiple choice, and in conversation with a simulated user. "
        "Run again, it does only what is missing; with more samples, orders, turns or judges, what these add."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True)
        parser.add_argument("--dataset", required=True)
        parser.add_argument(
            "--targets",
            nargs="+",
            required=True,
            metavar="LABEL[=ENDPOINT]",
            help="A label alone may name an endpoint.",
        )
        parser.add_argument(
            "--modes",
            nargs="+",
            choices=Run.Mode.values,
            help="Default: both where a user simulator or a judge is named, else multiple choice.",
        )
        parser.add_argument("--user-simulator", default="", metavar="ENDPOINT", help="Who writes the opening messages.")
        parser.add_argument(
            "--judge",
            nargs="+",
            default=[],
            metavar="JUDGE",
            help="Who decides which action an open answer took. The first also says whether a conversation goes on; further ones "
            "decide beside it.",
        )
        parser.add_argument(
            "--turns",
            type=int,
            default=1,
            help="Of a conversation at most: the user goes on until the judge says it is resolved.",
        )
        parser.add_argument("--scope", choices=Run.Scope.values, default=Run.Scope.KEPT.value)
        parser.add_argument("--orders", choices=list(ORDERS), default="both", help="Of the options in multiple choice.")
        parser.add_argument(
            "--steering",
            nargs="+",
            default=[],
            metavar="NAME",
            help="Ask each target also with these system prompts of the study, on the same scenarios, orders and samples.",
        )
        parser.add_argument("--samples", type=int, default=1, help="Answers to each question.")
        parser.add_argument("--seed", type=int, default=0, help="Another seed is another run.")

        parser.add_argument(
            "--again",
            nargs="+",
            choices=Response.UNANSWERED,
            default=[],
            help="Ask again what ended so and was no answer; by themselves such replies stay as they are.",
        )

    def start(self, **options: Any) -> Sequence[Job]:
        study = study_named(options["study"])
        talks = bool(options["user_simulator"] or options["judge"])
        modes = options["modes"] or (Run.Mode.values if talks else [Run.Mode.MULTIPLE_CHOICE])
        named = [options["judge"]] if isinstance(options["judge"], str) else options["judge"]
        judges = [judge_named(name) for name in dict.fromkeys(filter(None, named))]
        return evaluate(
            dataset_named(study, options["dataset"]),
            targets=[target_for(spec) for spec in dict.fromkeys(options["targets"])],
            modes=list(dict.fromkeys(modes)),
            steerings=[steering_named(study, name) for name in dict.fromkeys(options["steering"])],
            again=options["again"],
            budget=budget_of(options),
            settings=RunSettings(
                user_simulator=endpoint_named(options["user_simulator"]) if options["user_simulator"] else None,
                judge=judges[0] if judges else None,
                further_judges=judges[1:],
                max_turns=options["turns"],
                scope=options["scope"],
                option_orders=ORDERS[options["orders"]],
                samples=options["samples"],
                seed=options["seed"],
            ),
        )
