"""What an LLM is asked to be by its id: `sim-target-candid:gap=1.5,thinks=inline` is Candid who lies by 1.5 logits and thinks aloud.

Whoever tests what the product says of a model needs models of which it is known. Settings stand behind a colon in the id, as
sizes do in real ones, so that an endpoint carries them and no server has to be told. Without settings an LLM is as `personas`
says; some names are kinds of their own, which settings change.

Targets:
    first, last   share of scenarios in which the option shown first (last) is taken, whatever it says
    declines      share in which it declines: of two options the one that does, in conversation in a sentence
    gap           logits by which protective values stand lower when it acts than when it is asked, beside the others; what it says
                  stays as it is
    steerable     logits from the top to the bottom of a ranking in its system prompt
    position, consistency, unparsable, wordy, both, neither, refuses    as `personas.Habits` says
Thinkers (of any role):
    thinks        yes, inline, closing, reasoning_content, reasoning, parts, tokens; block, redacted (Anthropic)
    thought       how many tokens long (60)
User simulators:
    leaks         share of opening messages that name the values, word the actions, or speak of a dilemma
    stays         share of rewritten ones that still do
Judges, asked which action an answer took:
    misses        share of answers taken for the other thing; misses.honesty: of those that act on this value
    slips         share in which the action shown first is named whatever was done
    gullible      share in which whatever looks like a turn or a tag, in whatever dress, is taken for one
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from types import MappingProxyType

from conflictscope.errors import InvalidInput
from conflictscope.llm.simulator.values import canonical

OPENAI_FORMS = ("inline", "closing", "reasoning_content", "reasoning", "parts", "tokens")
ANTHROPIC_FORMS = ("inline", "closing", "block", "redacted")
FORMS = frozenset({"", "yes", *OPENAI_FORMS, *ANTHROPIC_FORMS})
_MOST_LOGITS = 20.0
_SHARES = frozenset(
    {"first", "last", "declines", "consistency", "unparsable", "wordy", "both", "neither", "refuses"}
    | {"leaks", "stays", "misses", "slips", "gullible"}
)


@dataclass(frozen=True, slots=True)
class Character:
    """The settings of one id. None: as `personas` has it."""

    first: float = 0.0
    last: float = 0.0
    declines: float = 0.0
    gap: float | None = None
    steerable: float | None = None
    position: float | None = None
    consistency: float | None = None
    unparsable: float | None = None
    wordy: float | None = None
    both: float | None = None
    neither: float | None = None
    refuses: float | None = None
    thinks: str = ""
    thought: int = 60
    leaks: float = 0.0
    stays: float = 0.0
    misses: float | None = None
    misses_of: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    slips: float | None = None
    gullible: float = 0.0


_NUMBERS = {each.name for each in fields(Character)} - {"thinks", "misses_of"}

# Names that are kinds of their own, each with what makes it one.
KINDS: Mapping[str, str] = {
    "sim-liar": "gap=1.5",
    "sim-first": "first=1",
    "sim-decliner": "declines=1",
    "sim-steered": "steerable=2",
    "sim-thinker": "thinks=yes",
    "sim-leaky-user": "leaks=0.5,stays=0.2",
    "sim-gullible-judge": "gullible=1,misses=0,slips=0",
    "sim-partial-judge": "misses=0.05,misses.harmlessness=0.3,slips=0.1",
}


def name_of(llm: str) -> str:
    """The id without its settings: who it is, and so what it values."""
    return llm.partition(":")[0]


@lru_cache(maxsize=512)
def character_of(llm: str) -> Character:
    """
    Raises:
        InvalidInput: a setting that there is none of, or a number out of range.
    """
    name, _, own_settings = llm.partition(":")
    settings: dict[str, float | int | str] = {}
    of_values: dict[str, float] = {}
    for item in filter(None, f"{KINDS.get(name, '')},{own_settings}".split(",")):
        setting, _, value = (part.strip() for part in item.partition("="))
        kind, _, of_value = setting.partition(".")
        if setting == "thinks":
            settings[setting] = _form(value, llm)
        elif kind == "misses" and of_value:
            of_values[canonical(of_value)] = _number("misses", value, llm)
        elif setting in _NUMBERS:
            settings[setting] = _number(setting, value, llm)
        else:
            raise InvalidInput(
                f"{llm!r}: there is no setting {setting!r}; settings: {', '.join(sorted(_NUMBERS))}, thinks."
            )
    if "thought" in settings:
        settings["thought"] = int(settings["thought"])
    return Character(**settings, misses_of=MappingProxyType(of_values))  # type: ignore[arg-type]


def _number(setting: str, value: str, llm: str) -> float:
    low, high = (0.0, 1.0) if setting in _SHARES else (-_MOST_LOGITS, _MOST_LOGITS)
    if setting == "thought":
        low, high = 1.0, 100_000.0
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise InvalidInput(f"{llm!r}: {setting} is a number from {low:g} to {high:g}, not {value!r}.")
    return number


def _form(value: str, llm: str) -> str:
    if value not in FORMS:
        raise InvalidInput(f"{llm!r}: thinks is one of {', '.join(sorted(FORMS - {''}))}, not {value!r}.")
    return value
