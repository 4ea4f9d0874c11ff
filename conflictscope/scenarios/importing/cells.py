"""What stands in other people's cells: nan for nothing, lists and objects as Python text, truth in many spellings."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from typing import Any

from conflictscope.files.texts import printable
from conflictscope.scenarios.importing.records import RowProblem

_NOTHING = {"", "nan", "NaN", "None", "null", "NULL"}
_TRUE = {"true", "1", "yes"}
_FALSE = {"false", "0", "no"}


def filled(cell: str) -> str:
    """The cell, or nothing where it is one of the words by which pandas and others write nothing."""
    return "" if cell.strip() in _NOTHING else cell


def as_text(value: Any) -> str:
    """A JSON value as text: nothing for null and NaN, lists and objects as JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return filled(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def object_in(cell: str, *, column: str) -> dict[str, Any]:
    """The object that a cell holds as JSON or as Python text; empty for an empty cell. Nothing in it is ever run.

    Raises:
        RowProblem: the cell holds something else.
    """
    if not filled(cell):
        return {}
    literal = literal_in(cell)
    if not isinstance(literal, dict):
        raise RowProblem(column, f"{cell[:40]!r} is no object: write {{...}} as JSON or as Python text.")
    return {str(key): value for key, value in literal.items()}


def truth_in(value: Any, *, column: str) -> bool | None:
    """Yes, no, or None where nothing is said.

    Raises:
        RowProblem: it is neither.
    """
    text = as_text(value).strip().lower()
    if not text:
        return None
    if text in _TRUE or text == "1.0":
        return True
    if text in _FALSE or text == "0.0":
        return False
    raise RowProblem(column, f"{text[:40]!r} is neither true nor false.")


def digest_id(prefix: str, *texts: str) -> str:
    """An id for a row that has none: the same words have the same id, in every file."""
    content = json.dumps(texts, ensure_ascii=True).encode()
    return f"{prefix}-{hashlib.sha256(content).hexdigest()[:16]}"


def flat(row: Mapping[str, Any]) -> dict[str, str]:
    """A JSON object as columns: those of an object in it are called `outer.inner`."""
    columns: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            columns.update({printable(f"{name}.{inner}"): as_text(each) for inner, each in value.items()})
        else:
            columns[printable(name)] = as_text(value)
    return columns


def literal_in(cell: str) -> Any:
    """What a cell holds as JSON or as Python text; None where it holds neither. Nothing in it is ever run."""
    from_json = _json(cell)
    return _literal(cell) if from_json is None else from_json


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _NanIsNone(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(None) if node.id == "nan" else node


def _literal(text: str) -> Any:
    """A Python literal of what JSON has, too, with nan for nothing; None for anything else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in their texts
            literal = ast.literal_eval(_NanIsNone().visit(ast.parse(text.strip(), mode="eval")))
        return json.loads(json.dumps(literal))  # no sets, bytes, complex numbers, or numbers of too many digits
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
