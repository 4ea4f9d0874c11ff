"""What an export holds: tables of plain columns, each with what it means, and the rows behind them in a fixed order."""

from typing import Any

from conflictscope.exports.tables.annotations import ANNOTATIONS
from conflictscope.exports.tables.base import Column, ColumnKind, Row, Selection, Table
from conflictscope.exports.tables.evaluation import JUDGEMENTS, RATINGS, RESPONSES, RUNS
from conflictscope.exports.tables.rankings import RANKINGS, SHIFTS
from conflictscope.exports.tables.scenarios import OPENING_MESSAGES, SCENARIOS, VERDICTS

TABLES: tuple[Table[Any], ...] = (
    SCENARIOS,
    VERDICTS,
    ANNOTATIONS,
    OPENING_MESSAGES,
    RUNS,
    RESPONSES,
    JUDGEMENTS,
    RATINGS,
    RANKINGS,
    SHIFTS,
)

__all__ = ["SCENARIOS", "TABLES", "Column", "ColumnKind", "Row", "Selection", "Table"]
