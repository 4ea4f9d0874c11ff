from typing import Any

from django.core.management.base import CommandParser

from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.scenarios import generation
from conflictscope.scenarios.dedup import Scope
from conflictscope.studies.access import study_named
from conflictscope.values.publishing import version_named


class Command(JobCommand):
    help = "Generate scenarios for the pairs of a value set, or top up a dataset that has too few."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug; made if the study has none of it.")
        parser.add_argument("--name", default="", help="What people call the dataset.")
        parser.add_argument("--value-set", help="Slug of the value set, its newest version; SLUG@NUMBER for another.")
        parser.add_argument("--generator", help="Name of the endpoint that writes.")
        parser.add_argument(
            "--per-pair", type=int, help="How many scenarios each value pair gets, duplicates not counted."
        )
        parser.add_argument(
            "--variant",
            choices=generation.GENERATED,
            help="full (unless said): outlines, then a draft of each; single_stage: all in one call; direct: asked straight "
            "for dilemmas between two values.",
        )
        parser.add_argument(
            "--threshold",
            type=float,
            help="Cosine from which a scenario is a duplicate of an earlier one; 0.8 unless said.",
        )
        parser.add_argument(
            "--scope",
            choices=[scope.value for scope in Scope],
            help="Which scenarios are compared: of a pair (unless said), of a pair and template, or of the whole dataset.",
        )
        parser.add_argument(
            "--deployment-context",
            action="append",
            default=[],
            metavar="TEXT",
            help="Where the assistant is deployed. Given more than once, scenarios are spread over them.",
        )
        parser.add_argument("--batch-size", type=int, help="The most that one call asks for.")
        parser.add_argument(
            "--yield-floor",
            type=float,
            help="A pair is given up when a smaller share than this of the latest ones was usable; 0.1 unless said. Also for a "
            "dataset that is there already.",
        )
        parser.add_argument(
            "--shipped-prompts", action="store_true", help="Leave the study's own versions of prompts aside."
        )

    def start(self, **options: Any) -> Job:
        dataset = generation.open_dataset(
            study_named(options["study"]),
            options["dataset"],
            generation.DatasetRecipe(
                name=options["name"],
                value_set=version_named(options["value_set"]) if options["value_set"] else None,
                generator=endpoint_named(options["generator"]) if options["generator"] else None,
                per_pair=options["per_pair"],
                variant=options["variant"],
                threshold=options["threshold"],
                scope=options["scope"],
                batch_size=options["batch_size"],
                yield_floor=options["yield_floor"],
                shipped_prompts=options["shipped_prompts"],
                deployment_contexts=options["deployment_context"],
            ),
        )
        return generation.start(dataset, budget=budget_of(options))
