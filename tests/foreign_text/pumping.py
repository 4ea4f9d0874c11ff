"""Texts made to hold a regular expression for long, from the expression itself, and whether it takes time in proportion to them.

Wherever an expression repeats something without end, a text is made that leads up to the repetition and then repeats, and breaks off
with something that does not belong there: whatever can be shared out in several ways is then tried in every one.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Iterator
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

# Any text may be made of these.
RUNS = (
    " ", "\n", "\t", "\r\n", "<", ">", "(", ")", "[", "{", "}", '"', "'", "\\", "/", "*", "_", "`", "#", "-", ".", ",", ":", "|", "=", "&",
    "0", "1", "a", "A", "é", "中", "<a", "</", "< ", "a ", " a", "1.", "1,", '""', '\\"', "()", "([", "a(", "A or ", "\u200b", "- ", "\n\n",
)  # fmt: skip
SIZES = (24, 100, 300, 1_000, 3_000, 10_000, 40_000)
# A step over one character costs some 10 to 100 ns: what takes so long for a text that is this short takes no such steps.
AT_ONCE_SECONDS = {24: 0.02, 100: 0.02, 300: 0.02}
TOO_SHORT_TO_JUDGE_SECONDS = 0.002


def texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """What leads up, what is repeated, what ends it."""
    tree = _parser.parse(
        pattern.pattern, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    )
    for before, repeated in {*_repetitions(tree, ""), *((before, "a") for before, _ in _repetitions(tree, ""))}:
        yield before, repeated, "\x00"
        yield "", before + repeated, "\x00"


def _repetitions(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    """For each repetition without end: an example of what may come before it, and of what it repeats."""
    for operation, argument in tree:
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            _, most, body = argument
            if most == sre.MAXREPEAT:
                for example in _examples(body):
                    yield before, example
            yield from _repetitions(body, before)
        elif operation is sre.SUBPATTERN:
            yield from _repetitions(argument[-1], before)
        elif operation is sre.ATOMIC_GROUP:
            yield from _repetitions(argument, before)
        elif operation is sre.BRANCH:
            for branch in argument[1]:
                yield from _repetitions(branch, before)
        elif operation in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _repetitions(argument[1], before)
        before += _example([(operation, argument)])


def _examples(tree: Any) -> set[str]:
    """What a body may be: with the first branch of each choice, and with each member of a set of characters."""
    found = {_example(tree)}
    if len(tree) == 1:
        operation, argument = tree[0]
        if operation is sre.IN:
            found |= {_character([each]) for each in argument if each[0] is not sre.NEGATE}
        elif operation is sre.SUBPATTERN:
            found |= _examples(argument[-1])
        elif operation is sre.BRANCH:
            for branch in argument[1]:
                found |= _examples(branch)
    return {each for each in found if each}


def _example(tree: Any) -> str:
    """A text that fits, or nearly: what stands around it is not looked at."""
    said = ""
    for operation, argument in tree:
        if operation in (sre.LITERAL, sre.NOT_LITERAL):
            said += chr(argument) if operation is sre.LITERAL else "b" if argument == ord("a") else "a"
        elif operation is sre.ANY:
            said += "a"
        elif operation is sre.IN:
            said += _character(argument)
        elif operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, body = argument
            said += _example(body) * max(least, min(1, int(most)))
        elif operation is sre.SUBPATTERN:
            said += _example(argument[-1])
        elif operation is sre.ATOMIC_GROUP:
            said += _example(argument)
        elif operation is sre.BRANCH:
            said += _example(argument[1][0])
    return said


_OF_CATEGORY = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_WORD: "(",
}


def _character(members: Any) -> str:
    if members and members[0][0] is sre.NEGATE:
        pattern = re.compile("[" + "".join(map(_as_class, members[1:])) + "]")
        return next((each for each in "a (1<\"'\\A-.é\n" if not pattern.match(each)), "中")
    operation, argument = members[0]
    if operation is sre.LITERAL:
        return chr(argument)
    if operation is sre.RANGE:
        return chr(argument[0])
    return _OF_CATEGORY[argument]


def _as_class(member: Any) -> str:
    operation, argument = member
    if operation is sre.LITERAL:
        return re.escape(chr(argument))
    if operation is sre.RANGE:
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    return {"1": r"\d", " ": r"\s", "(": r"\W"}.get(_OF_CATEGORY[argument], r"\w")


def grows_too_fast(
    work: Callable[[str], object], before: str, repeated: str, end: str, *, most: int = SIZES[-1]
) -> str:
    """Whether the work takes more than time in proportion to the text; empty if not, else in words.

    Measured in this thread's own processor time, which others on the machine hardly change, and again before it is said.
    """
    last = 0.0
    for size, smaller in zip(SIZES, (0, *SIZES), strict=False):
        if size > most:
            break
        text = before + repeated * (size // len(repeated)) + end
        took = _took(work, text)
        allowed = AT_ONCE_SECONDS.get(size) or 2.2 * size / smaller * max(last, TOO_SHORT_TO_JUDGE_SECONDS)
        if took > allowed:
            took = min(took, _took(work, text), _took(work, text))
        if took > allowed:
            return f"{took:.3f} s for {size} characters, {last:.4f} s for {smaller}: {before!r}, {repeated!r} again and again, {end!r}"
        last = took
    return ""


def _took(work: Callable[[str], object], text: str) -> float:
    gc.disable()  # how much else there is in memory is no matter here
    try:
        began = time.thread_time()
        work(text)
        return time.thread_time() - began
    finally:
        gc.enable()
