"""Who the simulated LLMs are: what they value, how they err, which habits they have. All of it is known, so that what the
product estimates from their answers can be held against the truth.

Strengths are Bradley-Terry log-strengths: a target supports value i over value j with probability sigmoid(s_i - s_j). They
differ between the two modes: `expressed` is what a target says in multiple choice, `revealed` what it does in conversation.
Five LLMs are written out; any other id gets strengths, habits and error rates drawn from the seed and its name. What settings
in an id change (`characters`) is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from conflictscope.llm.simulator import draws
from conflictscope.llm.simulator.characters import character_of, name_of
from conflictscope.llm.simulator.values import KNOWN, PROTECTIVE, canonical

Mode = Literal["expressed", "revealed"]
DEFAULT_SEED = 7

GENERATOR = "sim-generator"
JUDGE = "sim-judge"
USER = "sim-user"
CANDID = "sim-target-candid"
CAREFUL = "sim-target-careful"
LLM_IDS = (GENERATOR, JUDGE, USER, CANDID, CAREFUL)

_WRITTEN: Mapping[tuple[str, Mode], Mapping[str, float]] = {
    (CANDID, "expressed"): {
        "helpfulness": -0.1, "honesty": 0.9, "harmlessness": 0.4, "autonomy": 0.1, "authenticity": 0.0,
        "creativity": -0.9, "empowerment": -0.2, "responsibility": 0.5, "compliance": -0.1, "privacy": 0.7,
        "nonhate": 0.6, "fairness": 0.4, "objectivity": 0.2, "noncondescension": -0.8, "clarity": -0.3,
    },
    (CANDID, "revealed"): {
        "helpfulness": 1.0, "honesty": 0.5, "harmlessness": -0.5, "autonomy": 0.8, "authenticity": 0.4,
        "creativity": -0.2, "empowerment": 0.6, "responsibility": -0.1, "compliance": -0.9, "privacy": 0.1,
        "nonhate": 0.3, "fairness": 0.1, "objectivity": -0.4, "noncondescension": -0.7, "clarity": 0.2,
    },
    (CAREFUL, "expressed"): {
        "helpfulness": -0.7, "honesty": 0.3, "harmlessness": 1.1, "autonomy": -0.4, "authenticity": -0.5,
        "creativity": -1.2, "empowerment": -0.4, "responsibility": 0.8, "compliance": 0.5, "privacy": 1.0,
        "nonhate": 1.0, "fairness": 0.5, "objectivity": 0.1, "noncondescension": -0.6, "clarity": -0.5,
    },
    (CAREFUL, "revealed"): {
        "helpfulness": 0.6, "honesty": 0.0, "harmlessness": 0.5, "autonomy": 0.2, "authenticity": -0.2,
        "creativity": -0.7, "empowerment": 0.4, "responsibility": 0.3, "compliance": -0.2, "privacy": 0.3,
        "nonhate": 0.8, "fairness": 0.2, "objectivity": -0.3, "noncondescension": -0.4, "clarity": 0.1,
    },
}  # fmt: skip


@lru_cache(maxsize=512)
def _strengths(llm: str, mode: Mode, seed: int) -> Mapping[str, float]:
    written = _WRITTEN.get((llm, mode))
    if written is not None:
        raw = {value: written[value] + 0.1 * draws.normal(seed, llm, mode, value) for value in KNOWN}
    else:
        raw = {}
        for value in KNOWN:
            protective = value in PROTECTIVE
            expressed = 0.7 * draws.normal(seed, llm, "expressed", value) + 0.5 * protective
            revealed = expressed - 0.9 * protective + 0.4 * draws.normal(seed, llm, "revealed", value)
            raw[value] = expressed if mode == "expressed" else revealed
    mean = sum(raw.values()) / len(raw)
    return {value: strength - mean for value, strength in raw.items()}


def _shift(llm: str, value: str, mode: Mode) -> float:
    """What a liar does beside what it says: half of its gap up or down, by the group of the value."""
    gap = character_of(llm).gap
    if gap is None or mode == "expressed":
        return 0.0
    return (-gap if value in PROTECTIVE else gap) / 2


def _said_and_done(llm: str, mode: Mode) -> tuple[str, Mode]:
    """Whose strengths these are: those of the name, and of a liar what it says, whatever the mode."""
    return name_of(llm), "expressed" if character_of(llm).gap is not None else mode


def strengths(llm: str, mode: Mode, *, seed: int = DEFAULT_SEED) -> dict[str, float]:
    """Latent log-strengths of the known values; they sum to zero. Keys are those of `values.canonical`."""
    raw = {
        value: known + _shift(llm, value, mode) for value, known in _strengths(*_said_and_done(llm, mode), seed).items()
    }
    mean = sum(raw.values()) / len(raw)
    return {value: strength - mean for value, strength in raw.items()}


def strength(llm: str, value: str, mode: Mode, *, seed: int = DEFAULT_SEED) -> float:
    """Latent log-strength of any value, by key or name: one of a custom set gets a drawn one."""
    key = canonical(value)
    name, whose = _said_and_done(llm, mode)
    known = _strengths(name, whose, seed)
    return (known[key] if key in known else 0.8 * draws.normal(seed, name, whose, key)) + _shift(llm, key, mode)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a target answers, apart from what it values. Shares are probabilities."""

    position_bias: float  # logits towards the option shown first
    consistency: float  # correlation of its leaning in one scenario between two askings of it
    unparsable: float  # multiple choice: an answer that names no letter
    wordy: float  # multiple choice: a letter inside a sentence or with punctuation
    both: float  # conversation: serves both values
    neither: float  # conversation: asks back, takes no action
    refuses: float  # conversation: declines in one sentence
    steerable: float  # logits from the top to the bottom of a ranking in its system prompt


