"""Evaluations that others ran: what targets answered, and what was decided of it. Each format is a module in `formats`."""

from evaluation.importing.detecting import FORMATS, detected, format_named
from evaluation.importing.placing import EvaluationReport
from evaluation.importing.records import Format, ImportedTrial
from evaluation.importing.writing import import_evaluations

__all__ = [
    "FORMATS",
    "EvaluationReport",
    "Format",
    "ImportedTrial",
    "detected",
    "format_named",
    "import_evaluations",
]
