"""Which action a reader met first, and what follows: which letter it had, and which way a scale from one to the other ran.

Everything stored names actions 1 and 2, of which action 1 serves value 1, always; readers, be they judges, targets or people,
see A and B. Here one is turned into the other, for all rooms.
"""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2

# Places of a scale from action to action: 1 is wholly the one, the last wholly the other.
FARTHEST = 7
_T = TypeVar("_T")


class OptionOrder(models.TextChoices):
    """Which action a reader met first."""

    ACTION_1_FIRST = "action_1_first"
    ACTION_2_FIRST = "action_2_first"


def as_shown(order: str, one: _T, two: _T) -> tuple[_T, _T]:
    """What belongs to actions 1 and 2, in the order in which they were shown: first what belongs to A."""
    return (one, two) if order == OptionOrder.ACTION_1_FIRST else (two, one)


def order_in_words(order: str) -> str:
    """Empty where no order is known."""
    return f"action {1 if order == OptionOrder.ACTION_1_FIRST else 2} as A" if order else ""


def letters(order: str) -> dict[str, str]:
    """Each action's letter."""
    return dict(zip(as_shown(order, ACTION_1, ACTION_2), "AB", strict=True))


def action_behind(letter: str, order: str) -> str:
    """The action that stood at the letter.

    Raises:
        KeyError: neither A nor B.
    """
    return {shown: action for action, shown in letters(order).items()}[letter]


def turned(place: int, order: str) -> int:
    """A place on the scale from A to B as one on the scale from action 1 to action 2, or the other way round."""
    return as_shown(order, place, FARTHEST + 1 - place)[0]
