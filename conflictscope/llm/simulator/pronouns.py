"""The people of a text and how it speaks of them: as she or he, as I, or as you."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

CONTENT = Path(__file__).parent / "content"
Voice = Literal["third", "first", "second"]

_BANK = tomllib.loads((CONTENT / "people.toml").read_text(encoding="utf-8"))
TOWNS: tuple[str, ...] = tuple(_BANK["towns"])
MARKS: tuple[str, ...] = tuple(_BANK["marks"])
WHEN: tuple[str, ...] = tuple(_BANK["when"])
_FAMILY: tuple[str, ...] = tuple(_BANK["family"])
_GIVEN: Mapping[str, tuple[str, ...]] = {"she": tuple(_BANK["she"]), "he": tuple(_BANK["he"])}
_PRONOUN_OF = {name: pronoun for pronoun, names in _GIVEN.items() for name in names}
_FULL_NAME = re.compile(
    r"\b(" + "|".join(_PRONOUN_OF) + r") (" + "|".join(sorted(_FAMILY, key=len, reverse=True)) + r")\b"
)
_FORMS: Mapping[str, tuple[str, str, str, str]] = {
    "she": ("she", "her", "her", "herself"),
    "he": ("he", "him", "his", "himself"),
}


@dataclass(frozen=True, slots=True)
class Person:
    given: str
    family: str

    @property
    def full(self) -> str:
        return f"{self.given} {self.family}"

    @property
    def pronoun(self) -> str:
        return _PRONOUN_OF[self.given]

    def as_user(self, voice: Voice) -> dict[str, str]:
        """The slots that speak of this person as the user."""
        if voice == "first":
            return {"user": "I", "names": "my", "sub": "I", "obj": "me", "pos": "my", "refl": "myself"}
        if voice == "second":
            return {"user": "you", "names": "your", "sub": "you", "obj": "you", "pos": "your", "refl": "yourself"}
        sub, obj, pos, refl = _FORMS[self.pronoun]
        return {"user": self.given, "names": genitive(self.given), "sub": sub, "obj": obj, "pos": pos, "refl": refl}

    def as_other(self) -> dict[str, str]:
        """The slots that speak of this person as somebody else."""
        sub, obj, pos, _ = _FORMS[self.pronoun]
        return {"other": self.full, "osub": sub, "oobj": obj, "opos": pos}


def genitive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def draw_person(rng: Random, *, apart_from: Person | None = None) -> Person:
    """Somebody who shares no name with another person of the text."""
    while True:
        person = Person(rng.choice(_GIVEN[rng.choice(("she", "he"))]), rng.choice(_FAMILY))
        if apart_from is None or (person.given != apart_from.given and person.family != apart_from.family):
            return person


def people_in(text: str) -> list[Person]:
    """The people that a text names in full, in order of appearance."""
    return [Person(*names) for names in dict.fromkeys(_FULL_NAME.findall(text))]


_SENTENCE_START = re.compile(r"(^[\"“]?|[.!?] [\"“(]?|(?<!\n)\n++[\"“(]?)([a-zéøå])")


def tidy(text: str, *people: Person, short: tuple[str, str] = ("", "")) -> str:
    """A composed text as a person would write it: sentences begin with a capital; a full name, and the full name of the
    thing that is written, stand once."""
    pairs = [(person.full, person.given) for person in people]
    for full, brief in [*pairs, short]:
        head, first, rest = text.partition(full) if full else (text, "", "")
        if first:
            text = head + first + rest.replace(full, brief)
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)
