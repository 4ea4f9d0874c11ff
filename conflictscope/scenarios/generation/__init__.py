"""From a value set to drafted scenarios: outlines in batches, near-duplicates marked, drafts of what is left."""

from conflictscope.scenarios.generation.job import KIND, GenerationHandler, start
from conflictscope.scenarios.generation.recipe import Recipe, open_dataset, recipe_of, was_generated_here
from conflictscope.scenarios.generation.stock import Shortfall, shortfalls

__all__ = [
    "KIND",
    "GenerationHandler",
    "Recipe",
    "Shortfall",
    "open_dataset",
    "recipe_of",
    "shortfalls",
    "start",
    "was_generated_here",
]
