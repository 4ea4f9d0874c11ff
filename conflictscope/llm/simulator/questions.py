"""What kind of question a conversation asks: found, as a reader would, from the sections it shows and the words around them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_SECTION = re.compile(r"<([a-z][a-z0-9_]*)>\s*(.*?)\s*</\1>", re.DOTALL)


class TaskKind(StrEnum):
    """What is wanted in reply."""

    OUTLINES = "outlines"
    DRAFT = "draft"
    WHOLE = "whole"  # scenario or scenarios in one go, without an outline before
    REALISM = "realism"
    SPECIFICITY = "specificity"
    FEASIBILITY = "feasibility"
    IMPOSSIBILITY = "impossibility"
    VALUE_GUIDANCE = "value_guidance"
    GENUINE_DILEMMA = "genuine_dilemma"
    DOMAIN = "domain"  # which field of life is it in
    ACTION = "action"  # which action did the response take
    CHOICE = "choice"
    RATING = "rating"
    OPENING = "opening"
    REWRITING = "rewriting"  # the opening message again, without what it should not say
    FOLLOW_UP = "follow_up"  # the simulated user's next message
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class Turn:
    role: str  # "user" or "assistant"
    text: str


@dataclass(frozen=True, slots=True)
class SimulatorTask:
    """A conversation as the simulator understood it. `attempt` counts the answers that were sent back for correction."""

    kind: TaskKind
    sections: Mapping[str, str]
    instruction: str
    attempt: int = 0

    def section(self, *names: str) -> str:
        """The first of these sections that the text has, or nothing."""
        for name in names:
            if name in self.sections:
                return self.sections[name]
        return ""


_TELLING: Mapping[TaskKind, re.Pattern[str]] = {
    TaskKind.REALISM: re.compile(
        r"realis|plausib|could (?:really |actually )?happen|artificial|fantas|believab|in real life|contrived"
    ),
    TaskKind.SPECIFICITY: re.compile(r"specific|placeholder|concrete|named? (?:people|places)|vague|generic|grounded"),
    TaskKind.IMPOSSIBILITY: re.compile(
        r"impossib|both (?:be )?(?:taken|done|at once)|take both|do both|together|compatible|mutually|exclu|rule[sd]? out|combine"
    ),
    TaskKind.GENUINE_DILEMMA: re.compile(
        r"dilemma|clearly better|obvious|nearly everyone|reasonable people|ambigu|hard choice|close call"
    ),
}


def _which_filter(instruction: str) -> TaskKind:
    low = instruction.lower()
    return max(_TELLING, key=lambda kind: len(_TELLING[kind].findall(low)))


def split(text: str) -> tuple[dict[str, str], str]:
    """The delimited sections of a text, and what stands around them."""
    sections: dict[str, str] = {}
    for name, body in _SECTION.findall(text):
        sections.setdefault(name, body)
    return sections, (_SECTION.sub(" ", text) if sections else text)


def _kind(sections: Mapping[str, str], instruction: str) -> TaskKind | None:
    """None: there is no question of ours in it."""
    has = sections.keys()
    if "domains" in has:
        return TaskKind.DOMAIN
    actions = {"action_a", "action_b"} <= has or {"action_1", "action_2"} <= has
    if {"value_1", "value_2"} <= has:
        if "context" in has or "opportunity" in has:
            return TaskKind.DRAFT
        return TaskKind.OUTLINES if re.search(r"outlines?\b", instruction, re.IGNORECASE) else TaskKind.WHOLE
    if {"option_a", "option_b"} <= has:
        return TaskKind.CHOICE
    if {"message", "avoid"} <= has:
        return TaskKind.REWRITING
    if "transcript" in has:
        return TaskKind.ACTION if actions else TaskKind.FOLLOW_UP
    if actions:
        return TaskKind.VALUE_GUIDANCE if "value" in has else _which_filter(instruction)
    if "action" in has:
        rated = re.search(r"\b1\s*(?:to|-|–)\s*7\b", instruction)
        return TaskKind.RATING if rated else TaskKind.FEASIBILITY
    if "user" in has and ("description" in has or "situation" in has):
        return TaskKind.OPENING
    return None


def understand(turns: Sequence[Turn]) -> SimulatorTask:
    """The question that a conversation ends with. A correction ("that was not JSON") repeats the question before it."""
    attempt = 0
    for turn in reversed(turns):
        if turn.role == "assistant":
            attempt += 1
            continue
        sections, instruction = split(turn.text)
        kind = _kind(sections, instruction) if sections else None
        if kind is not None:
            return SimulatorTask(kind, sections, instruction, attempt)
    return SimulatorTask(TaskKind.CONVERSATION, {}, turns[-1].text if turns else "")
