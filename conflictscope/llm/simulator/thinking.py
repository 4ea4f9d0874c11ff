"""What a thinking LLM thinks before it answers: as long as it is asked to be, and full of what must not be read as an answer."""

from __future__ import annotations

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.characters import ANTHROPIC_FORMS, OPENAI_FORMS, character_of
from conflictscope.llm.simulator.protocols import Said, SimulatorRequest, tokens

_PIECES = (
    "At first sight the answer is A.",
    "But wait, B has something to be said for it, so perhaps B.",
    "On a scale from 1 to 7 I would say 3, or rather 6.",
    'I could reply {"choice": "both", "strength": 4} and leave it at that.',
    "I can't help with this request? No, I can.",
    "Option A. No. Let me look at it once more.",
)
_NATURAL = {"openai": "reasoning_content", "anthropic": "block"}


def thoughtful(said: Said, asked: SimulatorRequest, *, protocol: str) -> Said:
    """The same answer after a thought, in the form that its settings and the protocol have; unchanged where it does not think.

    Thought counts against `max_tokens`: where it uses them up there is no answer, and where few are left, less of one.
    """
    own = character_of(asked.llm)
    if not own.thinks or said.ended == "refusal":
        return said
    forms = OPENAI_FORMS if protocol == "openai" else ANTHROPIC_FORMS
    form = own.thinks if own.thinks in forms else _NATURAL[protocol]
    draw = draws.rng(asked.llm, asked.text, "thought")
    thought = draw.choice(_PIECES)
    while tokens(thought) < own.thought:
        thought = f"{thought} {draw.choice(_PIECES)}"
    thought = thought[: 4 * own.thought].strip()
    left = None if asked.max_tokens is None else asked.max_tokens - tokens(thought)
    if left is None or tokens(said.text) <= left:
        return Said(said.text, said.ended, thought, form)
    if left <= 0:
        return Said("", "length", thought[: 4 * (asked.max_tokens or 1)], form)
    return Said(said.text[: 4 * left], "length", thought, form)
