"""Which format a file has, by what stands in it: the names of its columns, never its own name, and never
its first line alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from conflictscope.errors import InvalidInput, NotFound
from conflictscope.files.texts import SMALL_FILE, lines_of
from conflictscope.scenarios.importing.csv_rows import csv_header
from conflictscope.scenarios.importing.formats.authors import AuthorsPrompts, AuthorsScenarios, named_by
from conflictscope.scenarios.importing.formats.daily_dilemmas import DailyDilemmas
from conflictscope.scenarios.importing.formats.dialogues import HhRlhf, PkuSafeRlhf, is_dialogue
from conflictscope.scenarios.importing.formats.exported import Exported, is_export
from conflictscope.scenarios.importing.formats.mapped import MappedCsv, MappedJsonLines
from conflictscope.scenarios.importing.formats.moralchoice import MoralChoice
from conflictscope.scenarios.importing.formats.preferences import Preferences
from conflictscope.scenarios.importing.json_rows import (
    LOOKED_AT,
    SAMPLE_LINES,
    glance,
    json_texts,
    some_rows,
)
from conflictscope.scenarios.importing.mapping import guessed
from conflictscope.scenarios.importing.records import ReadingOptions, ScenarioFormat

FORMATS: dict[str, ScenarioFormat] = {
    each.name: each
    for each in (
        Exported(),
        AuthorsScenarios(),
        AuthorsPrompts(),
        MoralChoice(),
        DailyDilemmas(),
        HhRlhf(),
        PkuSafeRlhf(),
        Preferences(),
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
    ({"chosen", "rejected"}, Preferences.name),
)
_BY_KEYS: tuple[tuple[set[str], str], ...] = (
    (_OF_EXPORTS, Exported.name),
    ({"chosen", "rejected"}, Preferences.name),
    ({"prompt", "response_0", "response_1"}, PkuSafeRlhf.name),
)


def format_named(name: str) -> ScenarioFormat:
    """
    Raises:
        NotFound: naming those there are.
    """
    if name not in FORMATS:
        raise NotFound(f"There is no format {name!r}; formats: {', '.join(FORMATS)}.")
    return FORMATS[name]


def detected(path: Path, *, encoding: str = "") -> ScenarioFormat:
    """The format of the file; one with a mapping where it is nobody's in particular.

    Raises:
        InvalidInput: it cannot be read, or is neither CSV nor JSON Lines nor a JSON document with rows in it.
    """
    if path.is_dir() or is_export(path):
        return FORMATS[Exported.name]
    seen = glance(path, encoding=encoding)
    if seen.first == "{" and (seen.begins_whole or seen.lines > 1) and _first_key_names_values(path, encoding=encoding):
        return FORMATS[AuthorsPrompts.name]
    if (rows := some_rows(path, encoding=encoding)) is not None:
        return FORMATS[_by_rows(rows)]
    columns = set(csv_header(path, encoding=encoding))
    if seen.looks_like_json and not guessed(columns):
        raise InvalidInput(_broken_json(path, encoding=encoding))
    return FORMATS[next((name for needed, name in _BY_COLUMNS if needed <= columns), MappedCsv.name)]


def _first_key_names_values(path: Path, *, encoding: str) -> bool:
    """Whether it is one JSON object whose keys are ids of the authors. A file of a million of them is not read for that."""
    try:
        for key, _ in islice(json_texts(path, ReadingOptions(encoding=encoding, lenient=True)), LOOKED_AT):
            if named_by(key):
                return True
    except InvalidInput:
        return False
    return False


def _by_rows(rows: Sequence[dict[str, Any]]) -> str:
    for needed, name in _BY_KEYS:
        if row := next((row for row in rows if needed <= set(row)), None):
            return HhRlhf.name if name == Preferences.name and is_dialogue(row) else name
    return MappedJsonLines.name


def _broken_json(path: Path, *, encoding: str) -> str:
    """Why a file that begins like JSON is none: its first fault, and its line."""
    text = "".join(line for _, line in islice(lines_of(path, encoding=encoding, lenient=True), SAMPLE_LINES))
    if len(text) > SMALL_FILE:
        return f"{path.name} is one JSON document of more than {SMALL_FILE:,} characters: write one object a line (JSON Lines)."
    try:
        json.loads(text)
    except json.JSONDecodeError as exc:
        return f"{path.name} begins like JSON and is none: {exc.msg[:1].lower()}{exc.msg[1:]}, in line {exc.lineno}."
    except (ValueError, RecursionError) as exc:
        return f"{path.name} begins like JSON and is none: {exc}."
    return f"{path.name} is one JSON document of more than {SMALL_FILE:,} characters: write one object a line (JSON Lines)."
