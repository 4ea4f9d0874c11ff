"""Targets, runs, what they answered, what each answer was decided to be, and what rankings were made of it."""

from evaluation.models.rankings import Comparison, Ranking
from evaluation.models.readings import Anchor, Occasion, Reading
from evaluation.models.runs import (
    CHOICE_OF_ACTION,
    Judgement,
    Rating,
    Response,
    ResponseQuerySet,
    Run,
    Steering,
    Target,
)

__all__ = [
    "CHOICE_OF_ACTION",
    "Anchor",
    "Comparison",
    "Judgement",
    "Occasion",
    "Ranking",
    "Rating",
    "Reading",
    "Response",
    "ResponseQuerySet",
    "Run",
    "Steering",
    "Target",
]
