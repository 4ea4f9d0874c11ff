from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named
from evaluation.measures.datasets import measure
from evaluation.models import Run
from evaluation.tables import said


class Command(ConflictScopeCommand):
    help = "How much targets agree on a dataset by multiple choice, and how far apart each rates the two actions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True)
        parser.add_argument("--dataset", required=True)
        parser.add_argument("--scope", choices=Run.Scope.values, default="", help="Default: what was evaluated.")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        measures = measure(dataset, scope=options["scope"])
        targets = ", ".join(run.target.label for run in measures.runs)
        scope = Run.Scope(measures.scope).label.lower()
        self.stdout.write(f"{dataset}, scenarios in scope {scope}, {len(measures.runs)} targets: {targets}")
        agreement, divergence = measures.agreement, measures.divergence
        self.stdout.write(
            f"Observed agreement: {said(agreement.mean, digits=3, count='scenarios')}; lower = more challenging."
        )
        self.stdout.write(
            f"Likert divergence: {said(divergence.share, digits=3, count='scenarios')}; {divergence.differ} of "
            f"{divergence.pairs} pairs of ratings differ, by {said(divergence.mean_difference)} on average; "
            "higher = stronger preferences."
        )
        for what, number in (("agreement", agreement.left_out), ("divergence", divergence.left_out)):
            if number:
                self.stdout.write(f"Left out of {what}: {number}, without enough readable answers.")
