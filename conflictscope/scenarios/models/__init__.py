"""The tables of this room: datasets, scenarios and what judges and people say of them."""

from conflictscope.scenarios.models.datasets import Dataset, OpeningMessage, Scenario
from conflictscope.scenarios.models.domains import DomainTag
from conflictscope.scenarios.models.generation import PairYield, StudyPrompt
from conflictscope.scenarios.models.imports import Import
from conflictscope.scenarios.models.trials import Trial, TrialScenario
from conflictscope.scenarios.models.uploads import ImportUpload
from conflictscope.scenarios.models.vectors import TextVector
from conflictscope.scenarios.models.verdicts import Dimension, Judge, Verdict

__all__ = [
    "Dataset",
    "Dimension",
    "DomainTag",
    "Import",
    "ImportUpload",
    "Judge",
    "OpeningMessage",
    "PairYield",
    "Scenario",
    "StudyPrompt",
    "TextVector",
    "Trial",
    "TrialScenario",
    "Verdict",
]
