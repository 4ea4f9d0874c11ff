"""Scenarios that others wrote. Each format is one module that says how a file becomes scenarios; `FORMATS` lists them."""

from conflictscope.scenarios.importing.moralchoice import MoralChoice
from conflictscope.scenarios.importing.records import Format, ImportedScenario
from conflictscope.scenarios.importing.writing import FORMATS, ImportReport, import_scenarios

__all__ = ["FORMATS", "Format", "ImportReport", "ImportedScenario", "MoralChoice", "import_scenarios"]
