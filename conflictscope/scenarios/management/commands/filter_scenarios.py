from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.scenarios.filtering import job as filtering
from conflictscope.scenarios.filtering.judges import judge_named
from conflictscope.studies.access import study_named


class Command(JobCommand):
    help = "Have an LLM judge answer the filter's questions about a dataset's scenarios."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument(
            "--judge", required=True, help="The judge's name; a new one asks the endpoint of that name."
        )
        parser.add_argument("--endpoint", help="Another endpoint to make a new judge from.")
        parser.add_argument(
            "--primary",
            action="store_true",
            help="Let this judge's verdicts decide what is kept, not an earlier judge's.",
        )

    def start(self, **options: Any) -> Job | Sequence[Job]:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        endpoint = endpoint_named(options["endpoint"]) if options["endpoint"] else None
        try:
            with transaction.atomic():  # no judge is made for a job that cannot start
                judge = judge_named(options["judge"], endpoint=endpoint)
                return filtering.start(dataset, judge, primary=options["primary"], budget=budget_of(options))
        except filtering.NothingToAsk as exc:  # run again, a command does what is missing: here that is nothing
            self.stdout.write(exc.sentence)
            return []
