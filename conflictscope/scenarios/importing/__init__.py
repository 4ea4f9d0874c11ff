"""Scenarios that others wrote, or that were exported here. Each format is a module in `formats`; `FORMATS` lists them."""

from conflictscope.scenarios.importing.detecting import FORMATS, MAPPED, detected, format_named
from conflictscope.scenarios.importing.records import BadRow, ImportedScenario, ScenarioFormat
from conflictscope.scenarios.importing.reporting import ImportReport
from conflictscope.scenarios.importing.writing import ImportSettings, examples_of, import_scenarios, refuse_target

__all__ = [
    "FORMATS",
    "MAPPED",
    "BadRow",
    "ImportReport",
    "ImportSettings",
    "ImportedScenario",
    "ScenarioFormat",
    "detected",
    "examples_of",
    "format_named",
    "import_scenarios",
    "refuse_target",
]
