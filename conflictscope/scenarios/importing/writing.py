"""Imported scenarios are written all or none, and importing a file again adds only what is missing."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.files.encodings import readings_in_words
from conflictscope.files.texts import readings_of, storable
from conflictscope.scenarios.datasets import checked_slug
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.importing import taking_back
from conflictscope.scenarios.importing.csv_layout import layout_of
from conflictscope.scenarios.importing.detecting import MAPPED, detected, format_named
from conflictscope.scenarios.importing.formats.exported import Exported, Opened, opened
from conflictscope.scenarios.importing.json_rows import glance
from conflictscope.scenarios.importing.mapping import completed
from conflictscope.scenarios.importing.placing import Placing
from conflictscope.scenarios.importing.records import BadRow, ReadingOptions, ScenarioFormat
from conflictscope.scenarios.importing.reporting import ImportReport
from conflictscope.scenarios.importing.storing import Store
from conflictscope.scenarios.importing.values import ValueNames
from conflictscope.scenarios.models import Dataset, Import
from conflictscope.values.models import ValueSetVersion
from conflictscope.values.parsing import ValueSetText
from conflictscope.values.publishing import publish

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)

Entry = dict[str, Any]  # what a file brought, as the recipe of a dataset tells it
AT_ONCE = 500  # rows that go into a dataset that is there in one transaction


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How files are read, and what a dataset that is made of them is called.

    Attributes:
        format_name: empty: each file's own, by its columns.
        encoding: of the files, when it is not UTF-8.
        mapping: column to field, over what is guessed, for CSV and JSON Lines with columns of one's own.
        value_set: the version that the files' values are of; not needed where the dataset or an export has it.
        skip_bad: leave rows out that cannot be read, instead of refusing the whole.
    """

    format_name: str = ""
    name: str = ""
    encoding: str = ""
    mapping: Mapping[str, str] | None = None
    value_set: ValueSetVersion | None = None
    skip_bad: bool = False