_HABITS: Mapping[str, Habits] = {
    CANDID: Habits(0.35, 0.7, 0.015, 0.18, 0.04, 0.03, 0.01, 1.6),
    CAREFUL: Habits(-0.15, 0.8, 0.03, 0.25, 0.05, 0.05, 0.03, 0.8),
}


@lru_cache(maxsize=512)
def habits(llm: str, *, seed: int = DEFAULT_SEED) -> Habits:
    own = character_of(llm)
    changed = {
        "position_bias": own.position,
        **{
            name: getattr(own, name)
            for name in ("consistency", "unparsable", "wordy", "both", "neither", "refuses", "steerable")
        },
    }
    return replace(_habits(name_of(llm), seed), **{name: value for name, value in changed.items() if value is not None})


def _habits(llm: str, seed: int) -> Habits:
    if llm in _HABITS:
        return _HABITS[llm]

    def between(low: float, high: float, name: str) -> float:
        return low + (high - low) * draws.uniform(seed, llm, "habit", name)

    return Habits(
        position_bias=between(-0.4, 0.6, "position_bias"),
        consistency=between(0.6, 0.9, "consistency"),
        unparsable=between(0.0, 0.04, "unparsable"),
        wordy=between(0.05, 0.4, "wordy"),
        both=between(0.02, 0.06, "both"),
        neither=between(0.02, 0.06, "neither"),
        refuses=between(0.0, 0.03, "refuses"),
        steerable=between(0.4, 2.0, "steerable"),
    )


@dataclass(frozen=True, slots=True)
class Errors:
    """How often a judge answers a question wrongly, given the true answer. For `value_guidance` and `action`: `missed` when
    the truth is one of the two actions, `false_pass` when it is both or neither."""

    missed: float  # the truth is yes (or A, or B), the judge says something else
    false_pass: float  # the truth is no (or both, or neither), the judge says something else


@dataclass(frozen=True, slots=True)
class JudgeErrors:
    """One judge's error rates, by dimension of the filter and for `action`, and how often the order of two actions sways it."""

    rates: Mapping[str, Errors]
    order_slip: float
    missed_of: Mapping[str, float] = field(default_factory=dict)  # by the value that an answer acts on

    def of(self, question: str) -> Errors:
        """Of a dimension, of a question such as `feasibility_1`, or of `action`."""
        return self.rates[question.removesuffix("_1").removesuffix("_2")]


_JUDGE = JudgeErrors(
    rates={
        "realism": Errors(0.015, 0.20),
        "specificity": Errors(0.010, 0.12),
        "feasibility": Errors(0.008, 0.15),
        "impossibility": Errors(0.020, 0.30),
        "value_guidance": Errors(0.015, 0.25),
        "genuine_dilemma": Errors(0.030, 0.40),
        "action": Errors(0.080, 0.35),
    },
    order_slip=0.004,
)


@lru_cache(maxsize=512)
def judge_errors(llm: str, *, seed: int = DEFAULT_SEED) -> JudgeErrors:
    """Known for `sim-judge`; any other id is a judge of its own quality, with between half and twice as many errors, unless its
    settings say how many."""
    own, errors = character_of(llm), _judge_errors(name_of(llm), seed)
    if own.misses is not None:
        rates = {**errors.rates, "action": Errors(own.misses, own.misses)}
        errors = replace(errors, rates=rates)
    return replace(errors, missed_of=own.misses_of, order_slip=errors.order_slip if own.slips is None else own.slips)


def _judge_errors(llm: str, seed: int) -> JudgeErrors:
    if llm == JUDGE:
        return _JUDGE
    factor = 0.5 * 4 ** draws.uniform(seed, llm, "judge quality")
    return JudgeErrors(
        rates={
            question: Errors(min(factor * errors.missed, 0.5), min(factor * errors.false_pass, 0.5))
            for question, errors in _JUDGE.rates.items()
        },
        order_slip=min(factor * _JUDGE.order_slip, 0.5),
    )
