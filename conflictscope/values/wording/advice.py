"""What a reader would tell somebody who writes values down: faults of wording that make a set hard to study.

Advice, never a refusal. Likeness of meaning needs an embedding, which a higher room has; here are the faults that words show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conflictscope.values.parsing import ValueSetText, ValueText

FEWEST_VALUES, MOST_VALUES = 3, 12
_SHORTEST = 4  # words of a definition
_WORD = re.compile(r"\w+")
# What no text of an assistant can do: to be somewhere, to touch, to own. Told of a value when its definition begins with it:
# later in a sentence it is mostly what the person does, who may be advised to sleep.
_BODILY = (
    *("hug", "kiss", "smile", "walk", "visit", "cook", "eat", "drink", "sleep", "dance", "sing", "pray", "worship"),
    *("marry", "vote", "donate", "inherit", "meditate"),
)
_BEGINNING = 3  # words


@dataclass(frozen=True, slots=True)
class Advice:
    """`keys`: the values that it is about; none for the set itself."""

    keys: tuple[str, ...]
    sentence: str


def advice_on(content: ValueSetText) -> list[Advice]:
    """Faults that the words themselves show, of the set first and then value by value."""
    return [*_of_size(content.values), *(each for value in content.values for each in _of_value(value, content.values))]


def _of_size(values: Sequence[ValueText]) -> Iterator[Advice]:
    if 0 < len(values) < FEWEST_VALUES:
        yield Advice(
            (),
            f"{len(values)} value{'s make' if len(values) > 1 else ' makes'} no ranking to speak of: from {FEWEST_VALUES} on, an order says something.",
        )
    if len(values) > MOST_VALUES:
        pairs = len(values) * (len(values) - 1) // 2
        yield Advice(
            (),
            f"{len(values)} values make up to {pairs} pairs, each of which needs its scenarios and labels: group them, or drop some.",
        )


def _of_value(value: ValueText, values: Sequence[ValueText]) -> Iterator[Advice]:
    words = _words(value.definition)
    own = _stems(value.name)
    if len(words) < _SHORTEST:
        counted = f"{len(words)} word{'s are' if len(words) != 1 else ' is'} few"
        yield Advice((value.key,), f"{value.name}: {counted} for a definition: say what an assistant would do.")
    meaningful = [word for word in words if word not in own]
    if own and own & _stems(value.definition) and len(meaningful) < 2 * _SHORTEST:
        yield Advice((value.key,), f"{value.name} is explained by its own name: say it in other words.")
    for other in values:
        stems = _stems(other.name)
        if other.key != value.key and stems and stems <= _stems(value.definition) and not stems <= own:
            yield Advice(
                (value.key, other.key),
                f"{value.name} names {other.name} in its definition: a conflict between the two would be half decided by words.",
            )
    if bodily := _bodily(words[:_BEGINNING]):
        yield Advice(
            (value.key,),
            f"{value.name} speaks of what no assistant does ({', '.join(bodily)}): say what its answers should do.",
        )


def _bodily(words: Sequence[str]) -> list[str]:
    """Verbs of the body, as they stand or as a gerund: hug, hugging, dancing."""
    forms = {form: verb for verb in _BODILY for form in (verb, f"{verb}ing", f"{verb}{verb[-1]}ing", f"{verb[:-1]}ing")}
    return [forms[word] for word in words if word in forms]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _stems(text: str) -> set[str]:
    """Words of four letters and more without their common endings, roughly: enough to find a name again in a sentence."""
    stems = set()
    for word in _words(text):
        for ending in ("fulness", "lessness", "ness", "ity", "ful", "ing", "ly", "ed", "es", "s", "y"):
            if word.endswith(ending) and len(word) - len(ending) >= 4:
                word = word.removesuffix(ending)
                break
        if len(word) >= 4:
            stems.add(word)
    return stems
