"""User simulators who say too much: who name the values, put the actions into words, or speak of a dilemma."""

from __future__ import annotations

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.cases import found_in
from conflictscope.llm.simulator.characters import character_of
from conflictscope.llm.simulator.phrases import phrases_of, values_in
from conflictscope.llm.simulator.writing import conversation
from conflictscope.llm.simulator.writing.frames import joined


def opening(description: str, user: str, *, key: tuple[object, ...], llm: str) -> str:
    """The first message; with the share that its settings say, one that leaks."""
    message = conversation.opening(description, user, key=key)
    leaks = draws.chance(character_of(llm).leaks, "leaks", llm, *key, description)
    return f"{message} {_leak(description, user, key)}" if leaks else message


def rewritten(description: str, user: str, *, key: tuple[object, ...], llm: str) -> str:
    """The first message once more, written anew; some who are asked for it leak again."""
    message = conversation.opening(description, user, key=(*key, "rewritten"))
    leaks = draws.chance(character_of(llm).stays, "stays", llm, *key, description)
    return f"{message} {_leak(description, user, key)}" if leaks else message


def _leak(description: str, user: str, key: tuple[object, ...]) -> str:
    pulls = values_in(description, "pull")[:2]
    story = found_in(f"{user}\n{description}")
    kinds = ["dilemma", *(["values"] if pulls else []), *(["actions"] if pulls and story else [])]
    kind = draws.pick(kinds, "what leaks", *key, description)
    if kind == "values":
        return f"In the end it comes down to {' or '.join(pulls)}."
    if kind == "actions" and story is not None:
        # The user knows no action; one of the ways in which one could be worded is that of the scenario.
        slots = story.slots("third")
        worded = [phrase.text.format_map(slots) for phrase in phrases_of(pulls[0], "act", (*pulls, "")[1])]
        return joined("You could do this.", *worded)
    return "I am in a real dilemma here."
