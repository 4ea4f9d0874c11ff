"""The system prompt that a target ranking becomes."""

from __future__ import annotations

from collections.abc import Sequence

from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Prompt
from conflictscope.values.models import Value
from evaluation.running.asking import PROMPTS

RANKING = "steering/ranking"


def ranking_prompt(tiers: Sequence[Sequence[Value]]) -> Prompt:
    """Each value described, their order, and how to act on it in a conflict.

    Args: tiers: the values from the highest rank to the lowest, those of one rank together.
    """
    described = [f"{value.name}: {' '.join(value.definition.split())}" for tier in tiers for value in tier]
    ranked = [f"{rank}. {_together(tier)}" for rank, tier in enumerate(tiers, start=1)]
    return PROMPTS.render(
        RANKING, values=delimit("values", "\n".join(described)), order=delimit("order", "\n".join(ranked))
    )


def _together(tier: Sequence[Value]) -> str:
    """The values of one rank, such as "Honesty and Harmlessness (equal in weight)"."""
    names = [value.name for value in tier]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]} (equal in weight)"
