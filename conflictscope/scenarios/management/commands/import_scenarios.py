import csv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import ConflictScopeError, InvalidInput
from conflictscope.files.csv_cells import escape
from conflictscope.scenarios.importing import FORMATS, BadRow, ImportReport, ImportSettings, import_scenarios
from conflictscope.scenarios.importing.reporting import BAD_ROW_COLUMNS, bad_row_cells
from conflictscope.studies.access import study_named
from conflictscope.values.publishing import version_named

SHOWN = 20  # bad rows on the screen; all of them are in the file that --bad-rows names


class Command(ConflictScopeCommand):
    help = (
        "Import scenarios that others wrote, or that were exported. All of the files' scenarios are written, or none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug; made if the study has none of it.")
        parser.add_argument(
            "--format",
            default="",
            dest="format_name",
            help=f"One of: {', '.join(FORMATS)}. Default: each file's own, by its columns.",
        )
        parser.add_argument("--name", default="", help="What people call the dataset.")
        parser.add_argument("--encoding", default="", help="Of the files, when it is not UTF-8.")
        parser.add_argument(
            "--value-set", default="", help="The version that the files' values are of, such as hhh or hhh@2."
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="What a column of csv or jsonl means, over what is guessed; COLUMN= leaves a column out.",
        )
        parser.add_argument(
            "--preview",
            action="store_true",
            help="Say what would be imported, and write nothing; ends with an error where the import would.",
        )
        parser.add_argument(
            "--skip-bad", action="store_true", help="Leave out rows that cannot be read, and name them."
        )
        parser.add_argument("--bad-rows", type=Path, metavar="FILE", help="Write the rows left out to this CSV file.")
        parser.add_argument("--excel", action="store_true", help="That file with a byte order mark, as Excel wants it.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        value_set = version_named(options["value_set"]) if options["value_set"] else None
        preview = options["preview"]
        with ExitStack() as stack:
            note = (
                _bad_rows_file(options["bad_rows"], stack, inputs=options["files"], excel=options["excel"])
                if options["bad_rows"]
                else None
            )
            bar = stack.enter_context(self.bar("Read", unit="row"))
            bring = partial(
                import_scenarios,
                study,
                options["dataset"],
                paths=options["files"],
                progress=lambda read: bar.update(read - bar.n),
                write=not preview,
            )
            settings = ImportSettings(
                format_name=options["format_name"],
                name=options["name"],
                encoding=options["encoding"],
                mapping=_mapping(options["map"]),
                value_set=value_set,
                skip_bad=options["skip_bad"],
            )
            report, refusal = self._done_or_refused(bring, settings, preview=preview, note=note)
        if preview:
            self._preview(report, options["dataset"])
        else:
            self._done(report)
        self._bad_rows(report)
        if refusal is not None:
            raise refusal

    def _done_or_refused(
        self,
        bring: Callable[..., ImportReport],
        settings: ImportSettings,
        *,
        preview: bool,
        note: Callable[[BadRow], object] | None,
    ) -> tuple[ImportReport, ConflictScopeError | None]:
        """The report; with a preview of what will be refused, also why: a preview ends as the import would.

        Raises:
            ConflictScopeError: it is refused, and leaving rows out would not help.
        """
        try:
            return bring(settings=settings, on_bad=note), None
        except ConflictScopeError as exc:
            if settings.skip_bad or not preview:
                raise
            try:
                return bring(settings=replace(settings, skip_bad=True), on_bad=note), exc
            except ConflictScopeError:
                raise exc from None

    def _preview(self, report: ImportReport, slug: str) -> None:
        self.stdout.write(f"Nothing is written. {slug} would be, without the rows that cannot be read:")
        self.stdout.write(f"Format: {', '.join(FORMATS[name].label for name in report.formats)}.")
        self._mapping(report)
        for sample in report.samples:
            self.stdout.write(f"\n{sample.uid}")
            for label, text in sample.fields:
                self.stdout.write(f"  {label}: {_short(text)}")
        self.stdout.write("")
        for sentence in report.sentences():
            self.stdout.write(sentence)

    def _done(self, report: ImportReport) -> None:
        self._mapping(report)
        first, *more = report.sentences()
        self.stdout.write(f"{report.dataset}: {first}")
        for sentence in more:
            self.stdout.write(sentence)
        same = {None: "", True: ", the one that its export tells", False: ", not the one that its export tells"}
        self.stdout.write(f"Digest {report.digest}{same[report.as_exported]}.")

    def _mapping(self, report: ImportReport) -> None:
        if report.mapping:
            columns = ", ".join(f"{column}={field}" for column, field in report.mapping.items())
            self.stdout.write(f"Columns: {columns}.")

    def _bad_rows(self, report: ImportReport) -> None:
        for row in report.bad_rows[:SHOWN]:
            self.stdout.write(f"  {row.sentence}")
        if report.bad > SHOWN:
            self.stdout.write(f"  ... and {report.bad - SHOWN} more; --bad-rows FILE writes all of them down.")


def _mapping(given: list[str]) -> dict[str, str] | None:
    mapping = {}
    for each in given:
        column, sign, field = each.rpartition("=")
        if not sign or not column:
            raise InvalidInput(f"{each!r} maps nothing: write --map COLUMN=FIELD.")
        mapping[column.strip()] = field.strip()
    return mapping or None


def _bad_rows_file(path: Path, stack: ExitStack, *, inputs: list[Path], excel: bool) -> Callable[[BadRow], object]:
    """Writes a bad row down; the file is opened for the first of them.

    Raises:
        InvalidInput: nothing can be written there, or what is to be read stands there.
    """
    if any(path.resolve() in (each.resolve(), *_tables_in(each)) for each in inputs):
        raise InvalidInput(f"{path} is to be read: name another file for --bad-rows.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InvalidInput(
            f"{path} cannot be written: {'it is a folder' if path.is_dir() else 'there is no such folder'}."
        )
    write: Callable[[list[str | int]], object] | None = None

    def note(row: BadRow) -> None:
        nonlocal write
        if write is None:
            try:
                file = stack.enter_context(path.open("w", encoding="utf-8-sig" if excel else "utf-8", newline=""))
            except OSError as exc:
                raise InvalidInput(f"{path} cannot be written: {exc.strerror or exc}.") from exc
            write = csv.writer(file).writerow
            write([*BAD_ROW_COLUMNS])
        write([escape(cell) if isinstance(cell, str) else cell for cell in bad_row_cells(row)])

    return note


def _tables_in(folder: Path) -> list[Path]:
    return [each.resolve() for each in folder.iterdir()] if folder.is_dir() else []


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"
