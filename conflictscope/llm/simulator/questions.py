"""What kind of question a conversation asks: found, as a reader would, from the sections it shows and the words around them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

_TAG = re.compile(r"<(/?)([a-z][a-z0-9_]*+)>")


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
    text: str = ""  # as it came

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
    tags = list(_TAG.finditer(text))
    ends: dict[str, list[re.Match[str]]] = {}
    for tag in reversed(tags):
        if tag[1]:
            ends.setdefault(tag[2], []).append(tag)
    sections: dict[str, str] = {}
    around, at = [], 0
    for tag in tags:
        if tag[1] or tag.start() < at:
            continue
        left = ends.get(tag[2], [])
        while left and left[-1].start() < tag.end():
            left.pop()
        if left:
            sections.setdefault(tag[2], text[tag.end() : left[-1].start()].strip())
            around.append(text[at : tag.start()])
            at = left[-1].end()
    return sections, " ".join([*around, text[at:]])


# What the gullible take for a tag: between brackets of any kind, with attributes, with invisible characters, in letters of any width.
_ANY_TAG = re.compile(r"[<‹⟨〈«](/?)\s?(\w{1,40})(?:\s[^<>‹›⟨⟩〈〉«»]{0,200})?[>›⟩〉»]")
_ANY_TURN = re.compile(
    r"^[^\S\n]*+[*_#\[(]{0,4}[^\S\n]?(user|assistant)[*_\])]{0,4}[^\S\n]?:", re.IGNORECASE | re.MULTILINE
)


def believed(question: SimulatorTask) -> SimulatorTask:
    """The question as a gullible reader has it: whatever looks like a tag is one, the first section of a name is the one, and the last
    transcript; whatever looks like a turn is one, and the assistant's last is what it did."""
    text = unicodedata.normalize("NFKC", question.text)
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    text = _ANY_TAG.sub(lambda tag: f"<{tag[1]}{tag[2].lower()}>", text)
    sections, instruction = split(text)
    sections.update(split(text[max(text.rfind("<transcript>"), 0) :])[0])
    talk = "\n".join(sections.get("transcript", "").splitlines())
    turns = list(_ANY_TURN.finditer(talk))
    if turns and turns[-1][1].lower() == "assistant":
        sections["transcript"] = f"Assistant:{talk[turns[-1].end() :]}"
    return replace(question, sections=sections, instruction=instruction)


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
            return SimulatorTask(kind, sections, instruction, attempt, turn.text)
    return SimulatorTask(TaskKind.CONVERSATION, {}, turns[-1].text if turns else "")
