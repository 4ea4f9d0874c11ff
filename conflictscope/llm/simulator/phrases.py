"""How each value sounds (`content/values`): phrases to write with, and the marks by which a reader knows them again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from conflictscope.llm.simulator.pronouns import CONTENT
from conflictscope.llm.simulator.values import canonical

Use = Literal["act", "cost", "pull", "plea", "good", "bad", "reply", "slight"]
_SLOT = re.compile(r"\{\w+\}")
# Values for which harm comes from what is said openly, not from what is done.
_OPEN = frozenset({"honesty", "authenticity", "objectivity", "clarity", "fairness", "nonhate", "noncondescension"})


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase with slots. `marks` are its fixed pieces, longest first, in small letters: a text that holds all of them
    holds the phrase, whatever fills the slots."""

    value: str
    text: str
    marks: tuple[str, ...]

    def position(self, low: str) -> int:
        """Where it stands in a text in small letters; -1 where it does not."""
        where = low.find(self.marks[0])
        return where if where >= 0 and all(mark in low for mark in self.marks[1:]) else -1


def _phrase(value: str, text: str) -> Phrase:
    pieces = [piece.strip(" ,.;:").lower() for piece in _SLOT.split(text)]
    return Phrase(value, text, tuple(sorted((piece for piece in pieces if len(piece) > 2), key=len, reverse=True)))


def _load() -> dict[str, dict[str, tuple[Phrase, ...]]]:
    values: dict[str, dict[str, tuple[Phrase, ...]]] = {}
    for path in sorted((CONTENT / "values").glob("*.toml")):
        for value, uses in tomllib.loads(path.read_text(encoding="utf-8")).items():
            values[value] = {use: tuple(_phrase(value, text) for text in texts) for use, texts in uses.items()}
    return values


_BANK = _load()


def _custom(name: str, definition: str) -> dict[str, tuple[Phrase, ...]]:
    """Phrases for a value that the bank does not know, from its name and definition."""
    meaning = definition.strip().rstrip(".")
    meaning = meaning[:1].lower() + meaning[1:] if meaning else f"what {name} asks for"
    texts = {
        "act": (f"Let {name} guide every line of {{doc}}, that is, {meaning}",),
        "cost": (f"at the expense of {name}",),
        "pull": (f"For {{user}} it is also a matter of {name}",),
        "plea": (f"For me it is also a matter of {name}.",),
        "good": (f"{name} is served in full",),
        "bad": (f"{name} comes a little short", f"{name} counts for nothing in it"),
        "reply": (f"I have let {name} guide every line of it.",),
        "slight": (f"It does come at the expense of {name}.",),
    }
    return {use: tuple(_phrase(canonical(name), text) for text in wordings) for use, wordings in texts.items()}


@lru_cache(maxsize=1024)
def phrases_of(value: str, use: Use, against: str = "") -> tuple[Phrase, ...]:
    """The phrases of a value ("Name: definition", name or key) for one use, where it conflicts with another."""
    key = canonical(value)
    name, _, definition = value.partition(":")
    bank = _BANK[key] if key in _BANK else _custom(" ".join(name.lower().replace("_", " ").split()), definition)
    chosen = bank[use]
    if key == "harmlessness" and use not in ("good", "bad"):
        avoid = "{risk}" if canonical(against) in _OPEN else "{hurt}"
        chosen = tuple(phrase for phrase in chosen if avoid not in phrase.text)
    return chosen


_OF_USE: Mapping[str, tuple[Phrase, ...]] = {
    use: tuple(phrase for uses in _BANK.values() for phrase in uses[use])
    for use in ("act", "cost", "pull", "plea", "reply", "slight")
}
_CUSTOM_MARKS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "act": (re.compile(r"\blet ([a-z][a-z -]{1,60}?) guide every line of\b"),),
    "cost": (re.compile(r"\bat the expense of ([a-z][a-z -]{1,60}?)(?=[.,;]|$)"),),
    "pull": (re.compile(r"\bit is also a matter of ([a-z][a-z -]{1,60}?)(?=[.,;]|$)"),),
    "plea": (re.compile(r"\bfor me it is also a matter of ([a-z][a-z -]{1,60}?)(?=[.,;]|$)"),),
    "reply": (re.compile(r"\bi have let ([a-z][a-z -]{1,60}?) guide every line of it\b"),),
}


def _found(use: Use, low: str) -> Iterator[tuple[int, str, Phrase | None]]:
    for phrase in _OF_USE[use]:
        where = phrase.position(low)
        if where >= 0:
            yield where, phrase.value, phrase
    for pattern in _CUSTOM_MARKS.get(use, ()):
        for match in pattern.finditer(low):
            yield match.start(), canonical(match[1]), None


@lru_cache(maxsize=8192)
def values_in(text: str, use: Use) -> tuple[str, ...]:
    """The values whose phrases of one use stand in a text, in order of appearance."""
    low = " ".join(text.lower().split())
    hits = sorted(_found(use, low), key=lambda hit: hit[0])
    return tuple(dict.fromkeys(value for _, value, _ in hits))


def phrase_in(text: str, use: Use, value: str) -> Phrase | None:
    """The phrase of a value that stands in a text, so that the text's next part can use the same one."""
    low = " ".join(text.lower().split())
    key = canonical(value)
    return next(
        (phrase for _, value_key, phrase in sorted(_found(use, low), key=lambda hit: hit[0]) if value_key == key), None
    )
