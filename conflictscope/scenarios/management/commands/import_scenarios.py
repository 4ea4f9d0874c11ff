from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.scenarios.importing import FORMATS, import_scenarios
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = "Import scenarios that others wrote. All of the files' scenarios are written, or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug; made if the study has none of it.")
        parser.add_argument("--format", required=True, dest="format_name", help=f"One of: {', '.join(FORMATS)}.")
        parser.add_argument("--name", default="", help="What people call the dataset.")
        parser.add_argument("--encoding", default="", help="Of the files, when it is not UTF-8.")

    def handle(self, *args: Any, **options: Any) -> None:
        with self.bar("Read", unit="scenario") as bar:
            report = import_scenarios(
                study_named(options["study"]),
                options["dataset"],
                format_name=options["format_name"],
                paths=options["files"],
                name=options["name"],
                encoding=options["encoding"],
                progress=lambda read: bar.update(read - bar.n),
            )
        self.stdout.write(
            f"{report.dataset.name}: {report.added} scenarios added, {report.known} were there already and are the same."
        )
        if report.alike:
            self.stdout.write(
                f"In {report.alike} of them the two actions read the same: no answer can tell them apart."
            )
