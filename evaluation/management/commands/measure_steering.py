from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import NotFound
from conflictscope.studies.access import study_named
from evaluation.rankings.fitting import REPLICATES, SEED
from evaluation.steering.browsing import effects_table, finding
from evaluation.steering.effects import decided_runs, default_and_steered, effects_of, work_out_all


class Command(ConflictScopeCommand):
    help = "What the study's steerings do: alignment without and with them, the effect with its interval, and the test."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True)
        parser.add_argument("--replicates", type=int, default=REPLICATES)
        parser.add_argument("--seed", type=int, default=SEED)

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        runs = list(decided_runs(study))
        twos = default_and_steered(runs)
        if not twos:
            raise NotFound(
                f"Study {study.slug!r} has no steered run with a default one beside it: run evaluate_targets --steering."
            )
        with self.bar("Work out effects", unit="run", total=len(twos)) as bar:
            work_out_all(runs, replicates=options["replicates"], seed=options["seed"], progress=bar.update)
        effects = effects_of(runs)
        self.stdout.write(effects_table(effects))
        self.stdout.write(finding(effects))
