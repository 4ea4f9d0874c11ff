from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import NotFound
from conflictscope.scenarios.datasets import dataset_named, hide
from conflictscope.scenarios.importing import taking_back
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = "Take an import back whole while nothing stands on it, or put its dataset out of sight."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument(
            "--number", type=int, help="Which import, where there are several; without it they are listed."
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--hide", action="store_true", help="Put the dataset out of sight instead; nothing is lost.")
        what.add_argument("--show", action="store_true", help="Put it back into sight.")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        if options["hide"] or options["show"]:
            hide(dataset, hidden=options["hide"])
            self.stdout.write(f"{dataset} is {'out of sight now' if options['hide'] else 'in sight again'}.")
            return
        imports = list(dataset.imports.complete())
        chosen = [candidate for candidate in imports if options["number"] in (None, candidate.pk)]
        if not chosen:
            raise NotFound(f"{dataset} has no such import.")
        if len(chosen) > 1:
            self.stdout.write(f"{dataset} has {len(chosen)} imports; name one with --number:")
            for candidate in chosen:
                self.stdout.write(
                    f"  {candidate.pk}: {candidate}, {candidate.added} added, {candidate.completed} completed"
                )
            return
        name, gone = str(chosen[0]), taking_back.take_back(chosen[0])
        self.stdout.write(f"{name} was taken back: {gone} scenarios are gone.")
