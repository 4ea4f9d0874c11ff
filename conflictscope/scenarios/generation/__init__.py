"""From a value set to drafted scenarios: outlines in batches, near-duplicates marked, drafts of what is left.

Two variants leave stages out: `single_stage` asks for whole scenarios, `direct` for nothing but a dilemma between two values.
"""

from conflictscope.scenarios.generation.job import GenerationHandler, start
from conflictscope.scenarios.generation.recipe import (
    GENERATED,
    DatasetRecipe,
    Recipe,
    open_dataset,
    recipe_of,
    was_generated_here,
)
from conflictscope.scenarios.generation.survey import KIND
from conflictscope.scenarios.generation.yields import shortfalls, yields

__all__ = [
    "GENERATED",
    "KIND",
    "DatasetRecipe",
    "GenerationHandler",
    "Recipe",
    "open_dataset",
    "recipe_of",
    "shortfalls",
    "start",
    "was_generated_here",
    "yields",
]
