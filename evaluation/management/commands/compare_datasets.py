from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.errors import InvalidInput
from conflictscope.files.csv_cells import for_excel
from conflictscope.jobs.commands import JobCommand
from conflictscope.jobs.models import Job
from conflictscope.scenarios import diversity
from conflictscope.scenarios.datasets import StatusCount, counts_in_words
from conflictscope.scenarios.models import Dataset, Dimension, Scenario
from conflictscope.studies.access import study_named
from evaluation.measures.comparing import ComparedDataset, as_csv, by_variant, compared
from evaluation.tables import said


class Command(JobCommand):
    help = (
        "The datasets of a study side by side: counts, pass rates, diversity, observed agreement, Likert divergence. "
        "Descriptions that have no vector yet are embedded first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue", action="store_true", help="Leave the embedding to the Celery workers and only follow it."
        )
        parser.set_defaults(estimate=False)  # it asks no language model
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="Write the table to this file, too.")
        parser.add_argument("--excel", action="store_true", help="With a byte order mark, as Excel wants it.")
        parser.add_argument("--no-embed", action="store_true", help="Leave diversity out where vectors are missing.")

    def start(self, **options: Any) -> list[Job]:
        """One job for each dataset with a description that has no vector."""
        datasets = Dataset.objects.filter(study=study_named(options["study"])).order_by("pk")
        return [diversity.start(dataset) for dataset in datasets if diversity.diversity_of(dataset).missing]

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        if not options["no_embed"]:
            super().handle(*args, **options)
        rows = compared(study)
        if not rows:
            self.stdout.write(f"{study} has no datasets yet.")
            return
        for group in by_variant(rows):
            counts = zip(Scenario.Status, group.in_order, strict=True)
            counted = counts_in_words(StatusCount(status, count) for status, count in counts if count)
            self.stdout.write(f"{group.variant.label}, {len(group.rows)} datasets: {counted}")
        for row in rows:
            self._write(row)
        if options["csv"]:
            self._save(options["csv"], rows, excel=options["excel"])

    def report(self, job: Job) -> str:
        return f"{job.title}: done."

    def _write(self, row: ComparedDataset) -> None:
        dataset = row.dataset
        self.stdout.write(
            f"\n{dataset} ({dataset.get_variant_display().lower()}{', simulated' if dataset.simulated else ''})"
        )
        self.stdout.write(f"  {counts_in_words(row.counts)}")
        judge = f" by {dataset.primary_judge}" if dataset.primary_judge else ""
        self.stdout.write(f"  Pass all dimensions{judge}: {said(row.passed_all, percent=True, count='scenarios')}")
        if row.rates:
            for dimension in Dimension:
                rate = row.rates.dimensions.get(dimension)
                if rate is not None:
                    more = f", {rate.unparsable} unparsable" if rate.unparsable else ""
                    number = said(rate.rate, percent=True, count="scenarios")
                    self.stdout.write(f"    {dimension.label}: {number}{more}")
        self.stdout.write(f"  Diversity: {said(row.diverse, digits=3, count='texts')}")
        self.stdout.write(f"  Diversity of the kept: {said(row.diverse_kept, digits=3, count='texts')}")
        self.stdout.write(f"  Observed agreement: {said(row.agreement, digits=3, count='scenarios')}")
        self.stdout.write(f"  Likert divergence: {said(row.divergence, digits=3, count='scenarios')}")

    def _save(self, path: Path, rows: list[ComparedDataset], *, excel: bool) -> None:
        lines = (line.encode() for line in as_csv(rows))
        try:
            path.write_bytes(b"".join(for_excel(lines) if excel else lines))
        except OSError as exc:
            raise InvalidInput(f"{path} cannot be written: {exc.strerror or exc}.") from exc
        self.stdout.write(f"\nWritten to {path}.")
