from typing import Any

from django.core.management.base import CommandParser

from conflictscope.jobs.commands import JobCommand
from conflictscope.jobs.models import Job
from conflictscope.scenarios import dedup
from conflictscope.scenarios.about_jobs import dataset_of_job
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named


class Command(JobCommand):
    help = "Find near-duplicates in a dataset, generated or imported; also again, by another threshold or scope."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument(
            "--threshold", type=float, help="Cosine from which a scenario is a duplicate of an earlier one."
        )
        parser.add_argument(
            "--scope",
            choices=[scope.value for scope in dedup.Scope],
            help="Compare within a value pair, within a pair and template, or within the whole dataset.",
        )
        parser.add_argument(
            "--embedding-model", help="A folder, a name that sentence-transformers knows, or package:NAME."
        )

    def start(self, **options: Any) -> Job:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        dedup_options = {name: options[name] for name in ("threshold", "scope", "embedding_model")}
        return dedup.start(dataset, **dedup_options)

    def report(self, job: Job) -> str:
        by_threshold = dedup.similarities(dataset_of_job(job)).duplicates_at(_SHOWN)
        lines = [f"  {threshold:.2f}: {count}" for threshold, count in by_threshold]
        return "\n".join([super().report(job), "Duplicates by threshold:", *lines])


_SHOWN = [0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
