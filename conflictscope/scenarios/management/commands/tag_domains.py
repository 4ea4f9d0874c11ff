from typing import Any

from django.core.management.base import CommandParser

from conflictscope.jobs.commands import JobCommand, budget_of
from conflictscope.jobs.models import Job
from conflictscope.llm.endpoints import endpoint_named
from conflictscope.scenarios import domains
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named


class Command(JobCommand):
    help = "Have an LLM tag scenarios with the field of life that they are in; what people tagged stays."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument("--endpoint", required=True, help="The endpoint of the LLM.")
        parser.add_argument(
            "--domain", action="append", help="A domain to choose from; give each. Without any, the dataset's list."
        )
        parser.add_argument("--again", action="store_true", help="Tag those that have a domain, too.")

    def start(self, **options: Any) -> Job:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        endpoint = endpoint_named(options["endpoint"])
        return domains.start(
            dataset, endpoint, domains=options["domain"], again=options["again"], budget=budget_of(options)
        )
