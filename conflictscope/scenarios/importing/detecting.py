"""Which format a file has, by what stands in it: the names of its columns, never its own name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conflictscope.errors import InvalidInput, NotFound
from conflictscope.files.texts import lines_of
from conflictscope.scenarios.importing.formats.authors import AuthorsPrompts, AuthorsScenarios, named_by
from conflictscope.scenarios.importing.formats.daily_dilemmas import DailyDilemmas
from conflictscope.scenarios.importing.formats.dialogues import HhRlhf, PkuSafeRlhf
from conflictscope.scenarios.importing.formats.exported import Exported, is_export
from conflictscope.scenarios.importing.formats.mapped import MappedCsv, MappedJsonLines
from conflictscope.scenarios.importing.formats.moralchoice import MoralChoice
from conflictscope.scenarios.importing.records import Format
from conflictscope.scenarios.importing.rows import csv_header

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Exported(),
        AuthorsScenarios(),
        AuthorsPrompts(),
        MoralChoice(),
        DailyDilemmas(),
        HhRlhf(),
        PkuSafeRlhf(),
        MappedCsv(),
        MappedJsonLines(),
    )
}
MAPPED: dict[str, MappedCsv | MappedJsonLines] = {each.name: each for each in (MappedCsv(), MappedJsonLines())}

_OF_EXPORTS = {"uid", "status", "acting_action", "outline_opportunity"}
# The most particular first: what has the columns of several is the first of them.
_BY_COLUMNS: tuple[tuple[set[str], str], ...] = (
    (_OF_EXPORTS, Exported.name),
    (set(AuthorsScenarios.needed), AuthorsScenarios.name),
    (set(MoralChoice.required), MoralChoice.name),
    (set(DailyDilemmas.needed), DailyDilemmas.name),
)
_BY_KEYS: tuple[tuple[set[str], str], ...] = (
    (_OF_EXPORTS, Exported.name),
    ({"chosen", "rejected"}, HhRlhf.name),
    ({"prompt", "response_0", "response_1"}, PkuSafeRlhf.name),
)


def format_named(name: str) -> Format:
    """
    Raises:
        NotFound: naming those there are.
    """
    if name not in FORMATS:
        raise NotFound(f"There is no format {name!r}; formats: {', '.join(FORMATS)}.")
    return FORMATS[name]


def detected(path: Path, *, encoding: str = "") -> Format:
    """The format of the file; one with a mapping where it is nobody's in particular.

    Raises:
        InvalidInput: it cannot be read, or is neither CSV nor JSON Lines nor the authors' JSON.
    """
    if path.is_dir() or is_export(path):
        return FORMATS[Exported.name]
    first = next((line for _, line in lines_of(path, encoding=encoding, lenient=True) if line.strip()), "")
    if not first.lstrip().startswith(("{", "[")):
        columns = set(csv_header(path, encoding=encoding))
        return FORMATS[next((name for needed, name in _BY_COLUMNS if needed <= columns), MappedCsv.name)]
    row = _object(first)
    if row is None:
        if first.lstrip().startswith("["):
            raise InvalidInput(f"{path.name} is a JSON list: write one object a line (JSON Lines), or CSV.")
        return FORMATS[AuthorsPrompts.name]
    if any(named_by(key) for key in row):
        return FORMATS[AuthorsPrompts.name]
    return FORMATS[next((name for needed, name in _BY_KEYS if needed <= set(row)), MappedJsonLines.name)]


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
