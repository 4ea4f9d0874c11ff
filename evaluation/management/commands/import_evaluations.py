from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named
from evaluation.importing import FORMATS, import_evaluations

SHOWN = 20  # bad rows on the screen


class Command(ConflictScopeCommand):
    help = "Import what targets answered elsewhere on a dataset's scenarios. They are gone through before anything is written; killed half-way, the same command adds the rest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The slug of the dataset whose scenarios were asked.")
        parser.add_argument(
            "--format",
            default="",
            dest="format_name",
            help=f"One of: {', '.join(FORMATS)}. Default: each file's own, by what stands in it.",
        )
        parser.add_argument("--encoding", default="", help="Of the files, when it is not UTF-8.")
        parser.add_argument("--preview", action="store_true", help="Say what would be imported, and write nothing.")
        parser.add_argument(
            "--skip-bad", action="store_true", help="Leave out rows that cannot be read, and name them."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        with self.bar("Read", unit="row") as bar:
            report = import_evaluations(
                dataset,
                paths=options["files"],
                format_name=options["format_name"],
                encoding=options["encoding"],
                skip_bad=options["preview"] or options["skip_bad"],
                progress=lambda read: bar.update(read - bar.n),
                write=not options["preview"],
            )
        self.stdout.write(f"Format: {FORMATS[report.format].label}.")
        if options["preview"]:
            self.stdout.write("Nothing is written. It would be:")
        for sentence in report.sentences():
            self.stdout.write(sentence)
        for row in report.bad_rows[:SHOWN]:
            self.stdout.write(f"  {row.sentence}")
        if report.bad > SHOWN:
            self.stdout.write(f"  ... and {report.bad - SHOWN} more.")
