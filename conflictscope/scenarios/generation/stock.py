"""How many scenarios of each kind are wanted, and how many there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conflictscope.scenarios.generation.recipe import Recipe
from conflictscope.scenarios.models import Dataset, Scenario

_NUMBER = re.compile(r"\d+")
Template = Scenario.Template
Acting = Scenario.ActingAction

# The first so many cells of a pair get one scenario more when the number does not divide: in this order any number of
# scenarios is spread over the templates and over both sides as evenly as it can be.
_SIDES_IN_TURN = (
    (Template.MINOR_BENEFIT, 1),
    (Template.STRONG_BENEFIT, 2),
    (Template.MINOR_HARM, 1),
    (Template.STRONG_HARM, 2),
    (Template.MINOR_BENEFIT, 2),
    (Template.STRONG_BENEFIT, 1),
    (Template.MINOR_HARM, 2),
    (Template.STRONG_HARM, 1),
)

# The deployment context of the first scenario of each of these cells, for one context, for two, and so on; the next one of a
# cell is set in the next context. As far as eight cells can, each row crosses the contexts with templates, sides, minor and
# strong, benefit and harm.
_FIRST_CONTEXTS = (
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 1, 1, 0, 1, 0, 0, 1),
    (0, 1, 2, 0, 2, 2, 1, 1),
    (0, 1, 1, 0, 3, 2, 2, 3),
    (0, 2, 1, 0, 3, 4, 4, 2),
    (0, 2, 2, 4, 3, 5, 5, 1),  # and for more
)


@dataclass(frozen=True, slots=True)
class ScenarioKind:
    """Scenarios of one kind: a value pair (by the values' ids), a template, and the action that takes the opportunity.

    Written directly there is no template, and which action acts is left to the generator: one kind for each pair.
    """

    value_1: int
    value_2: int
    template: str
    acting: str

    @property
    def pair(self) -> tuple[int, int]:
        return self.value_1, self.value_2

    @property
    def numbers(self) -> tuple[int | None, int | None, str]:
        """Who shares a sequence of numbers with this cell: both sides of a pair's template."""
        return self.value_1, self.value_2, self.template

    @property
    def payload(self) -> dict[str, Any]:
        return {"pair": [self.value_1, self.value_2], "template": self.template, "acting": self.acting}

    @classmethod
    def of_payload(cls, payload: dict[str, Any]) -> ScenarioKind:
        value_1, value_2 = payload["pair"]
        return cls(value_1, value_2, payload["template"], payload["acting"])


def share_out(pairs: Sequence[tuple[int, int]], per_pair: int, *, templates: bool = True) -> dict[ScenarioKind, int]:
    """How many scenarios of each cell make `per_pair` for every pair.

    Within a pair the templates, the sides that acting serves, and the sides within each template differ by one at most; the
    odd one falls to the one side in every other pair, to the other side in the rest. Without templates each pair is one cell.
    """
    if not templates:
        return {ScenarioKind(value_1, value_2, "", Acting.UNKNOWN): per_pair for value_1, value_2 in pairs}
    wanted: dict[ScenarioKind, int] = {}
    each, more = divmod(per_pair, len(_SIDES_IN_TURN))
    for index, (value_1, value_2) in enumerate(pairs):
        for turn, (template, side) in enumerate(_SIDES_IN_TURN):
            acting = Acting.ACTION_1 if (side == 1) == (index % 2 == 0) else Acting.ACTION_2
            wanted[ScenarioKind(value_1, value_2, template, acting)] = each + (turn < more)
    return wanted


def spread(wanted: Mapping[ScenarioKind, int], contexts: Sequence[str]) -> dict[ScenarioKind, Counter[str]]:
    """How many of each cell's scenarios are set in each deployment context, so that no context stands for a kind of scenario.

    A cell's contexts differ by one at most. With up to five contexts, those of a pair, a side or a template differ by two. A
    larger number goes on from a smaller one. From pair to pair a cell changes its context: every other time by the sides that
    `share_out` swaps, else by another first one.

    Args:
        wanted: from `share_out`, in its order.
        contexts: none where scenarios are asked for directly.
    """
    if not contexts:
        return {cell: Counter({"": number}) for cell, number in wanted.items()}
    first = _FIRST_CONTEXTS[min(len(contexts), len(_FIRST_CONTEXTS)) - 1]
    contexts_by_cell: dict[ScenarioKind, Counter[str]] = {}
    for index, (cell, number) in enumerate(wanted.items()):
        pair, turn = divmod(index, len(_SIDES_IN_TURN))
        contexts_by_cell[cell] = Counter(
            contexts[(first[turn] + pair // 2 + place) % len(contexts)] for place in range(number)
        )
    return contexts_by_cell


def number_of(uid: str) -> int:
    """The number at the end of a scenario's uid."""
    return int(_NUMBER.findall(uid)[-1])


def wanted(dataset: Dataset, recipe: Recipe) -> dict[ScenarioKind, int]:
    version = dataset.value_set_version
    pairs = [(first.pk, second.pk) for first, second in version.pairs()] if version else []
    return share_out(pairs, recipe.per_pair, templates=dataset.variant != Dataset.Variant.DIRECT)
