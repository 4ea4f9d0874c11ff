"""How many scenarios of each kind are wanted, how many there are, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conflictscope.scenarios.generation.recipe import Recipe, recipe_of
from conflictscope.scenarios.models import Dataset, Scenario

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


@dataclass(frozen=True, slots=True)
class Cell:
    """Scenarios of one kind: a value pair (by the values' ids), a template, and the action that takes the opportunity."""

    value_1: int
    value_2: int
    template: str
    acting: str

    @property
    def payload(self) -> dict[str, Any]:
        return {"pair": [self.value_1, self.value_2], "template": self.template, "acting": self.acting}

    @classmethod
    def of_payload(cls, payload: dict[str, Any]) -> Cell:
        value_1, value_2 = payload["pair"]
        return cls(value_1, value_2, payload["template"], payload["acting"])


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A value pair that has fewer usable outlines than were wanted, and why."""

    pair: str
    wanted: int
    usable: int
    duplicates: int


def share_out(pairs: Sequence[tuple[int, int]], per_pair: int) -> dict[Cell, int]:
    """How many scenarios of each cell make `per_pair` for every pair.

    Within a pair the templates, and the sides that acting serves, differ by one at most; the odd one falls to the one side
    in every other pair, to the other side in the rest.
    """
    wanted: dict[Cell, int] = {}
    each, more = divmod(per_pair, len(_SIDES_IN_TURN))
    for index, (value_1, value_2) in enumerate(pairs):
        for turn, (template, side) in enumerate(_SIDES_IN_TURN):
            acting = Acting.ACTION_1 if (side == 1) == (index % 2 == 0) else Acting.ACTION_2
            wanted[Cell(value_1, value_2, template, acting)] = each + (turn < more)
    return wanted


def in_batches(count: int, largest: int) -> Iterator[int]:
    """Split a number into as few batches as fit, of nearly equal size."""
    batches = -(-count // largest)
    for index in range(batches):
        yield count // batches + (index < count % batches)


def number_of(uid: str) -> int:
    """The number at the end of a scenario's uid."""
    return int(uid.rpartition("-")[2])


def usable(dataset: Dataset) -> Counter[Cell]:
    """Scenarios that are no duplicates, by cell, whatever became of them later."""
    rows = dataset.scenarios.exclude(status=Scenario.Status.DUPLICATE).exclude(value_1=None).exclude(value_2=None)
    kinds = rows.values_list("value_1", "value_2", "template", "acting_action")
    return Counter(Cell(value_1, value_2, template, acting) for value_1, value_2, template, acting in kinds)


def wanted(dataset: Dataset, recipe: Recipe) -> dict[Cell, int]:
    version = dataset.value_set_version
    pairs = [(first.pk, second.pk) for first, second in version.pairs()] if version else []
    return share_out(pairs, recipe.per_pair)


def shortfalls(dataset: Dataset) -> list[Shortfall]:
    """The pairs of a generated dataset that have fewer usable outlines than its recipe wants."""
    recipe = recipe_of(dataset)
    have: Counter[tuple[int | None, int | None]] = Counter()
    duplicates: Counter[tuple[int | None, int | None]] = Counter()
    for value_1, value_2, status in dataset.scenarios.values_list("value_1", "value_2", "status"):
        (duplicates if status == Scenario.Status.DUPLICATE else have)[value_1, value_2] += 1
    version = dataset.value_set_version
    return [
        Shortfall(
            pair=f"{first.name} – {second.name}",
            wanted=recipe.per_pair,
            usable=have[first.pk, second.pk],
            duplicates=duplicates[first.pk, second.pk],
        )
        for first, second in (version.pairs() if version else [])
        if have[first.pk, second.pk] < recipe.per_pair
    ]
