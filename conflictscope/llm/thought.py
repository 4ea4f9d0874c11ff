"""Telling a model's thought from its answer, where both come as one text.

Servers without a parser for reasoning send the thought in line, between tags of the model's own template; sometimes only the closing
tag (the template opened it), sometimes none that closes (the tokens were used up). What is thought is never part of an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Nothing in these is repeated without a bound, so that a text of any length is read in one pass.
_TAG = re.compile(
    r"<(?P<close>/?)(?:think|thinking|thought|thoughts|reasoning|seed:think|mm:think|antthinking|scratchpad|reflection|inner_monologue)"
    r"\s?(?:\s[^<>]{0,100})?>"
    r"|<\|(?:begin|(?P<close_bar>end))_of_thought\|>"
    r"|\[(?P<close_bracket>/?)THINK\]"
    r"|◁(?P<close_triangle>/?)think▷",
    re.IGNORECASE,
)
_SOLUTION = re.compile(r"<\|(?:begin|end)_of_solution\|>")
# Cut off within its closing tag, or within the opening one.
_CUT_TAG = re.compile(r"</?t(?:h(?:i(?:n(?:k(?:i(?:n(?:g)?)?)?)?)?)?)?\Z", re.IGNORECASE)
# The channels of gpt-oss, where a server does not part them.
_CHANNEL, _MESSAGE = "<|channel|>", "<|message|>"
_FINAL = f"{_CHANNEL}final{_MESSAGE}"
_MARKS = re.compile(r"<\|(?:channel|message|start|end|return)\|>")


@dataclass(frozen=True, slots=True)
class Parted:
    """A text in its two parts. `unfinished`: the thought was begun and never came to an end, so there is no answer."""

    thought: str
    answer: str
    unfinished: bool = False


def part(text: str) -> Parted:
    """The thought and the answer in a text that may hold both; a text without any tag is all answer.

    A closing tag that nothing has opened ends a thought that began with the text, since templates open it themselves.
    """
    if _CHANNEL in text:
        return _by_channel(text)
    thoughts: list[str] = []
    answers: list[str] = []
    start, thinking = 0, False
    for tag in _TAG.finditer(text):
        closes = any((tag["close"], tag["close_bar"], tag["close_bracket"], tag["close_triangle"]))
        if thinking and not closes:
            continue  # a tag named within a thought
        before = text[start : tag.start()]
        if closes and not thinking:
            thoughts += [*answers, before]
            answers = []
        elif closes:
            thoughts.append(before)
        else:
            answers.append(before)
        thinking, start = not closes, tag.end()
    rest = text[start:]
    if thinking:
        return Parted(_joined([*thoughts, rest]), "", unfinished=True)
    if not thoughts:
        return Parted("", text)
    return Parted(_joined(thoughts), _SOLUTION.sub("", "".join([*answers, rest])).strip())


def _by_channel(text: str) -> Parted:
    at = text.rfind(_FINAL)
    thought = _MARKS.sub(" ", text if at < 0 else text[:at]).strip()
    if at < 0:
        return Parted(thought, "", unfinished=True)
    return Parted(thought, _MARKS.sub("", text[at + len(_FINAL) :]).strip())


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(filter(None, (_CUT_TAG.sub("", thought).strip() for thought in thoughts)))
