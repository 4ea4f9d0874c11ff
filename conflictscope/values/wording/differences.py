"""What differs between two states of a value set, value by value and word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from conflictscope.values.parsing import ValueSetText, ValueText

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
# Comparing takes time that grows with the square of the words: longer texts are shown whole, the old one and the new one.
_MOST_WORDS = 2_000
_OF_A_SET = {"name": "Name", "description": "Description", "licence": "Licence", "pairing": "Pairing"}
_OF_A_VALUE = {"name": "Name", "definition": "Definition", "group": "Group", "tier": "Tier"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Words that stand in both texts (`same`), only in the later (`added`) or only in the earlier (`dropped`)."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    field: str
    pieces: list[Stretch]


@dataclass(frozen=True, slots=True)
class ValueChange:
    """`kind`: added, dropped, changed, moved. For the first two, `fields` says all of the value."""

    kind: str
    name: str
    key: str
    fields: list[FieldChange]


@dataclass(frozen=True, slots=True)
class Differences:
    of_the_set: list[FieldChange]
    of_values: list[ValueChange]

    def __bool__(self) -> bool:
        return bool(self.of_the_set or self.of_values)


def differences(before: ValueSetText, after: ValueSetText) -> Differences:
    """What makes `after` of `before`. Values are told by their keys; one that only changed its place is said to be moved."""
    of_values = []
    old, new = ({value.key: value for value in content.values} for content in (before, after))
    for key, value in new.items():
        if key not in old:
            of_values.append(
                ValueChange("added", value.name, key, list(_fields(_OF_A_VALUE, ValueText("", "", ""), value)))
            )
        elif fields := list(_fields(_OF_A_VALUE, old[key], value)):
            of_values.append(ValueChange("changed", old[key].name, key, fields))
    for key, value in old.items():
        if key not in new:
            gone = list(_fields(_OF_A_VALUE, value, ValueText("", "", "")))
            of_values.append(ValueChange("dropped", value.name, key, gone))
    changed = {change.key for change in of_values}
    of_values += [
        ValueChange("moved", new[key].name, key, []) for key in _moved(list(old), list(new)) if key not in changed
    ]
    return Differences(list(_fields(_OF_A_SET, before, after)), of_values)


def word_by_word(before: str, after: str) -> list[Stretch]:
    """The two texts as one, each stretch marked with where it stands."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(old), len(new)) > _MOST_WORDS:
        return [Stretch(before, "dropped"), Stretch(after, "added")]
    pieces = []
    for what, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(Stretch("".join(old[i:j]), "same"))
            continue
        pieces += [
            Stretch(text, kind) for text, kind in (("".join(old[i:j]), "dropped"), ("".join(new[k:m]), "added")) if text
        ]
    return pieces


def _fields(fields: dict[str, str], before: object, after: object) -> Iterator[FieldChange]:
    for field, label in fields.items():
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield FieldChange(label, word_by_word(_as_text(old), _as_text(new)))


def _as_text(said: object) -> str:
    return "" if said is None else str(said).replace("_", " ") if said in ("all_pairs", "across_groups") else str(said)


def _moved(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Keys that stand in both and in another order: all but the longest run that kept it."""
    kept_old, kept_new = [key for key in old if key in set(new)], [key for key in new if key in set(old)]
    matcher = SequenceMatcher(None, kept_old, kept_new, autojunk=False)
    in_order = {key for block in matcher.get_matching_blocks() for key in kept_old[block.a : block.a + block.size]}
    return [key for key in kept_new if key not in in_order]
