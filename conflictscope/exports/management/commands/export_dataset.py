"""Write a dataset as self-describing files."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.exports.exporting import export_dataset
from conflictscope.exports.formats import FORMATS
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Write a dataset into a folder: scenarios with their verdicts, every annotation, responses and judgements, and a card "
        "that says what they mean. An earlier export in the folder is replaced. The same data gives the same bytes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="the study's short name")
        parser.add_argument("--dataset", required=True, help="the dataset's short name")
        parser.add_argument("--out", required=True, type=Path, help="the folder to write; made if it is not there")
        parser.add_argument("--format", nargs="+", choices=list(FORMATS), default=list(FORMATS))
        parser.add_argument("--excel", action="store_true", help="CSV with a byte order mark, as Excel wants it")
        parser.add_argument("--only-validated", action="store_true", help="only scenarios that people passed")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        with self.bar(f"Export {dataset.name}", unit="row") as bar:
            done = export_dataset(
                dataset,
                out=options["out"],
                formats=options["format"],
                only_validated=options["only_validated"],
                excel=options["excel"],
                on_rows=bar.update,
            )
        rows = {file.table.name: file.rows for file in done.files}
        counts = ", ".join(f"{number} {table.replace('_', ' ')}" for table, number in rows.items())
        self.stdout.write(f"{dataset.name}: {counts} in {len(done.files)} files in {done.folder}.")
        self.stdout.write(f"Digest {done.digest}")
