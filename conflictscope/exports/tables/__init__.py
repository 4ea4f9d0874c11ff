"""What an export holds: tables of plain columns, each with what it means, and the rows behind them in a fixed order."""

from conflictscope.exports.tables.base import SIMULATED, Column, Kind, Row, Selection, Table
from conflictscope.exports.tables.evaluation import JUDGEMENTS, RATINGS, RESPONSES, RUNS
from conflictscope.exports.tables.scenarios import ANNOTATIONS, OPENING_MESSAGES, SCENARIOS, VERDICTS

TABLES = (SCENARIOS, VERDICTS, ANNOTATIONS, OPENING_MESSAGES, RUNS, RESPONSES, JUDGEMENTS, RATINGS)

__all__ = ["SCENARIOS", "SIMULATED", "TABLES", "Column", "Kind", "Row", "Selection", "Table"]
