"""The targets: which way they lean, and how they say it.

In one scenario an llm leans by the difference of the strengths of the two values, plus a leaning of its own that belongs to
the scenario: the same in both option orders and, to the degree of its consistency, in every asking. The leaning is standard
logistic, so that over scenarios P(i over j) = sigmoid(s_i - s_j) exactly. An action that speaks of no value is judged by
`appeal` instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.appeal import appeal
from conflictscope.llm.simulator.cases import found_in
from conflictscope.llm.simulator.characters import Character, character_of, name_of
from conflictscope.llm.simulator.personas import Mode, habits, strength
from conflictscope.llm.simulator.phrases import values_in
from conflictscope.llm.simulator.reading import action_served
from conflictscope.llm.simulator.values import KNOWN, canonical
from conflictscope.llm.simulator.writing import conversation

_NUMBER = r"(?:tier|rank)?[^\S\n]*+\d++[^\S\n]*+[.):]"
_NUMBERED = re.compile(rf"^[^\S\n]*+{_NUMBER}[^\S\n]*+(.+)$", re.IGNORECASE | re.MULTILINE)
_LIST_ITEM = re.compile(rf"^[^\S\n]*+(?:{_NUMBER}|[-*•])[^\S\n]*+(.+)$", re.IGNORECASE | re.MULTILINE)
_AFTER_NAME = re.compile(r"(?<!\s)(?:\s*+[:(]|\s++[-–] ).*+", re.DOTALL)
_TIED = re.compile(r"(?<!\s)\s*+(?:,|=|&|/|\band\b)\s*+", re.IGNORECASE)
_OVER = re.compile(r"(?<!\s)\s*+(?:>|\bover\b|\babove\b|\bbefore\b|\bahead of\b|\brather than\b)\s*+", re.IGNORECASE)
_DECLINING = re.compile(r"\b(?:declin\w*|refus\w*|do(?:es)? not|don['’]t|will not|won['’]t|never)\b", re.IGNORECASE)
_RANKS = re.compile(r"\b(?:values?|principles?|rank\w*|priorit\w*|important|weigh\w*)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SimulatedTarget:
    """One llm in one conversation: who it is, what its system prompt says, and what tells this asking from another."""

    llm: str
    seed: int
    system: str = ""
    sampling: str = ""

    @property
    def name(self) -> str:
        """Who it is: settings change what they say, and none of the draws."""
        return name_of(self.llm)

    @property
    def character(self) -> Character:
        return character_of(self.llm)

    def strength(self, value: str, mode: Mode) -> float:
        shift = self._steering().get(canonical(value), 0.0)
        return strength(self.llm, value, mode, seed=self.seed) + shift

    def _steering(self) -> dict[str, float]:
        ranks = ranking_in(self.system) if self.system else {}
        if len(set(ranks.values())) < 2:
            return {}
        worst = max(ranks.values())
        steerable = habits(self.llm, seed=self.seed).steerable
        return {value: steerable * (0.5 - (rank - 1) / (worst - 1)) for value, rank in ranks.items()}

    def leaning(self, scenario: str, asking: str) -> float:
        """Standard logistic; one part belongs to the scenario, the rest to this asking of it."""
        consistent = habits(self.llm, seed=self.seed).consistency
        shared = draws.normal(self.seed, self.name, "leaning", scenario)
        own = draws.normal(self.seed, self.name, "asking", scenario, asking, self.sampling)
        return draws.logit(draws.cdf(consistent**0.5 * shared + (1 - consistent) ** 0.5 * own))


def ranking_in(system: str) -> dict[str, int]:
    """The ranking of values that a system prompt gives, best first: value to rank, from 1; ties share a line.

    A numbered list before any other, then an order in a sentence ("honesty over helpfulness", "honesty > harmlessness > ..."), else
    values that are named at all stand before those that are not.
    """
    for expression in (_NUMBERED, _LIST_ITEM) if _RANKS.search(system) else ():
        ranks = _ranks(expression.findall(system))
        if len(set(ranks.values())) > 1:
            return ranks
    for sentence in re.split(r"[.\n;]", system):
        named = [_values_named(part) for part in _OVER.split(sentence)]
        if sum(map(bool, named)) > 1:
            return {key: rank for rank, keys in reversed(list(enumerate(filter(None, named), start=1))) for key in keys}
    mentioned = _values_named(system)
    return {key: 1 if key in mentioned else 2 for key in KNOWN} if mentioned else {}


def _ranks(items: list[str]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for rank, item in enumerate(items, start=1):
        for name in _TIED.split(_AFTER_NAME.sub("", item)):
            key = canonical(name.strip(" .*"))
            if key:
                ranks.setdefault(key, rank)
    return ranks


def _values_named(text: str) -> list[str]:
    """The known values that a text names, by their nouns: "helpful" is said of every assistant."""
    words = re.findall(r"[a-z-]+", text.lower())
    return [key for key in KNOWN if any(word.replace("-", "") == key for word in words)]


def _difference(target: SimulatedTarget, first: str, second: str, mode: Mode) -> float:
    """In logits, how much an llm is for the first of two actions, by what they serve."""
    value_1, value_2 = action_served(first), action_served(second)
    if value_1 is None or value_2 is None or value_1 == value_2:
        return appeal(first, llm=target.name, seed=target.seed) - appeal(second, llm=target.name, seed=target.seed)
    return target.strength(value_1, mode) - target.strength(value_2, mode)


def choice(target: SimulatedTarget, situation: str, option_a: str, option_b: str) -> str:
    """A multiple-choice answer: the letter, as this llm writes it, or now and then something without one."""
    own = habits(target.llm, seed=target.seed)
    key = (target.seed, target.name, "choice", situation, option_a, option_b, target.system, target.sampling)
    if draws.chance(own.unparsable, *key, "unparsable"):
        return draws.pick(_NO_LETTER, *key, "unparsable words")
    if decided := _whatever_it_says(target, situation, option_a, option_b):
        return _worded(decided, own.wordy, key)
    swapped = option_b < option_a
    first, second = (option_b, option_a) if swapped else (option_a, option_b)
    lean = target.leaning("\n".join((situation, first, second)), "swapped" if swapped else "")
    for_first = _difference(target, first, second, "expressed") + lean
    for_a = (-for_first if swapped else for_first) + own.position_bias
    return _worded("A" if for_a > 0 else "B", own.wordy, key)


def _whatever_it_says(target: SimulatedTarget, situation: str, option_a: str, option_b: str) -> str:
    """The letter of one who goes by place, or who declines; empty where this scenario is decided by what stands there. The draw
    belongs to the scenario, whichever option is shown first."""
    own = target.character
    fate = draws.uniform(target.seed, target.name, "whatever it says", situation, *sorted((option_a, option_b)))
    if fate < own.first + own.last:
        return "A" if fate < own.first else "B"
    if fate < own.first + own.last + own.declines:
        declining = [letter for letter, text in (("A", option_a), ("B", option_b)) if _DECLINING.search(text)]
        return declining[0] if len(declining) == 1 else ""
    return ""


def _worded(letter: str, wordy: float, key: tuple[object, ...]) -> str:
    if draws.chance(wordy, *key, "wordy"):
        return draws.pick(_WORDY, *key, "words").format(letter=letter)
    return letter


_WORDY = (
    "{letter}.",
    "({letter})",
    "{letter})",
    "Option {letter}",
    "**{letter}**",
    "I would choose {letter}.",
    "I would take {letter}, because it does more justice to the people concerned.",
    "My answer is {letter}.",
)
_NO_LETTER = (
    "It depends on the circumstances, and I would want to know more before I decide.",
    "Both options have merit.",
    "I'm not comfortable choosing between these.",
    "Neither of the two seems right to me.",
)


def rating(target: SimulatedTarget, situation: str, action: str) -> str:
    """How strongly the llm is for an action, from 1 to 7."""
    own = habits(target.llm, seed=target.seed)
    key = (target.seed, target.name, "rating", situation, action, target.system, target.sampling)
    if draws.chance(own.unparsable, *key, "unparsable"):
        return "That is hard to put into a number."
    value = action_served(action)
    if value is None:
        leaning = 0.6 * appeal(action, llm=target.name, seed=target.seed)
    else:
        given_up = [other for other in values_in(action, "cost") if other != value]
        against = target.strength(given_up[0], "expressed") if given_up else 0.0
        leaning = target.strength(value, "expressed") - against + 0.5 * draws.normal(*key)
    number = min(max(round(4.2 + 1.1 * leaning), 1), 7)
    if draws.chance(own.wordy, *key, "wordy"):
        return draws.pick(("{}.", "{} out of 7", "I would say {}.", "Rating: {}"), *key, "words").format(number)
    return str(number)


def reply(target: SimulatedTarget, messages: list[str]) -> str:
    """What the llm answers in open conversation to what a user has written so far, in one message or more."""
    user_text = "\n".join(messages)
    own = habits(target.llm, seed=target.seed)
    key = (target.seed, target.name, "reply", target.system, user_text, target.sampling)
    draw = draws.rng(*key, "words")
    story = found_in(user_text, told_by_user=True)
    fate = draws.uniform(*key, "fate")
    refuses = max(own.refuses, target.character.declines)
    if fate < refuses:
        return conversation.refusal(story, draw=draw)
    pulls = values_in(user_text, "plea")
    if story is None or not pulls:
        lean = target.leaning(user_text, "")
        return conversation.answer_anything(
            messages[0], along=lean + 0.8 * draws.normal("wish", user_text) > 0, draw=draw
        )
    value_1, value_2 = sorted((*pulls, "")[:2]) if len(pulls) == 1 else sorted(pulls[:2])
    if fate < refuses + own.neither and len(messages) == 1:
        return conversation.answer(story, (), "", draw=draw)
    if fate < refuses + own.neither + own.both and value_1:
        return conversation.answer(story, (value_1, value_2), "", draw=draw)
    lean = target.leaning(user_text, "")
    for_first = target.strength(value_1, "revealed") if value_1 else 0.0
    for_second = target.strength(value_2, "revealed")
    won, lost = (value_1, value_2) if for_first - for_second + lean > 0 else (value_2, value_1)
    return conversation.answer(story, (won or value_2,), lost if won else "", draw=draw)
