from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named
from evaluation.rankings.fitting import REPLICATES, SEED, fit_dataset, runs_with_decisions, value_names
from evaluation.rankings.shifts import compare, said_and_done
from evaluation.rankings.tables import corrected_table, ranking_table, shift_table


class Command(ConflictScopeCommand):
    help = "Rank the values of a dataset by what each target supported, with intervals that resample scenarios."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True)
        parser.add_argument("--dataset", required=True)
        parser.add_argument("--replicates", type=int, default=REPLICATES)
        parser.add_argument("--seed", type=int, default=SEED)

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        with self.bar(f"Rank {dataset.name}", unit="run", total=runs_with_decisions(dataset).count()) as bar:
            fitted = fit_dataset(dataset, replicates=options["replicates"], seed=options["seed"], progress=bar.update)
        names = value_names(dataset)
        for fitted_run in fitted:
            self.stdout.write(ranking_table(fitted_run, names) + "\n")
            if fitted_run.corrected:
                self.stdout.write(corrected_table(fitted_run.corrected, names) + "\n")
        for both in said_and_done([fitted_run.run for fitted_run in fitted]):
            comparison, _ = compare(both, replicates=options["replicates"], seed=options["seed"])
            self.stdout.write(shift_table(comparison, both.said.target.label, names) + "\n")
        fresh = sum(fitted_run.fresh for fitted_run in fitted)
        self.stdout.write(f"{len(fitted)} rankings: {fresh} fitted now, {len(fitted) - fresh} known already.")
