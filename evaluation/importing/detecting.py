"""Which format a file of evaluations has, by what stands in it."""

from __future__ import annotations

from pathlib import Path

from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.importing.csv_rows import csv_header
from evaluation.importing.formats.authors import AuthorsConversations, AuthorsMultipleChoice
from evaluation.importing.formats.inspect import InspectLog, log_in
from evaluation.importing.formats.trials import TrialsFormat, TrialsJsonLines
from evaluation.importing.records import Format

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (AuthorsMultipleChoice(), AuthorsConversations(), InspectLog(), TrialsFormat(), TrialsJsonLines())
}


def format_named(name: str) -> Format:
    """
    Raises:
        NotFound: naming those that exist.
    """
    try:
        return FORMATS[name]
    except KeyError as exc:
        raise NotFound(f"There is no format {name!r} of evaluations; formats: {', '.join(FORMATS)}.") from exc


def detected(path: Path, *, encoding: str = "") -> Format:
    """
    Raises:
        InvalidInput: the file is of no known format; the sentence says what each needs.
    """
    header: list[str] = []
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return FORMATS["inspect" if log_in(path, encoding=encoding) else "trials_jsonl"]
    header = csv_header(path, encoding=encoding)
    for name in ("authors_conversations", "authors_multiple_choice"):
        if set(getattr(FORMATS[name], "required", ())) <= set(header):
            return FORMATS[name]
    if {"scenario", "model", "choice"} <= set(header):
        return FORMATS["trials"]
    if log_in(path, encoding=encoding):
        return FORMATS["inspect"]
    known = "\n".join(f"{each.label}: {each.needs}." for each in FORMATS.values())
    raise InvalidInput(f"{path.name} is no file of evaluations that is known here.\n{known}")