def import_scenarios(
    study: Study,
    slug: str,
    *,
    paths: Sequence[Path],
    settings: ImportSettings | None = None,
    created_by: User | None = None,
    progress: Callable[[int], object] | None = None,
    on_bad: Callable[[BadRow], object] | None = None,
    write: bool = True,
) -> ImportReport:
    """Read the files into the study's dataset of that slug, made if there is none. All is written, or nothing.

    It is written in short transactions, so that others can write in between. A new dataset is marked *importing* until it is
    whole, and nobody sees it before; into one that is there, the files are gone through once before anything is written. What
    cannot be finished is taken back; so is what a killed import left, by whoever imports next, or by the queue within a minute.

    Files may be larger than memory; only their ids are kept in it. Scenarios with two actions arrive as drafted, unless the
    file says what became of them; those with an opening message alone as outlined, and a later file may complete them.

    Args:
        settings: None: as `ImportSettings` has it unless said.
        progress: called now and then with the number of rows read so far; what it raises ends the import. on_bad: called with each
            row left out.
        write: False only looks: the report says what would be done, and nothing is.

    Raises:
        NotFound: an unknown format.
        InvalidInput: a file that is not of the format, a row that makes no scenario, an id that stands twice.
        Conflict: the dataset was made in another way, is being imported into, or has a scenario of that id with other words.
        NotASteward: an export brings a value set that others look after, with other words.
    """
    if not paths:
        raise InvalidInput("Name at least one file to import.")
    settings = settings or ImportSettings()
    named_format = format_named(settings.format_name) if settings.format_name else None
    reading = ReadingOptions(encoding=settings.encoding, lenient=settings.skip_bad, mapping=settings.mapping)
    with ExitStack() as stack:
        files = [_file(path, named_format, encoding=settings.encoding, stack=stack) for path in paths]
        passing = _Passing(files, reading, skip_bad=settings.skip_bad, progress=progress, on_bad=on_bad)
        target = _Target(study, slug, name=settings.name, value_set=settings.value_set, created_by=created_by)
        if write:
            taking_back.sweep()
            return _import(passing, target)
        if (
            len(paths) > 1
        ):  # one file completes another, so what several would do is only known by doing it, and undoing it
            stack.enter_context(transaction.atomic())
            report = _import(passing, target)
            transaction.set_rollback(True)
            report.dataset = None
            return report
        return _look(passing, target)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the files go, and whose values they name."""

    study: Study
    slug: str
    name: str
    value_set: ValueSetVersion | None
    created_by: User | None

    def version(self, brought: ValueSetText | None) -> ValueSetVersion | None:
        """The version that is named, or that an export brings; published where it is new."""
        if brought is None or self.value_set is not None:
            return self.value_set
        return publish(brought, created_by=self.created_by).version


@dataclass(frozen=True, slots=True)
class _Passing:
    """One way through the files, which may be gone twice."""

    files: Sequence[tuple[Opened, ScenarioFormat]]
    reading: ReadingOptions
    skip_bad: bool
    progress: Callable[[int], object] | None
    on_bad: Callable[[BadRow], object] | None

    @property
    def brought(self) -> ValueSetText | None:
        return next((each.value_set for each, _ in self.files if each.value_set is not None), None)

    def go(
        self, dataset: Dataset | None, names: ValueNames | None, store: Store | None, *, first: bool = False
    ) -> tuple[ImportReport, list[Entry]]:
        """The report, and what each file brought. `first`: it is gone again, so bad rows are not told yet.

        Raises: as `import_scenarios`.
        """
        report = ImportReport(dataset=dataset, formats=[format_.name for _, format_ in self.files])
        placing = Placing(
            dataset,
            names,
            report,
            skip_bad=self.skip_bad,
            store=store,
            progress=self.progress,
            on_bad=None if first else self.on_bad,
        )
        brought = []
        for source_file, format_ in self.files:
            before = _counts(report)
            used = _mapping(source_file.table, format_, self.reading)
            report.mapping |= used
            report.passed_over += _passed_over(source_file.table, encoding=self.reading.encoding)
            placing.take(format_.read(source_file.table, self.reading), numbers_repeats=format_.numbers_repeats)
            brought.append((source_file, format_, used, _counts(report) - before))
        lost = placing.finish()
        if report.bad and not self.reading.encoding:
            report.readings = next((readings for file, _ in self.files if (readings := readings_of(file.table))), [])
        if not report.good:
            raise InvalidInput(_no_good_row(report))
        entries = []
        for number, (source_file, format_, used, counts) in enumerate(brought):
            counts += Counter(bad=lost[number])
            counts -= Counter(added=lost[number])
            if counts["added"] or counts["completed"]:
                entries.append(
                    _entry(source_file, format_, encoding=self.reading.encoding, mapping=used, counts=counts)
                )
        return report, entries


def _look(passing: _Passing, target: _Target) -> ImportReport:
    """What would become of one file. A value set that it brings is looked up, and not kept."""
    with transaction.atomic() if passing.brought is not None else nullcontext():
        version = target.version(passing.brought)
        dataset = _dataset(target.study, target.slug, value_set=version)
        names = _names(version, dataset)
        if passing.brought is not None:
            transaction.set_rollback(True)
    report, _ = passing.go(dataset, names, None)
    report.dataset = None
    return report


def _import(passing: _Passing, target: _Target) -> ImportReport:
    version = target.version(passing.brought)
    dataset = _dataset(target.study, target.slug, value_set=version)
    this_import, few = None, False
    if dataset is not None:
        checked, _ = passing.go(dataset, _names(version, dataset), None, first=True)
        few = checked.read <= AT_ONCE
    with transaction.atomic() if few else nullcontext():  # nobody sees a part of what goes in at once
        this_import = _begin(dataset, passing, target, version)
        dataset = this_import.dataset
        store = Store(dataset, this_import)
        try:
            report, entries = passing.go(dataset, _names(version, dataset), store)
            _complete(this_import, report, entries, simulated=store.simulated)
        except BaseException:
            if not few:
                taking_back.undo(this_import)
            raise
    report.digest = digest_of(dataset)
    exported_digests = [source_file.digest for source_file, _ in passing.files if source_file.digest]
    report.as_exported = (
        report.digest == exported_digests[0]
        if len(passing.files) == 1 and exported_digests and not report.bad
        else None
    )
    logger.info("Dataset %s: %s scenarios imported, %s known", dataset.pk, report.added, report.known)
    return report


def _begin(dataset: Dataset | None, passing: _Passing, target: _Target, version: ValueSetVersion | None) -> Import:
    """An unfinished import, into a new dataset where there is none."""
    names = [{"name": source_file.table.name} for source_file, _ in passing.files]
    try:
        with transaction.atomic():
            dataset = dataset or Dataset.everything.create(
                study=target.study,
                slug=target.slug,
                name=_called(target.name, target.slug),
                value_set_version=version,
                variant=Dataset.Variant.IMPORTED,
                recipe={"files": []},
                created_by=target.created_by,
                importing=True,
            )
            return Import.objects.create(dataset=dataset, files=names, created_by=target.created_by)
    except IntegrityError as exc:
        raise Conflict(
            f"Somebody imports into {target.slug!r} right now, or has just made it: look at it first, or wait for that import."
        ) from exc


def _complete(one: Import, report: ImportReport, entries: list[Entry], *, simulated: bool) -> None:
    """From here on the dataset is whole: it is seen, and tells what came in."""
    with transaction.atomic():
        dataset = Dataset.everything.select_for_update(of=("self",)).get(pk=one.dataset_id)
        for entry in entries:
            dataset.recipe.setdefault("format", entry["format"])
            dataset.recipe.setdefault("files", []).append(entry)
        if simulated:
            dataset.recipe["simulated"] = True
        dataset.importing = False
        dataset.save(update_fields=["recipe", "importing"])
        if report.added or report.completed:
            Import.objects.filter(pk=one.pk).update(
                files=entries, added=report.added, completed=report.completed, finished_at=timezone.now()
            )
        else:  # nothing came in that could be taken back
            one.delete()
    report.dataset = dataset


def _names(version: ValueSetVersion | None, dataset: Dataset | None) -> ValueNames | None:
    version = version or (dataset.value_set_version if dataset else None)
    return ValueNames(version) if version else None


def refuse_target(study: Study, slug: str, *, value_set: ValueSetVersion | None = None) -> None:
    """
    Raises:
        InvalidInput, Conflict: nothing can be imported under that slug, with that value set.
    """
    _dataset(study, slug, value_set=value_set)


def examples_of(path: Path, *, format_name: str = "", encoding: str = "") -> dict[str, str]:
    """The columns that a mapping speaks of, each with the first text in it; none for a format that has its own.

    Raises:
        InvalidInput: the file cannot be read.
    """
    format_ = format_named(format_name) if format_name else detected(path, encoding=encoding)
    return MAPPED[format_.name].examples(path, encoding=encoding) if format_.name in MAPPED else {}


def _file(
    path: Path, given: ScenarioFormat | None, *, encoding: str, stack: ExitStack
) -> tuple[Opened, ScenarioFormat]:
    format_ = given or detected(path, encoding=encoding)
    return (stack.enter_context(opened(path)) if format_.name == Exported.name else Opened(path)), format_


def _mapping(path: Path, format_: ScenarioFormat, reading: ReadingOptions) -> dict[str, str]:
    if format_.name not in MAPPED:
        if reading.mapping:
            raise InvalidInput(f"{path.name} is {format_.label}, whose columns are known: leave the mapping out.")
        return {}
    columns = MAPPED[format_.name].columns(path, encoding=reading.encoding, named=reading.mapping or ())
    return completed(reading.mapping, columns, source=path.name)


def _passed_over(path: Path, *, encoding: str) -> tuple[str, ...]:
    seen = glance(path, encoding=encoding)
    return () if seen.first in ("[", "{") or seen.json_lines else layout_of(path, encoding=encoding).passed_over


def _no_good_row(report: ImportReport) -> str:
    first = f" The first: {report.bad_rows[0].sentence}" if report.bad_rows else ""
    if report.readings:
        first += f" The first line that is not UTF-8 may read {readings_in_words(report.readings)}."
    return f"None of {report.read} rows makes a scenario.{first}"


def _dataset(study: Study, slug: str, *, value_set: ValueSetVersion | None) -> Dataset | None:
    """The dataset of that slug, where files can be imported into it; None where a new one can be made.

    Raises:
        InvalidInput, Conflict: neither.
    """
    datasets = Dataset.everything.select_related("value_set_version__value_set", "primary_judge")
    dataset = datasets.filter(study=study, slug=slug).first()
    if dataset is None:
        checked_slug(slug)
        return None
    if dataset.importing:
        raise Conflict(f"{slug!r} is being imported right now: wait until it is whole.")
    _refuse_other_kind(dataset, value_set)
    return dataset


def _called(name: str, slug: str) -> str:
    return storable(name.strip(), where="The name")[:200] or slug


def _refuse_other_kind(dataset: Dataset, value_set: ValueSetVersion | None) -> None:
    if dataset.variant != Dataset.Variant.IMPORTED:
        raise Conflict(
            f"Dataset {dataset.slug!r} was made in another way ({dataset.variant}): name a new dataset for these files."
        )
    if value_set is not None and dataset.value_set_version_id != value_set.pk:
        has = dataset.value_set_version or "no value set"
        raise Conflict(f"Dataset {dataset.slug!r} has {has}, not {value_set}: name a new dataset for these files.")


def _counts(report: ImportReport) -> Counter[str]:
    return Counter(added=report.added, completed=report.completed, rows=report.read, bad=report.bad)


def _entry(
    found: Opened, format_: ScenarioFormat, *, encoding: str, mapping: dict[str, str], counts: Counter[str]
) -> Entry:
    """The recipe of an imported dataset is its files, each once for what it brought."""
    with found.table.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    entry: Entry = {
        "name": found.table.name,
        "sha256": sha256,
        "format": format_.name,
        "encoding": encoding,
        "mapping": mapping,
        **{name: counts[name] for name in ("rows", "added", "completed", "bad")},
    }
    return {key: value for key, value in entry.items() if value != "" and value != {}}
