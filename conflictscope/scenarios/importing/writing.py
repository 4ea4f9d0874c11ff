"""Imported scenarios are written all or none, and importing a file again adds only what is missing."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.files.encodings import in_words
from conflictscope.files.texts import readings_of, storable
from conflictscope.scenarios.datasets import checked_slug
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.importing.csv_layout import layout_of
from conflictscope.scenarios.importing.detecting import MAPPED, detected, format_named
from conflictscope.scenarios.importing.formats.exported import Exported, Opened, opened
from conflictscope.scenarios.importing.json_rows import glance
from conflictscope.scenarios.importing.mapping import completed
from conflictscope.scenarios.importing.placing import Placing
from conflictscope.scenarios.importing.records import BadRow, Format, Reading
from conflictscope.scenarios.importing.reporting import ImportReport
from conflictscope.scenarios.importing.values import ValueNames
from conflictscope.scenarios.models import Dataset, ValueSetVersion
from conflictscope.scenarios.value_sets import publish

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)


def import_scenarios(
    study: Study,
    slug: str,
    *,
    paths: Sequence[Path],
    format_name: str = "",
    name: str = "",
    encoding: str = "",
    mapping: Mapping[str, str] | None = None,
    value_set: ValueSetVersion | None = None,
    skip_bad: bool = False,
    created_by: User | None = None,
    progress: Callable[[int], object] | None = None,
    on_bad: Callable[[BadRow], object] | None = None,
    write: bool = True,
) -> ImportReport:
    """Read the files into the study's dataset of that slug, made if there is none. All is written, or nothing.

    Files may be larger than memory; only their ids are kept in it. Scenarios with two actions arrive as drafted, unless the
    file says what became of them; those with an opening message alone as outlined, and a later file may complete them.

    Args:
        format_name: empty: each file's own, by its columns.
        encoding: of the files, when it is not UTF-8.
        mapping: column to field, over what is guessed, for CSV and JSON Lines with columns of one's own.
        value_set: the version that the files' values are of; not needed where the dataset or an export has it.
        skip_bad: leave rows out that cannot be read, instead of refusing the whole.
        progress: called now and then with the number of rows read so far. on_bad: called with each row left out.
        write: False only looks: the report says what would be done, and nothing is.

    Raises:
        NotFound: an unknown format.
        InvalidInput: a file that is not of the format, a row that makes no scenario, an id that stands twice.
        Conflict: the dataset was made in another way, or has a scenario of that id with other words.
        NotASteward: an export brings a value set that others look after, with other words.
    """
    if not paths:
        raise InvalidInput("Name at least one file to import.")
    given = format_named(format_name) if format_name else None
    reading = Reading(encoding=encoding, lenient=skip_bad, mapping=mapping)
    # One file completes another, so what several would do is only known by doing it, and undoing it.
    act = write or len(paths) > 1
    with ExitStack() as stack:
        files = [_file(path, given, encoding=encoding, stack=stack) for path in paths]
        brought = next((each.value_set for each, _ in files if each.value_set is not None), None)
        if act or brought is not None:
            stack.enter_context(transaction.atomic())
        if brought is not None and value_set is None:
            value_set = publish(brought, created_by=created_by).version
        dataset = _dataset(study, slug, name=name, value_set=value_set, created_by=created_by, write=act)
        version = value_set or (dataset.value_set_version if dataset else None)
        report = ImportReport(dataset=dataset, formats=[format_.name for _, format_ in files])
        placing = Placing(
            dataset,
            ValueNames(version) if version else None,
            report,
            skip_bad=skip_bad,
            write=act,
            progress=progress,
            on_bad=on_bad,
        )
        brought_in = []
        for found, format_ in files:
            before = _counts(report)
            used = _mapping(found.table, format_, reading)
            report.mapping |= used
            report.passed_over += _passed_over(found.table, encoding=encoding)
            placing.take(format_.read(found.table, reading), numbers_repeats=format_.numbers_repeats)
            brought_in.append((found, format_, used, _counts(report) - before))
        lost = placing.finish()
        for number, (found, format_, used, counts) in enumerate(brought_in):
            counts += Counter(bad=lost[number])
            counts -= Counter(added=lost[number])
            if dataset is not None and act:
                _remember(dataset, found, format_, encoding=encoding, mapping=used, counts=counts)
        if report.bad and not encoding:
            report.readings = next((found_ for file, _ in files if (found_ := readings_of(file.table))), [])
        if not report.good:
            raise InvalidInput(_no_good_row(report))
        if dataset is not None and write:
            dataset.save(update_fields=["recipe"])
            report.digest = digest_of(dataset)
            told = [found.digest for found, _ in files if found.digest]
            report.as_exported = report.digest == told[0] if len(files) == 1 and told and not report.bad else None
            logger.info("Dataset %s: %s scenarios imported, %s known", dataset.pk, report.added, report.known)
        if not write:
            report.dataset = None
            if act or brought is not None:
                transaction.set_rollback(True)
    return report


def refuse_target(study: Study, slug: str, *, value_set: ValueSetVersion | None = None) -> None:
    """
    Raises:
        InvalidInput, Conflict: nothing can be imported under that slug, with that value set.
    """
    _dataset(study, slug, name="", value_set=value_set, created_by=None, write=False)


def examples_of(path: Path, *, format_name: str = "", encoding: str = "") -> dict[str, str]:
    """The columns that a mapping speaks of, each with the first text in it; none for a format that has its own.

    Raises:
        InvalidInput: the file cannot be read.
    """
    format_ = format_named(format_name) if format_name else detected(path, encoding=encoding)
    return MAPPED[format_.name].examples(path, encoding=encoding) if format_.name in MAPPED else {}


def _file(path: Path, given: Format | None, *, encoding: str, stack: ExitStack) -> tuple[Opened, Format]:
    format_ = given or detected(path, encoding=encoding)
    return (stack.enter_context(opened(path)) if format_.name == Exported.name else Opened(path)), format_


def _mapping(path: Path, format_: Format, reading: Reading) -> dict[str, str]:
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
        first += f" The first line that is not UTF-8 may read {in_words(report.readings)}."
    return f"None of {report.read} rows makes a scenario.{first}"


def _dataset(
    study: Study, slug: str, *, name: str, value_set: ValueSetVersion | None, created_by: User | None, write: bool
) -> Dataset | None:
    datasets = Dataset.objects.select_related("value_set_version__value_set")
    if write:
        datasets = datasets.select_for_update(of=("self",))
    dataset = datasets.filter(study=study, slug=slug).first()
    if dataset is not None:
        _refuse_other_kind(dataset, value_set)
        return dataset
    checked_slug(slug)
    called = storable(name.strip(), where="The name")[:200] or slug
    if not write:
        return None
    try:
        with transaction.atomic():
            return Dataset.objects.create(
                study=study,
                slug=slug,
                name=called,
                value_set_version=value_set,
                variant=Dataset.Variant.IMPORTED,
                recipe={"files": []},
                created_by=created_by,
            )
    except IntegrityError as exc:
        raise Conflict(f"Somebody has just made a dataset {slug!r} in this study: look at it first.") from exc


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


def _remember(
    dataset: Dataset, found: Opened, format_: Format, *, encoding: str, mapping: dict[str, str], counts: Counter[str]
) -> None:
    """The recipe of an imported dataset is its files, each once for what it brought."""
    if not (counts["added"] or counts["completed"]):
        return
    with found.table.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    entry: dict[str, Any] = {
        "name": found.table.name,
        "sha256": sha256,
        "format": format_.name,
        "encoding": encoding,
        "mapping": mapping,
        **{name: counts[name] for name in ("rows", "added", "completed", "bad")},
    }
    dataset.recipe.setdefault("format", format_.name)
    dataset.recipe.setdefault("files", []).append(
        {key: value for key, value in entry.items() if value != "" and value != {}}
    )
